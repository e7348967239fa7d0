package testhub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// NDJSON is the content type of a Topic of lines.
const NDJSON = "application/x-ndjson"

// CursorHeader tells where in a Topic an answer begins, or what a body was
// stored up to.
const CursorHeader = "Waverider-Cursor"

// MissedHeader tells, after the body, how many records are missing in it.
const MissedHeader = "Waverider-Missed"

// Topic is the body of a request that makes one.
type Topic struct {
	ID          string `json:"id"`
	ContentType string `json:"content-type"`
	Durability  string `json:"durability,omitempty"`
	Discard     string `json:"discard,omitempty"`
	MaxBytes    int64  `json:"maxBytes,omitempty"`
	MaxRecord   int    `json:"maxRecord,omitempty"`
	Scope       string `json:"scope,omitempty"`
}

// CreateTopic makes a Topic.
func (a API) CreateTopic(ctx context.Context, t Topic) error {
	return a.JSON(ctx, http.MethodPost, "/topics", t, nil)
}

// TopicInfo is what the rigs look at of a Topic.
type TopicInfo struct {
	Records int64         `json:"records"`
	Bytes   int64         `json:"bytes"`
	Total   int64         `json:"total"`
	Readers []TopicReader `json:"readers"`
	Damage  []TopicDamage `json:"damage"`
	Full    bool          `json:"full"`
}

// TopicReader is one reader of a Topic.
type TopicReader struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Connected int    `json:"connected"`
	Lag       int64  `json:"lag"`
}

// TopicDamage is a loss of records that the Hub has found.
type TopicDamage struct {
	At    time.Time `json:"at"`
	From  int64     `json:"from"`
	To    int64     `json:"to"`
	Cause string    `json:"cause"`
}

// TopicInfo asks for one Topic.
func (a API) TopicInfo(ctx context.Context, name string) (info TopicInfo, err error) {
	err = a.JSON(ctx, http.MethodGet, "/topics/"+url.PathEscape(name), nil, &info)
	return info, err
}

// Topics lists the names of all Topics.
func (a API) Topics(ctx context.Context) ([]string, error) {
	var list []struct{ TopicName string }
	err := a.JSON(ctx, http.MethodGet, "/topics", nil, &list)
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.TopicName
	}
	return names, err
}

// PostTopic posts a body of lines to a Topic and answers the cursor after it.
// query begins with "?", or is empty.
func (a API) PostTopic(ctx context.Context, name, query string, body io.Reader) (cursor string, err error) {
	path := "/topic/" + url.PathEscape(name) + query
	req, err := a.request(ctx, http.MethodPost, path, body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", NDJSON)
	resp, err := a.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", fmt.Errorf("POST %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", &StatusError{http.MethodPost, path, resp.StatusCode, data}
	}
	return resp.Header.Get(CursorHeader), nil
}

// TopicAck is one line of the answer to a body with acks=stream.
type TopicAck struct {
	Cursor  string `json:"cursor"`
	Records int64  `json:"records"`
	Done    bool   `json:"done"`
	Error   string `json:"error"`
	Kind    string `json:"kind"`
}

// AckedBody is an open body to a Topic that tells what is durable. Write and
// Acks may run at the same time.
type AckedBody struct{ *In }

// PostAcked opens a body of lines with acks=stream.
func (a API) PostAcked(ctx context.Context, name string) (AckedBody, error) {
	in, err := a.Post(ctx, a.way.Base+"/topic/"+url.PathEscape(name)+"?acks=stream", "Content-Type", NDJSON)
	return AckedBody{in}, err
}

// End ends the body; what becomes of it Acks tells.
func (b AckedBody) End() error {
	_, err := io.WriteString(b.conn, "0\r\n\r\n")
	return err
}

// Acks reads lines of the answer until its end or an error.
func (b AckedBody) Acks(take func(TopicAck)) error {
	for lines := json.NewDecoder(b.resp.Body); ; {
		var ack TopicAck
		if err := lines.Decode(&ack); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		take(ack)
	}
}

// AckTopic acks, for a group, what lies between two cursors.
func (a API) AckTopic(ctx context.Context, name, group, from, to string) error {
	body := map[string]string{"from": from, "cursor": to}
	return a.JSON(ctx, http.MethodPost, "/topic/"+url.PathEscape(name)+"/ack?group="+url.QueryEscape(group), body, nil)
}

// ReadTopic opens a Topic for reading. query begins with "?", or is empty.
func (a API) ReadTopic(ctx context.Context, name, query string) (*Out, error) {
	return a.Get(ctx, "/topic/"+url.PathEscape(name)+query)
}

// Header is a header field of the answer.
func (o *Out) Header(name string) string { return o.resp.Header.Get(name) }

// Trailer is a field that came after the body; ask when that has ended.
func (o *Out) Trailer(name string) string { return o.resp.Trailer.Get(name) }
