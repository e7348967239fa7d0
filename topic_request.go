package waverider

import "time"

// TopicFacts is what is the same of a Topic of scope space wherever it is kept:
// its Space decides it. Limits are of each copy.
type TopicFacts struct {
	Description string `json:"description"`
	Owner       string `json:"owner"`
}

// Facts are those of the Topic.
func (c TopicConfig) Facts() TopicFacts { return TopicFacts{c.Description, c.Owner} }

// RequestState says what has become of a request.
type RequestState string

const (
	RequestWaiting RequestState = "waiting" // for the Space
	RequestApplied RequestState = "applied"
	RequestRefused RequestState = "refused"
)

// TopicRequest is a change of the facts of a Topic that somebody wants on a Hub,
// which asks the Space for it. Nil stays as it is.
type TopicRequest struct {
	ID          string       `json:"id"`
	Topic       TopicName    `json:"topic"`
	Description *string      `json:"description,omitempty"`
	Owner       *string      `json:"owner,omitempty"`
	By          string       `json:"by"`
	At          time.Time    `json:"at"` // by the clock of the Hub
	State       RequestState `json:"state"`
	Kind        Kind         `json:"kind,omitempty"`   // of the refusal
	Reason      string       `json:"reason,omitempty"` // of the refusal, or why it still waits
}

// Over is f with what the request changes.
func (r TopicRequest) Over(f TopicFacts) TopicFacts {
	if r.Description != nil {
		f.Description = *r.Description
	}
	if r.Owner != nil {
		f.Owner = *r.Owner
	}
	return f
}
