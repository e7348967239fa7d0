package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"waverider"
)

// Topic is a Topic as a Hub lists it.
type Topic struct {
	Name        waverider.TopicName  `json:"topicName"`
	ContentType string               `json:"contentType"`
	Description string               `json:"description"`
	Owner       string               `json:"owner"`
	Durability  waverider.Durability `json:"durability"`
	Discard     waverider.Discard    `json:"discard"`
	Scope       waverider.Scope      `json:"scope"`
	MaxBytes    int64                `json:"maxBytes"`
	MaxAge      waverider.Age        `json:"maxAge"`
	MaxRecord   int                  `json:"maxRecord"`

	Requests []waverider.TopicRequest `json:"requests"` // what the Space is asked for about it, and has refused of late; not in lists

	Raw json.RawMessage `json:"-"` // the whole object
}

// UnmarshalJSON keeps the whole object beside the fields known here.
func (t *Topic) UnmarshalJSON(data []byte) error {
	type plain Topic
	t.Raw = append(t.Raw[:0], data...)
	return json.Unmarshal(data, (*plain)(t))
}

// MarshalJSON gives the object as the Hub sent it.
func (t Topic) MarshalJSON() ([]byte, error) {
	if len(t.Raw) > 0 {
		return t.Raw, nil
	}
	type plain Topic
	return json.Marshal(plain(t))
}

// TopicInfo is a Topic looked at closely. Sizes are bytes of records.
type TopicInfo struct {
	Topic
	TopicState
}

// TopicState is where a Topic stands now.
type TopicState struct {
	Records   uint64        `json:"records"` // kept now
	Total     uint64        `json:"total"`   // ever
	Bytes     uint64        `json:"bytes"`   // kept now
	Limit     uint64        `json:"limit"`   // of Bytes
	First     string        `json:"first"`   // cursor of the oldest record kept
	Next      string        `json:"next"`    // cursor of the record to come
	Rate      TopicRate     `json:"rate"`
	Producers int           `json:"producers"` // connected now
	Readers   []TopicReader `json:"readers"`
	Full      bool          `json:"full"` // readers hold all the room: producers wait
	Damage    []TopicDamage `json:"damage"`
	Stream    string        `json:"stream"` // where the Hub stores new records; "" is in memory
}

// TopicRate is how much comes in a second.
type TopicRate struct {
	Records float64 `json:"records"`
	Bytes   float64 `json:"bytes"`
}

// Kinds of TopicReader.
const (
	ReaderLive  = "live"  // nobody remembers it
	ReaderPlain = "plain" // the place that plain readers share
	ReaderGroup = "group"
	ReaderSlot  = "slot"  // an Instance
	ReaderSpace = "space" // of a Hub's Topic: what its Space has still to get
	ReaderHub   = "hub"   // of a Space's Topic: what a Hub has still to get; Name is its id
)

// TopicReader is one that reads a Topic now, or is remembered by it.
type TopicReader struct {
	Name      string        `json:"name"`
	Kind      string        `json:"kind"`
	Connected int           `json:"connected"`
	Lag       uint64        `json:"lag"` // records it has still to ack, or to read
	Cursor    string        `json:"cursor"`
	Holds     bool          `json:"holds"` // keeps records from being dropped
	Updated   time.Time     `json:"updated"`
	Expires   waverider.Age `json:"expires"` // how long it is remembered unread
}

// TopicDamage is what was lost of a Topic. From and To are numbers of records,
// To exclusive; both 0 when it is not known which.
type TopicDamage struct {
	At    time.Time `json:"at"`
	From  uint64    `json:"from"`
	To    uint64    `json:"to"`
	Cause string    `json:"cause"`
}

// UnmarshalJSON keeps the whole object beside the fields known here.
func (t *TopicInfo) UnmarshalJSON(data []byte) error {
	if err := t.Topic.UnmarshalJSON(data); err != nil {
		return err
	}
	return json.Unmarshal(data, &t.TopicState)
}

// MarshalJSON gives the object as the Hub sent it.
func (t TopicInfo) MarshalJSON() ([]byte, error) {
	if len(t.Raw) > 0 {
		return t.Raw, nil
	}
	return json.Marshal(t.TopicState)
}

// Topics lists all.
func (c *Client) Topics(ctx context.Context) (list []Topic, err error) {
	return list, c.json(ctx, http.MethodGet, nil, &list, "topics")
}

// Topic looks at one.
func (c *Client) Topic(ctx context.Context, name string) (t TopicInfo, err error) {
	return t, c.json(ctx, http.MethodGet, nil, &t, "topics", name)
}

// CreateTopic makes a Topic. The error is Conflict when there is one of that
// name.
func (c *Client) CreateTopic(ctx context.Context, t waverider.TopicConfig) error {
	return c.json(ctx, http.MethodPost, topicBody(t), nil, "topics")
}

func topicBody(t waverider.TopicConfig) map[string]any {
	body := map[string]any{"id": t.Name, "content-type": t.ContentType}
	set(body, "description", t.Description)
	set(body, "owner", t.Owner)
	set(body, "durability", t.Durability)
	set(body, "discard", t.Discard)
	set(body, "scope", t.Scope)
	set(body, "maxBytes", t.MaxBytes)
	set(body, "maxAge", t.MaxAge)
	set(body, "maxRecord", t.MaxRecord)
	return body
}

// set leaves out what the Hub has a default for.
func set[T comparable](body map[string]any, name string, value T) {
	if value != *new(T) {
		body[name] = value
	}
}

// TopicChange is what can be changed of a Topic; nil stays as it is.
type TopicChange struct {
	Description *string            `json:"description,omitempty"`
	Owner       *string            `json:"owner,omitempty"`
	Discard     *waverider.Discard `json:"discard,omitempty"`
	Scope       *waverider.Scope   `json:"scope,omitempty"`
	MaxBytes    *int64             `json:"maxBytes,omitempty"`
	MaxAge      *waverider.Age     `json:"maxAge,omitempty"`
}

// ChangeTopic changes a Topic, and answers it. When the Space decides about what
// was changed and has not done so, that is among its Requests.
func (c *Client) ChangeTopic(ctx context.Context, name string, change TopicChange) (t Topic, err error) {
	return t, c.json(ctx, http.MethodPatch, change, &t, "topics", name)
}

// DeleteTopic removes a Topic with its records. Its readers and writers end. The
// error is Conflict when that would lose records, or would not last; force does it
// all the same.
func (c *Client) DeleteTopic(ctx context.Context, name string, force bool) error {
	k := call{method: http.MethodDelete, path: []string{"topics", name}, header: http.Header{"Accept": {"application/json"}}}
	if force {
		k.query = url.Values{"force": {"true"}}
	}
	return c.decode(ctx, k, nil)
}

// ForgetGroup drops the place of a group of readers: it holds nothing any more,
// and begins anew when it comes back.
func (c *Client) ForgetGroup(ctx context.Context, name, group string) error {
	return c.json(ctx, http.MethodDelete, nil, nil, "topics", name, "groups", group)
}
