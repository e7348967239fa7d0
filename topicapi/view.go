package topicapi

import (
	"time"

	"waverider"
	"waverider/topic"
)

// topicView is a Topic in a list: what Scramjet shows, and what was chosen.
type topicView struct {
	ContentType   string               `json:"contentType"`
	LocalProvider string               `json:"localProvider"`
	Topic         waverider.TopicName  `json:"topic"`
	TopicName     waverider.TopicName  `json:"topicName"`
	Description   string               `json:"description,omitempty"`
	Owner         string               `json:"owner,omitempty"`
	Durability    waverider.Durability `json:"durability"`
	Discard       waverider.Discard    `json:"discard,omitempty"`
	Scope         waverider.Scope      `json:"scope"`
	MaxBytes      int64                `json:"maxBytes"`
	MaxAge        waverider.Age        `json:"maxAge,omitempty"`
	MaxRecord     int                  `json:"maxRecord"`
}

func viewTopic(c waverider.TopicConfig) topicView {
	c = c.WithDefaults()
	return topicView{ContentType: c.ContentType, Topic: c.Name, TopicName: c.Name, Description: c.Description, Owner: c.Owner,
		Durability: c.Durability, Discard: c.Discard, Scope: c.Scope, MaxBytes: c.MaxBytes, MaxAge: c.MaxAge, MaxRecord: c.MaxRecord}
}

// createdView answers a creation, in Scramjet's words.
type createdView struct {
	ID          waverider.TopicName `json:"id"`
	Origin      Origin              `json:"origin"`
	State       string              `json:"state"`
	ContentType string              `json:"contentType"`
}

// topicInfoView is a Topic looked at closely. Sizes are bytes of records.
type topicInfoView struct {
	topicView
	Records   uint64       `json:"records"`
	Bytes     uint64       `json:"bytes"`
	Limit     uint64       `json:"limit"`
	Total     uint64       `json:"total"`
	First     string       `json:"first"`
	Next      string       `json:"next"`
	Rate      rateView     `json:"rate"`
	Producers int          `json:"producers"`
	Readers   []readerView `json:"readers"`
	Full      bool         `json:"full"`
	Damage    []damageView `json:"damage"`
	Stream    string       `json:"stream"`

	Requests []waverider.TopicRequest `json:"requests,omitempty"`
}

type rateView struct {
	Records float64 `json:"records"` // a second
	Bytes   float64 `json:"bytes"`
}

type readerView struct {
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	Connected int       `json:"connected"`
	Lag       uint64    `json:"lag"`
	Cursor    string    `json:"cursor"`
	Holds     bool      `json:"holds"`
	Updated   time.Time `json:"updated,omitzero"`
	Expires   string    `json:"expires,omitempty"`
}

type damageView struct {
	At    time.Time `json:"at"`
	From  uint64    `json:"from"`
	To    uint64    `json:"to"`
	Cause string    `json:"cause"`
}

func viewTopicInfo(c waverider.TopicConfig, i topic.Info) topicInfoView {
	v := topicInfoView{topicView: viewTopic(c), Records: i.Records, Bytes: i.Bytes, Limit: i.Limit, Total: i.Total,
		First: i.First.String(), Next: i.Next.String(), Rate: rateView{i.PerSecond, i.ByteRate}, Producers: i.Producers,
		Readers: []readerView{}, Full: i.Full, Damage: []damageView{}, Stream: i.Stream}
	for _, r := range i.Readers {
		view := readerView{Name: r.Name, Kind: r.Kind, Connected: r.Connected, Lag: r.Lag, Cursor: r.Next.String(),
			Holds: r.Holds, Updated: r.Updated.UTC()}
		if r.Expires > 0 {
			view.Expires = waverider.Age(r.Expires).String()
		}
		v.Readers = append(v.Readers, view)
	}
	for _, d := range i.Damage {
		v.Damage = append(v.Damage, damageView{d.At.UTC(), d.From, d.To, d.Cause})
	}
	return v
}
