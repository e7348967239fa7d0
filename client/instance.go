package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"waverider"
	"waverider/wire"
)

// Instance is an Instance as a Hub shows it.
type Instance struct {
	ID       waverider.InstanceID `json:"id"`
	Status   waverider.Status     `json:"status"`
	Config   json.RawMessage      `json:"appConfig"`
	Args     json.RawMessage      `json:"args"`
	Provides string               `json:"provides"`
	Requires string               `json:"requires"`
	Sequence struct {
		ID     waverider.SequenceID `json:"id"`
		Name   string               `json:"name"`
		Config SequenceConfig       `json:"config"`
	} `json:"sequence"`
	Created    time.Time               `json:"created"`
	Started    time.Time               `json:"started"`
	Ended      time.Time               `json:"ended"`
	Terminated *waverider.Terminated   `json:"terminated"`
	Error      string                  `json:"error"` // what the program failed with last
	Revision   int                     `json:"revision"`
	Restart    waverider.RestartPolicy `json:"restart"`
	Restarts   int                     `json:"restarts"`
	Limits     waverider.Limits        `json:"limits"`
	// As asked for at the start; Provides and Requires are what came of it.
	InputTopic  string        `json:"inputTopic"`
	OutputTopic string        `json:"outputTopic"`
	InputType   string        `json:"inputType"`
	OutputType  string        `json:"outputType"`
	Ack         waverider.Ack `json:"ack"`
	ReadAhead   int           `json:"readAhead"`

	Input  Stream `json:"input"`
	Output Stream `json:"output"`

	Raw json.RawMessage `json:"-"` // the whole object
}

// Stream tells where a stream of an Instance stands, in bytes.
type Stream struct {
	Offset      uint64 `json:"offset"`
	ContentType string `json:"contentType"`
	Ended       bool   `json:"ended"`
}

// UnmarshalJSON keeps the whole object beside the fields known here.
func (i *Instance) UnmarshalJSON(data []byte) error {
	type plain Instance
	i.Raw = append(i.Raw[:0], data...)
	return json.Unmarshal(data, (*plain)(i))
}

// MarshalJSON gives the object as the Hub sent it.
func (i Instance) MarshalJSON() ([]byte, error) {
	if len(i.Raw) > 0 {
		return i.Raw, nil
	}
	type plain Instance
	return json.Marshal(plain(i))
}

// Texts of an Instance that are kept.
const (
	Stdout = "stdout"
	Stderr = "stderr"
	Log    = "log"
)

// Instances lists all, also the ended ones that are still known.
func (c *Client) Instances(ctx context.Context) (list []Instance, err error) {
	return list, c.json(ctx, http.MethodGet, nil, &list, "instances")
}

// Instance finds one by id or the start of its id.
func (c *Client) Instance(ctx context.Context, id string) (i Instance, err error) {
	return i, c.json(ctx, http.MethodGet, nil, &i, "instance", id)
}

// InstanceHealth waits for the first word of the Instance and answers the last.
func (c *Client) InstanceHealth(ctx context.Context, id string) (raw json.RawMessage, err error) {
	return raw, c.json(ctx, http.MethodGet, nil, &raw, "instance", id, "health")
}

// StopInstance asks the program to end and ends it after timeout (0: the Hub's
// default). It returns when the Instance has ended, or when keepalive lets the
// program go on for a while.
func (c *Client) StopInstance(ctx context.Context, id string, timeout time.Duration, keepalive bool) (i Instance, err error) {
	body := map[string]any{"canCallKeepalive": keepalive}
	if timeout > 0 {
		body["timeout"] = timeout.Milliseconds()
	}
	return i, c.json(ctx, http.MethodPost, body, &i, "instance", id, "_stop")
}

// KillInstance ends an Instance now; remove forgets it as well.
func (c *Client) KillInstance(ctx context.Context, id string, remove bool) (i Instance, err error) {
	return i, c.json(ctx, http.MethodPost, map[string]any{"removeImmediately": remove}, &i, "instance", id, "_kill")
}

// SendEvent calls an event's handlers in the program. message is any JSON, nil
// for none.
func (c *Client) SendEvent(ctx context.Context, id, name string, message json.RawMessage) error {
	event := map[string]any{"eventName": name}
	if message != nil {
		event["message"] = message
	}
	return c.json(ctx, http.MethodPost, []any{5001, event}, nil, "instance", id, "_event")
}

