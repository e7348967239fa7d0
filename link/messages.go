package link

import (
	"encoding/json"

	"waverider"
)

// Messages between a Hub and its Space.
const (
	MessageConfirm  = "confirm"  // Hub: the ticket it was given is on disk. Confirm
	MessageLoad     = "load"     // Hub: how busy its machine is. As its API has it
	MessageLag      = "lag"      // Hub: what its Space does not have yet. Lag
	MessageEntities = "entities" // Hub: what it has. Entities
	MessageReads    = "reads"    // Hub: the Topics it wants from the Space. Reads
	MessageAsk      = "ask"      // Hub: somebody wants to change what is the Space's; one at a time. Ask
	MessageLeave    = "leave"    // Hub: it does not want to belong to the Space any more
	MessageAnswer   = "answer"   // Space: what became of an Ask. Answer
	MessageFacts    = "facts"    // Space: what it has decided about Topics of the Hub. Facts
	MessageSettings = "settings" // Space: what the Hub is called. Settings
	MessageNotice   = "notice"   // Space: what its people should know. Notice
	MessageEnd      = "end"      // Space: the session ends, and why. Notice
)

// Confirm names the ticket that is on disk.
type Confirm struct {
	Ticket string `json:"ticket"`
}

// Lag tells of the records of a Hub's Topics.
type Lag struct {
	Records uint64 `json:"records"` // that the Space has not acked
	Missed  uint64 `json:"missed"`  // that were gone before it could have them, in the time of the Hub's process
}

// Entities are lists as the Hub's API answers them.
type Entities struct {
	Sequences json.RawMessage `json:"sequences,omitempty"`
	Instances json.RawMessage `json:"instances,omitempty"`
	Topics    json.RawMessage `json:"topics,omitempty"`
}

// Reads are all Topics that a Hub wants from its Space.
type Reads struct {
	Topics []string `json:"topics"`
}

// Settings are what a Space decides about a Hub.
type Settings struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	Domain string            `json:"domain,omitempty"`
}

// Notice is something for people.
type Notice struct {
	Kind    string `json:"kind"` // clone, revoked, removed, replaced, invalid
	Message string `json:"message"`
}

// Ask is a request to change the facts of a Topic. The same one may come again
// when its answer was lost.
type Ask struct {
	ID          string               `json:"id"`
	Topic       string               `json:"topic"`
	ContentType string               `json:"contentType"`
	Description *string              `json:"description,omitempty"`
	Owner       *string              `json:"owner,omitempty"`
	Was         waverider.TopicFacts `json:"was"` // as who wanted it knew them
	By          string               `json:"by"`  // who that was, as the Hub says
}

// Answer says that an Ask was done, or what kind of error kept it from that. The
// Facts that came of it go before.
type Answer struct {
	ID      string         `json:"id"`
	Kind    waverider.Kind `json:"kind,omitempty"`
	Message string         `json:"message,omitempty"`
}

// Facts are those of Topics, by name.
type Facts struct {
	Topics map[string]TopicFacts `json:"topics"`
}

// TopicFacts are those of one Topic of this content type.
type TopicFacts struct {
	ContentType string `json:"contentType"`
	waverider.TopicFacts
}
