package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// Version is what answers at the other end.
type Version struct {
	Service    string `json:"service"`
	APIVersion string `json:"apiVersion"`
	Version    string `json:"version"` // of the Scramjet API it speaks
	Build      string `json:"build"`   // of the program
}

// Disk is one file system a Hub uses.
type Disk struct {
	FS        string  `json:"fs"`
	Available float64 `json:"available"`
	Size      float64 `json:"size"`
	Used      float64 `json:"used"`
	Use       float64 `json:"use"` // 0 to 1
}

// Load is how busy a Hub's machine is.
type Load struct {
	Average float64 `json:"avgLoad"`     // over 15 minutes
	Current float64 `json:"currentLoad"` // over one minute
	MemFree float64 `json:"memFree"`
	MemUsed float64 `json:"memUsed"`
	Disks   []Disk  `json:"fsSize"`
}

// Version asks which Hub this is.
func (c *Client) Version(ctx context.Context) (v Version, err error) {
	return v, c.json(ctx, http.MethodGet, nil, &v, "version")
}

// Load asks how busy the Hub's machine is.
func (c *Client) Load(ctx context.Context) (l Load, err error) {
	return l, c.json(ctx, http.MethodGet, nil, &l, "load-check")
}

// HubConfig is the Hub's effective configuration as it shows it.
func (c *Client) HubConfig(ctx context.Context) (raw json.RawMessage, err error) {
	return raw, c.json(ctx, http.MethodGet, nil, &raw, "config")
}

// HubStatus is what the Hub says of its link to a Space.
func (c *Client) HubStatus(ctx context.Context) (raw json.RawMessage, err error) {
	return raw, c.json(ctx, http.MethodGet, nil, &raw, "status")
}

// HubLog streams the Hub's own log, one JSON object a line: what is kept, and
// with follow what comes.
func (c *Client) HubLog(ctx context.Context, follow bool) (io.ReadCloser, error) {
	text, err := c.stream(ctx, ReadOptions{Once: !follow}.query(), "log")
	if err != nil || follow {
		return text, err
	}
	return &untilQuiet{ReadCloser: text}, nil
}

// Audit streams what was asked of the Hub, one JSON object a line: what is
// kept, and with follow what comes.
func (c *Client) Audit(ctx context.Context, follow bool) (io.ReadCloser, error) {
	text, err := c.stream(ctx, ReadOptions{Once: !follow}.query(), "audit")
	if err != nil || follow {
		return text, err
	}
	return &untilQuiet{ReadCloser: text}, nil
}

// quietTime without a byte is the end of a replay.
const quietTime = 500 * time.Millisecond

// untilQuiet ends a stream that has had nothing for a while: Hubs of Scramjet
// replay their log and then follow, whatever they are asked.
type untilQuiet struct {
	io.ReadCloser
	quiet atomic.Bool
}

func (u *untilQuiet) Read(p []byte) (int, error) {
	t := time.AfterFunc(quietTime, func() {
		u.quiet.Store(true)
		_ = u.Close() // wakes the Read below
	})
	n, err := u.ReadCloser.Read(p)
	t.Stop()
	if err != nil && u.quiet.Load() {
		return n, io.EOF
	}
	return n, err
}
