package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"waverider"
)

// Sequence is a Sequence as a Hub shows it.
type Sequence struct {
	ID        waverider.SequenceID   `json:"id"`
	Name      string                 `json:"name"`
	Config    SequenceConfig         `json:"config"`
	Location  string                 `json:"location"`
	Instances []waverider.InstanceID `json:"instances"`
	Revision  int                    `json:"revision"`
	Created   time.Time              `json:"created"`

	Raw json.RawMessage `json:"-"` // the whole object
}

// SequenceConfig is what the newest package says of itself.
type SequenceConfig struct {
	Name        string            `json:"name"`
	Version     string            `json:"version"`
	Description string            `json:"description"`
	Author      string            `json:"author"`
	Language    string            `json:"language"`
	Entry       string            `json:"entrypointPath"`
	Engines     map[string]string `json:"engines"`
	Size        int64             `json:"packageSize"`
}

// UnmarshalJSON keeps the whole object beside the fields known here.
func (s *Sequence) UnmarshalJSON(data []byte) error {
	type plain Sequence
	s.Raw = append(s.Raw[:0], data...)
	return json.Unmarshal(data, (*plain)(s))
}

// MarshalJSON gives the object as the Hub sent it.
func (s Sequence) MarshalJSON() ([]byte, error) {
	if len(s.Raw) > 0 {
		return s.Raw, nil
	}
	type plain Sequence
	return json.Marshal(plain(s))
}

// Sequences lists all.
func (c *Client) Sequences(ctx context.Context) (list []Sequence, err error) {
	return list, c.json(ctx, http.MethodGet, nil, &list, "sequences")
}

// Sequence finds one by id, name@version, name or the start of its id.
func (c *Client) Sequence(ctx context.Context, id string) (s Sequence, err error) {
	return s, c.json(ctx, http.MethodGet, nil, &s, "sequence", id)
}

// Package is a Sequence on its way to a Hub.
type Package struct {
	Body     io.Reader
	Size     int64            // 0: unknown
	Progress func(sent int64) // called as bytes leave, from one goroutine; nil: not
}

// SendSequence uploads a package as a new Sequence.
func (c *Client) SendSequence(ctx context.Context, p Package) (waverider.SequenceID, error) {
	return c.upload(ctx, http.MethodPost, p, "sequence")
}

// UpdateSequence gives a Sequence a new revision.
func (c *Client) UpdateSequence(ctx context.Context, id string, p Package) (waverider.SequenceID, error) {
	return c.upload(ctx, http.MethodPut, p, "sequence", id)
}

func (c *Client) upload(ctx context.Context, method string, p Package, path ...string) (waverider.SequenceID, error) {
	body := p.Body
	if p.Progress != nil {
		body = &counter{r: body, told: p.Progress}
	}
	var made struct {
		ID waverider.SequenceID `json:"id"`
	}
	err := c.decode(ctx, call{method: method, path: path, body: body, length: p.Size, header: http.Header{
		"Content-Type": {"application/octet-stream"},
		// A Hub that refuses says so before the package is on its way.
		"Expect": {"100-continue"},
	}}, &made)
	return made.ID, err
}

// DeleteSequence removes a Sequence; force ends its Instances first.
func (c *Client) DeleteSequence(ctx context.Context, id string, force bool) error {
	k := call{method: http.MethodDelete, path: []string{"sequence", id}, header: http.Header{"Content-Type": {"application/json"}}}
	if force {
		k.header.Set("X-Seq-Kill-Inst", "true")
	}
	return c.decode(ctx, k, nil)
}

// StartSequence starts an Instance.
func (c *Client) StartSequence(ctx context.Context, id string, req waverider.StartRequest) (waverider.InstanceID, error) {
	var made struct {
		ID waverider.InstanceID `json:"id"`
	}
	return made.ID, c.json(ctx, http.MethodPost, req, &made, "sequence", id, "start")
}

// counter tells how much was read through it.
type counter struct {
	r    io.Reader
	n    int64
	told func(int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.told(c.n)
	return n, err
}
