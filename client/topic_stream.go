package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Headers of Topic streams.
const (
	cursorHeader = "Waverider-Cursor"
	missedHeader = "Waverider-Missed"
)

// TopicReadOptions say what of a Topic is read and how. The zero value is a
// plain reader: all plain readers share one place, and it follows.
type TopicReadOptions struct {
	From        string        // "start", "new", a cursor, a time or an age; "": the saved place
	Limit       uint64        // end after so many records; 0: none
	Once        bool          // end at what there is now
	Group       string        // read as this group, which is remembered
	ExplicitAck bool          // of a Group: its place moves by AckTopic only
	AckWait     time.Duration // of ExplicitAck: what is not acked for so long is given again; 0: the Hub's default
	Expire      time.Duration // of a Group: how long it is remembered unread; 0: the Hub's default
	Envelope    bool          // each record as a line of JSON with its cursor and time
	ContentType string        // of the Topic; makes one that is not there
}

func (o TopicReadOptions) query() url.Values {
	q := url.Values{}
	if o.From != "" {
		q.Set("from", o.From)
	}
	if o.Limit > 0 {
		q.Set("limit", strconv.FormatUint(o.Limit, 10))
	}
	if o.Once {
		q.Set("follow", "false")
	}
	if o.Group != "" {
		q.Set("group", o.Group)
	}
	if o.ExplicitAck {
		q.Set("ack", "explicit")
	}
	if o.AckWait > 0 {
		q.Set("ack-wait", o.AckWait.String())
	}
	if o.Expire > 0 {
		q.Set("expire", o.Expire.String())
	}
	if o.Envelope {
		q.Set("envelope", "true")
	}
	return q
}

// Records is a Topic being read. Read gives the bytes as they are stored, one
// record after the other. Close it.
type Records struct {
	io.ReadCloser
	Cursor      string // where it begins
	ContentType string // of the Topic
	resp        *http.Response
}

// End tells, after io.EOF, where it ended and how many records were dropped
// before they could be read. Hubs of Scramjet say neither.
func (r *Records) End() (cursor string, missed uint64) {
	missed, _ = strconv.ParseUint(r.resp.Trailer.Get(missedHeader), 10, 64)
	return r.resp.Trailer.Get(cursorHeader), missed
}

// ReadTopic streams records.
func (c *Client) ReadTopic(ctx context.Context, name string, o TopicReadOptions) (*Records, error) {
	k := call{method: http.MethodGet, path: []string{"topic", name}, query: o.query()}
	if o.ContentType != "" {
		k.header = http.Header{"Content-Type": {o.ContentType}}
	}
	resp, err := c.send(ctx, k)
	if err != nil {
		return nil, err
	}
	return &Records{ReadCloser: resp.Body, Cursor: resp.Header.Get(cursorHeader), ContentType: o.ContentType, resp: resp}, nil
}

// TopicSendOptions say how records are stored.
type TopicSendOptions struct {
	ContentType string // of the Topic; makes one that is not there
	NoWait      bool   // fail with Full at once when readers hold all the room
}

// SendTopic stores the records of body. When it returns without an error they
// are durable; the cursor is the place after them.
func (c *Client) SendTopic(ctx context.Context, name string, body io.Reader, o TopicSendOptions) (cursor string, err error) {
	resp, err := c.send(ctx, sendCall(name, body, o))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return "", fmt.Errorf("read answer: %w", err)
	}
	return resp.Header.Get(cursorHeader), nil
}

func sendCall(name string, body io.Reader, o TopicSendOptions) call {
	k := call{method: http.MethodPost, path: []string{"topic", name}, query: url.Values{}, body: body,
		header: http.Header{"Content-Type": {o.ContentType}}}
	if o.NoWait {
		k.query.Set("wait", "0")
	}
	return k
}

// SendTopicAcked stores the records of body and streams, one JSON object a
// line, up to where they are durable.
func (c *Client) SendTopicAcked(ctx context.Context, name string, body io.Reader, o TopicSendOptions) (io.ReadCloser, error) {
	k := sendCall(name, body, o)
	k.query.Set("acks", "stream")
	resp, err := c.send(ctx, k)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// AckTopic tells that a group has done with everything it was given before
// cursor; with from only with what is not before that. It is on disk when this
// returns where the group is now: all before that is acked.
func (c *Client) AckTopic(ctx context.Context, name, group, from, cursor string) (at string, err error) {
	body := map[string]any{"cursor": cursor}
	set(body, "from", from)
	data, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encode request: %w", err)
	}
	var answer struct{ Cursor string }
	err = c.decode(ctx, call{method: http.MethodPost, path: []string{"topic", name, "ack"}, query: url.Values{"group": {group}},
		header: http.Header{"Content-Type": {"application/json"}}, body: bytes.NewReader(data)}, &answer)
	return answer.Cursor, err
}
