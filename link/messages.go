package link

import "encoding/json"

// Messages between a Hub and its Space.
const (
	MessageConfirm  = "confirm"  // Hub: the ticket of this session is on disk. Confirm
	MessageLoad     = "load"     // Hub: how busy its machine is. As its API has it
	MessageLag      = "lag"      // Hub: what its Space does not have yet. Lag
	MessageEntities = "entities" // Hub: what it has. Entities
	MessageReads    = "reads"    // Hub: the Topics it wants from the Space. Reads
	MessageLeave    = "leave"    // Hub: it does not want to belong to the Space any more
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
