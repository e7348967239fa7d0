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

// Config says which Hub or Space a Client talks to. The zero Config is the Hub on
// this machine.
type Config struct {
	URL       string // base of the API; without a path, /api/v1 is added
	Hub       string // name or id of a Hub of the Space at URL, to be called through it; empty: who answers at URL
	TokenFile string // file with the token to send; empty: none
	CA        string // file with authorities (PEM) that are good beside the system's; empty: none
	Agent     string // User-Agent
	Space     bool   // URL is meant to be a Space's: errors say so
}

// Client talks to one Hub or Space. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	ca    string
	who   string // answers at the address: Hub or Space
	token string
	agent string
	http  *http.Client
}

// New makes a Client; it does not connect yet.
func New(cfg Config) (*Client, error) {
	base, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{base: base, ca: cfg.CA, who: "Hub", agent: cfg.Agent}
	if cfg.Hub != "" {
		if c.base, err = behind(base, cfg.Hub); err != nil {
			return nil, err
		}
	}
	if cfg.Hub != "" || cfg.Space {
		c.who = "Space"
	}
	trust, err := authorities(cfg.CA)
	if err != nil {
		return nil, err
	}
	if cfg.TokenFile != "" {
		text, err := os.ReadFile(cfg.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("read token: %w", err)
		}
		c.token = strings.TrimSpace(string(text))
		if c.token == "" {
			return nil, fmt.Errorf("read token: %s is empty", cfg.TokenFile)
		}
		if strings.ContainsFunc(c.token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("read token: %s holds more than a token", cfg.TokenFile)
		}
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	c.http = &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		DisableCompression:    true, // streams come piece by piece
		ExpectContinueTimeout: 5 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		TLSClientConfig:       trust,
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

// behind is the base of a Hub that is called through the Space at base.
func behind(base *url.URL, hub string) (*url.URL, error) {
	if strings.Contains(base.Path, "/sth/") {
		return nil, fmt.Errorf("url %q is that of a Hub already, and another is named (%q): want the URL of the Space", base, hub)
	}
	if hub == "." || hub == ".." || strings.ContainsAny(hub, "/?#%") {
		return nil, fmt.Errorf("%q cannot be the name of a Hub", hub)
	}
	return base.JoinPath("sth", hub, "api", "v1"), nil
}

// URL is the base all paths are joined to.
func (c *Client) URL() string { return c.base.String() }

// Address is that of who answers, without a path.
func (c *Client) Address() string { return c.base.Scheme + "://" + c.base.Host }

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
		return nil, c.refusal(resp, text)
	}
	return resp, nil
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
		return fmt.Errorf("the answer of %s is not what a %s sends: %w", c.base.Host, c.who, err)
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