// WaitEvent answers the message of an event the program emits: the next one,
// or with last the newest if there has been one.
func (c *Client) WaitEvent(ctx context.Context, id, name string, last bool) (raw json.RawMessage, err error) {
	op := "once"
	if last {
		op = "event"
	}
	return raw, c.json(ctx, http.MethodGet, nil, &raw, "instance", id, op, name)
}

// Events streams the messages of an event, one JSON value a line.
func (c *Client) Events(ctx context.Context, id, name string) (io.ReadCloser, error) {
	return c.stream(ctx, nil, "instance", id, "events", name)
}

// ReadOptions choose a part of what the program wrote. The zero value is a
// plain reader: it goes on where the last plain reader stopped, and follows.
type ReadOptions struct {
	From string // "start", "end" or an offset in bytes
	Once bool   // end at what there is now
}

func (o ReadOptions) query() url.Values {
	q := url.Values{}
	if o.From != "" {
		q.Set("from", o.From)
	}
	if o.Once {
		q.Set("follow", "false")
	}
	return q
}

// Text is bytes a program wrote, from an offset on.
type Text struct {
	io.ReadCloser
	Offset int64 // of the first byte; what was before it may be dropped
}

// Read streams what the program writes to Stdout, Stderr or Log.
func (c *Client) Read(ctx context.Context, id, name string, o ReadOptions) (*Text, error) {
	return c.text(ctx, o.query(), "instance", id, name)
}

// ReadOutput streams the output of the program: what nobody has read yet, and
// what comes. offset above 0 leaves out the bytes before it.
func (c *Client) ReadOutput(ctx context.Context, id string, offset int64) (*Text, error) {
	q := url.Values{}
	if offset > 0 {
		q.Set("offset", strconv.FormatInt(offset, 10))
	}
	return c.text(ctx, q, "instance", id, "output")
}

func (c *Client) text(ctx context.Context, query url.Values, path ...string) (*Text, error) {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return nil, err
	}
	offset, _ := strconv.ParseInt(resp.Header.Get(wire.OffsetHeader), 10, 64) // other Hubs send none
	return &Text{ReadCloser: resp.Body, Offset: offset}, nil
}

// DeleteInstance forgets an Instance that has ended, with its logs.
func (c *Client) DeleteInstance(ctx context.Context, id string) error {
	return c.json(ctx, http.MethodDelete, nil, nil, "instance", id)
}

// InputOptions say how bytes are fed.
type InputOptions struct {
	ContentType string // of the program's input; the first one counts
	KeepOpen    bool   // leave the stream open for others at the end of body
	// Offset of body's first byte in the program's input, for a body that may
	// have been sent before: what the program has of it is skipped.
	Offset *int64
}

// WriteInput feeds the program's input until body ends and the Hub has it all.
func (c *Client) WriteInput(ctx context.Context, id string, body io.Reader, o InputOptions) error {
	return c.feed(ctx, id, "input", body, o)
}

// InOut feeds the program's input with body and streams its output at the same
// time. The input stays open at the end of body unless end is set.
func (c *Client) InOut(ctx context.Context, id string, body io.Reader, contentType string, end bool) (io.ReadCloser, error) {
	header := http.Header{"X-End-Stream": {fmt.Sprint(end)}, "Content-Type": {contentType}}
	resp, err := c.send(ctx, call{method: http.MethodPost, path: []string{"instance", id, "inout"}, body: body, header: header})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// WriteStdin feeds the program's standard input.
func (c *Client) WriteStdin(ctx context.Context, id string, body io.Reader, keepOpen bool) error {
	return c.feed(ctx, id, "stdin", body, InputOptions{ContentType: "application/octet-stream", KeepOpen: keepOpen})
}

func (c *Client) feed(ctx context.Context, id, name string, body io.Reader, o InputOptions) error {
	header := http.Header{"X-End-Stream": {fmt.Sprint(!o.KeepOpen)}}
	if o.Offset != nil {
		header.Set(wire.OffsetHeader, strconv.FormatInt(*o.Offset, 10))
	}
	if o.ContentType != "" {
		header.Set("Content-Type", o.ContentType)
	}
	resp, err := c.send(ctx, call{method: http.MethodPost, path: []string{"instance", id, name}, body: body, header: header})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	// The status comes before the body has gone; the end of the answer says
	// that the program has it all.
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &waverider.Error{Kind: waverider.Gone, Message: "the Hub stopped taking the " + name + " before its end; the Instance may have ended", Err: err}
	}
	return nil
}
