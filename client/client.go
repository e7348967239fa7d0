package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"waverider/wire"
)

// DefaultURL is where a Hub started without flags answers.
const DefaultURL = "http://127.0.0.1:8000" + wire.Base

// maxError bounds what is read of an answer that is an error.
const maxError = 1 << 20

// Config says which Hub a Client talks to. The zero Config is the one on this
// machine.
type Config struct {
	URL       string // base of the API; without a path, /api/v1 is added
	TokenFile string // file with the token to send; empty: none
	Agent     string // User-Agent
}

// Client talks to one Hub. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	agent string
	http  *http.Client
}

// UnreachableError says that no Hub answered at all.
type UnreachableError struct {
	URL string
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cannot reach the Hub at %s: %v", e.URL, e.Err)
}
func (e *UnreachableError) Unwrap() error { return e.Err }

// New makes a Client; it does not connect yet.
func New(cfg Config) (*Client, error) {
	base, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{base: base, agent: cfg.Agent}
	if cfg.TokenFile != "" {
		text, err := os.ReadFile(cfg.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("read token: %w", err)
		}
		c.token = strings.TrimSpace(string(text))
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	c.http = &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		DisableCompression:    true, // streams come piece by piece
		ExpectContinueTimeout: 5 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		IdleConnTimeout:       time.Minute,
		ReadBufferSize:        64 << 10,
		WriteBufferSize:       64 << 10,
	}}
	return c, nil
}

func parseURL(text string) (*url.URL, error) {
	if text == "" {
		text = DefaultURL
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("url %q: %w", text, errors.Unwrap(err))
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("url %q: want http://HOST:PORT or https://HOST:PORT", text)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	if u.Path == "" {
		u.Path = wire.Base
	}
	return u, nil
}

// URL is the base all paths are joined to.
func (c *Client) URL() string { return c.base.String() }

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one request.
type call struct {
	method string
	path   []string // segments, escaped when sent
	query  url.Values
	header http.Header
	body   io.Reader
	length int64 // of body; 0 with a body: unknown
}

// send makes the call and returns the answer if it is one of success; the
// caller closes its body.
func (c *Client) send(ctx context.Context, k call) (*http.Response, error) {
	u := c.base.JoinPath(escape(k.path)...)
	u.RawQuery = k.query.Encode()
	req, err := http.NewRequestWithContext(ctx, k.method, u.String(), k.body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	for name, values := range k.header {
		req.Header[name] = values
	}
	if k.length > 0 {
		req.ContentLength = k.length
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.agent != "" {
		req.Header.Set("User-Agent", c.agent)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	if resp.StatusCode >= 400 {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxError)) // what there is will do
		return nil, wire.DecodeError(resp.StatusCode, text)
	}
	return resp, nil
}

// failure is what a call without an answer means: given up by the caller, or
// nobody there.
func (c *Client) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // the URL is named once already
	}
	return &UnreachableError{URL: c.base.Scheme + "://" + c.base.Host, Err: err}
}

func escape(segments []string) []string {
	out := make([]string, len(segments))
	for i, s := range segments {
		out[i] = url.PathEscape(s)
	}
	return out
}

// json makes a call with a JSON body (nil: none) and decodes the answer into
// out (nil: dropped).
func (c *Client) json(ctx context.Context, method string, in, out any, path ...string) error {
	k := call{method: method, path: path, header: http.Header{"Accept": {"application/json"}}}
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		k.body = bytes.NewReader(data)
		k.header.Set("Content-Type", "application/json")
	}
	return c.decode(ctx, k, out)
}

func (c *Client) decode(ctx context.Context, k call, out any) error {
	resp, err := c.send(ctx, k)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if out == nil || len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the answer of %s is not what a Hub sends: %w", c.base.Host, err)
	}
	return nil
}

// stream opens an answer that goes on until the caller closes it or ctx ends.
func (c *Client) stream(ctx context.Context, query url.Values, path ...string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
