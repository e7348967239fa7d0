package journal

import (
	"encoding/json"
	"time"

	"waverider"
)

// Instance is what a Hub must know to find an Instance again, or to start it
// again, after its own death.
type Instance struct {
	ID       waverider.InstanceID    `json:"id"`
	Sequence waverider.SequenceID    `json:"sequence"`
	Digest   waverider.Digest        `json:"digest"`
	Revision int                     `json:"revision"`
	Package  json.RawMessage         `json:"package"` // config object of the Sequence as it was at the start
	Name     string                  `json:"name,omitempty"`
	Request  waverider.StartRequest  `json:"request"`
	Policy   waverider.RestartPolicy `json:"policy"`
	Status   waverider.Status        `json:"status"`
	Wish     Wish                    `json:"wish,omitempty"`
	Epoch    int                     `json:"epoch"`           // raised by every start
	Run      uint32                  `json:"run,omitempty"`   // another for each run that the slot ever had, and higher
	Since    uint32                  `json:"since,omitempty"` // the first Run of its Sequence in this slot
	// Topics in which the slot has a place.
	Topics []waverider.TopicName `json:"topics,omitempty"`
	Handle []byte                `json:"handle,omitempty"`
	PID    int                   `json:"pid,omitempty"`
	// Offsets at which this run's input and output go on from earlier runs.
	InputBase  uint64                `json:"inputBase,omitempty"`
	OutputBase uint64                `json:"outputBase,omitempty"`
	Times      waverider.Times       `json:"times,omitzero"`
	End        *waverider.Terminated `json:"end,omitempty"`
	Error      string                `json:"error,omitempty"` // the program's own words about its end
	Failures   []time.Time           `json:"failures,omitempty"`
	Restarts   int                   `json:"restarts,omitempty"`
	Declared   Declared              `json:"declared,omitzero"`
}

// Slot is what stays of an Instance that is forgotten and has places in Topics.
type Slot struct {
	ID       waverider.InstanceID  `json:"id"`
	Sequence waverider.SequenceID  `json:"sequence"`
	Run      uint32                `json:"run"`
	Since    uint32                `json:"since"`
	Digest   waverider.Digest      `json:"digest"`
	Declared Declared              `json:"declared,omitzero"`
	Topics   []waverider.TopicName `json:"topics"`
	Left     time.Time             `json:"left"`
}

// Wish is what somebody asked of an Instance that runs.
type Wish string

const (
	WishStop Wish = "stop"
	WishKill Wish = "kill"
)

// Declared is what the program said of its own input and output.
type Declared struct {
	Requires     string `json:"requires,omitempty"`
	RequiresType string `json:"requiresType,omitempty"`
	Provides     string `json:"provides,omitempty"`
	ProvidesType string `json:"providesType,omitempty"`
	Encoding     string `json:"encoding,omitempty"`
	InputType    string `json:"inputType,omitempty"` // fixed by the first input
}
