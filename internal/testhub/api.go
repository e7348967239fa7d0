package testhub

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Way is how an API is reached; the zero value is plain HTTP, without a token.
type Way struct {
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	TLS   *tls.Config // nil: plain HTTP
	Token string
	Base  string // of the paths; default /api/v1
}

// API calls a Hub or a Space. Every call ends with its ctx.
type API struct {
	addr   func() string
	way    Way
	client *http.Client
}

// At is the API at a fixed address.
func At(addr string) API { return newAPI(func() string { return addr }, Way{}) }

// newAPI never waits for ever to connect, and keeps few connections.
func newAPI(addr func() string, way Way) API {
	if way.Base == "" {
		way.Base = "/api/v1"
	}
	transport := &http.Transport{DialContext: way.Dial, TLSClientConfig: way.TLS, MaxIdleConnsPerHost: 4, IdleConnTimeout: 10 * time.Second}
	return API{addr, way, &http.Client{Transport: transport}}
}

// WithTLS speaks TLS.
func (a API) WithTLS(config *tls.Config) API {
	a.way.TLS = config
	return newAPI(a.addr, a.way)
}

// WithToken shows a token.
func (a API) WithToken(token string) API {
	a.way.Token = token
	return a
}

// Below is the API that begins at a path of this one.
func (a API) Below(path string) API {
	a.way.Base += path
	return a
}

// URL is where the API is, without its base.
func (a API) URL() string {
	if a.way.TLS != nil {
		return "https://" + a.addr()
	}
	return "http://" + a.addr()
}

// request begins a request to a path of the API.
func (a API) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.URL()+a.way.Base+path, body)
	if err == nil && a.way.Token != "" {
		req.Header.Set("Authorization", "Bearer "+a.way.Token)
	}
	return req, err
}

// dial connects for a raw request.
func (a API) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dial := a.way.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", a.addr())
	if err != nil || a.way.TLS == nil {
		return conn, err
	}
	safe := tls.Client(conn, a.way.TLS)
	if err := safe.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return safe, nil
}

// StatusError is an answer that is none of success.
type StatusError struct {
	Method, Path string
	Status       int
	Body         []byte
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, bytes.TrimSpace(e.Body))
}

// Field is a field of the JSON body of the error.
func (e *StatusError) Field(name string) any {
	var fields map[string]any
	_ = json.Unmarshal(e.Body, &fields)
	return fields[name]
}

// Do sends a request and reads the answer whole; a status of 400 and more is a
// *StatusError.
func (a API) Do(ctx context.Context, method, path, contentType string, body io.Reader) ([]byte, error) {
	req, err := a.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 400 {
		return nil, &StatusError{method, path, resp.StatusCode, data}
	}
	return data, nil
}

// JSON sends in (nil: nothing) and decodes the answer into out (nil: not).
func (a API) JSON(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	data, err := a.Do(ctx, method, path, "application/json", body)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: %w in %q", method, path, err, data)
	}
	return nil
}

// Upload makes a Sequence of a package and answers its id.
func (a API) Upload(ctx context.Context, pkg []byte) (string, error) {
	data, err := a.Do(ctx, http.MethodPost, "/sequence", "application/octet-stream", bytes.NewReader(pkg))
	if err != nil {
		return "", err
	}
	var made struct{ ID string }
	err = json.Unmarshal(data, &made)
	return made.ID, err
}

// Start is the body of a start request.
type Start struct {
	Config  any    `json:"appConfig,omitempty"`
	Args    []any  `json:"args,omitempty"`
	ID      string `json:"instanceId,omitempty"`
	Restart string `json:"restart,omitempty"`
	Limits  any    `json:"limits,omitempty"`

	InputTopic  string `json:"inputTopic,omitempty"`
	OutputTopic string `json:"outputTopic,omitempty"`
	Ack         string `json:"ack,omitempty"`
}

// StartInstance starts an Instance of a Sequence and answers its id.
func (a API) StartInstance(ctx context.Context, sequence string, s Start) (string, error) {
	var made struct{ ID string }
	err := a.JSON(ctx, http.MethodPost, "/sequence/"+sequence+"/start", s, &made)
	return made.ID, err
}

// Position is where a stream of an Instance stands.
type Position struct {
	Offset int64 `json:"offset"`
}

// Instance is what the rigs look at of an Instance object.
type Instance struct {
	ID         string   `json:"id"`
	Status     string   `json:"status"`
	Error      string   `json:"error"`
	Restarts   int      `json:"restarts"`
	Epoch      int      `json:"epoch"`
	Input      Position `json:"input"`
	Output     Position `json:"output"`
	Terminated *struct {
		ExitCode int    `json:"exitcode"`
		Reason   string `json:"reason"`
	} `json:"terminated"`
}

// Ended reports whether it will not run again.
func (i Instance) Ended() bool { return i.Status == "completed" || i.Status == "errored" }

// Instance asks for one Instance.
func (a API) Instance(ctx context.Context, id string) (in Instance, err error) {
	err = a.JSON(ctx, http.MethodGet, "/instance/"+id, nil, &in)
	return in, err
}

// Instances asks for all.
func (a API) Instances(ctx context.Context) (list []Instance, err error) {
	err = a.JSON(ctx, http.MethodGet, "/instances", nil, &list)
	return list, err
}

// Await asks for an Instance until ok holds of it.
func (a API) Await(ctx context.Context, id string, ok func(Instance) bool) (Instance, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		in, err := a.Instance(ctx, id)
		if err != nil {
			return in, err
		}
		if ok(in) {
			return in, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return in, fmt.Errorf("instance %s is still %s: %w", id, in.Status, ctx.Err())
		}
	}
}

// RunnerPID is the process id of an Instance's runner.
func (a API) RunnerPID(ctx context.Context, id string) (int, error) {
	var health struct {
		ProcessID int `json:"processId"`
	}
	err := a.JSON(ctx, http.MethodGet, "/instance/"+id+"/health", nil, &health)
	return health.ProcessID, err
}

// Event sends an event to an Instance.
func (a API) Event(ctx context.Context, id, name string, message any) error {
	body := []any{5001, map[string]any{"eventName": name, "message": message}}
	return a.JSON(ctx, http.MethodPost, "/instance/"+id+"/_event", body, nil)
}

// Stop asks an Instance to end; the answer comes when it has.
func (a API) Stop(ctx context.Context, id string, timeout time.Duration) error {
	return a.JSON(ctx, http.MethodPost, "/instance/"+id+"/_stop", map[string]any{"timeout": timeout.Milliseconds()}, nil)
}

// Kill ends an Instance; with remove it is forgotten at once.
func (a API) Kill(ctx context.Context, id string, remove bool) error {
	return a.JSON(ctx, http.MethodPost, "/instance/"+id+"/_kill", map[string]any{"removeImmediately": remove}, nil)
}
