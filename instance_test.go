package waverider_test

import (
	"strings"
	"testing"

	"waverider"
)

func TestStartRequestsNameTheFieldThatIsWrong(t *testing.T) {
	for field, r := range map[string]waverider.StartRequest{
		"instanceId":    {InstanceID: "short"},
		"restart":       {Restart: "sometimes"},
		"limits.memory": {Limits: waverider.Limits{Memory: -1}},
		"inputTopic":    {InputTopic: "a b"},
		"outputTopic":   {OutputTopic: ".a"},
		"ack":           {Ack: "later"},
		"readAhead":     {ReadAhead: waverider.MaxReadAhead + 1},
	} {
		err := r.Validate()
		if waverider.KindOf(err) != waverider.Invalid || !strings.HasPrefix(err.Error(), field+": ") || !strings.Contains(err.Error(), "want ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, r := range []waverider.StartRequest{
		{},
		{InputTopic: "a", OutputTopic: "a.b", Ack: waverider.AckSave, ReadAhead: waverider.MaxReadAhead},
		{Ack: waverider.AckAuto}, // what a package says of save does not hold
	} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
