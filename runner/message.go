package runner

import (
	"encoding/json"

	"waverider"
)

// Start is the message that assigns an Instance to a runner.
type Start struct {
	Instance    waverider.InstanceID `json:"instance"`
	Sequence    json.RawMessage      `json:"sequence,omitempty"`
	Package     string               `json:"package"`
	Main        string               `json:"main"`
	Args        json.RawMessage      `json:"args,omitempty"`
	Config      json.RawMessage      `json:"config,omitempty"`
	Slot        string               `json:"slot"`
	API         API                  `json:"api"`
	InputTopic  string               `json:"inputTopic,omitempty"`
	OutputTopic string               `json:"outputTopic,omitempty"`
	OutputType  string               `json:"outputType,omitempty"` // what the output is, where the program does not say
	Limits      waverider.Limits     `json:"limits,omitzero"`
	State       json.RawMessage      `json:"state,omitempty"`
	ExitTimeout int                  `json:"exitTimeout,omitempty"` // ms
	Scramjet    string               `json:"scramjet,omitempty"`
	Env         map[string]string    `json:"env,omitempty"`

	// For an Instance whose input is a Topic.
	Marks bool `json:"marks,omitempty"` // the runner is to send marks
	// ReadAhead is how many records the user says the program may work on out
	// of sight: nothing is exact then. 0 leaves it to the runner, which knows
	// programs that take their input one by one.
	ReadAhead int    `json:"readAhead,omitempty"`
	Ack       string `json:"ack,omitempty"`  // AckSave, or empty: marks say what is finished
	Skip      *Skip  `json:"skip,omitempty"` // output that an earlier run has given already
}

// AckSave in Start.Ack tells that input is finished when the program saves.
const AckSave = "save"

// Skip makes a runner drop what its program emits up to a position, both
// numbers as in a Mark of this run. It works where marks are exact.
type Skip struct {
	Done uint64 `json:"done"`
	N    uint64 `json:"n"`
}

// API tells a program where its Hub's REST API answers it.
type API struct {
	Socket string `json:"socket"`
	Base   string `json:"base"`
	Token  string `json:"token"`
}

// Message is one control message of either direction, undecoded but for its
// type. Number is set on received ones.
type Message struct {
	Type   string
	Number uint64
	Data   json.RawMessage // the whole JSON object, with its type
}

// Decode reads the fields of m into v.
func (m Message) Decode(v any) error { return json.Unmarshal(m.Data, v) }
