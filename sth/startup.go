package sth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"waverider"
)

// Startup is one entry of a startup file: a Sequence to start.
type Startup struct {
	Sequence string
	Request  waverider.StartRequest
}

// AtOnce is how many Sequences sth starts at a time.
const AtOnce = 4

// ParseStartup reads a startup file: {"sequences": [{"id", "appConfig", "args",
// "instanceId"}]}. What else stands beside sequences is not looked at; in an
// entry it is an error.
func ParseStartup(path string, data []byte) ([]Startup, error) {
	fail := func(format string, args ...any) ([]Startup, error) {
		return nil, invalid("SEQUENCE_STARTUP_CONFIG_READ_ERROR: %s: %s", path, fmt.Sprintf(format, args...))
	}
	data, err := toJSON(path, data)
	if err != nil {
		return fail("%s", err)
	}
	var doc struct {
		Sequences []json.RawMessage `json:"sequences"`
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, &doc); errors.As(err, &syntax) {
		before := data[:max(0, min(int(syntax.Offset)-1, len(data)))]
		return fail("not valid JSON in line %d: %s", 1+bytes.Count(before, []byte("\n")), syntax)
	} else if err != nil || doc.Sequences == nil {
		return fail(`want {"sequences": [{"id": "…"}]}`)
	}
	list := make([]Startup, len(doc.Sequences))
	for i, raw := range doc.Sequences {
		if list[i], err = parseEntry(raw); err != nil {
			return fail("sequences[%d]: %s", i, err)
		}
	}
	return list, nil
}

func toJSON(path string, data []byte) ([]byte, error) {
	switch filepath.Ext(path) {
	case ".json":
		return data, nil
	case ".yaml", ".yml":
		var doc any
		if err := yaml.Unmarshal(data, &doc); err != nil {
			return nil, err
		}
		data, err := json.Marshal(doc)
		if err != nil { // YAML has what JSON has not
			return nil, invalid("want keys that are texts: put numbers and the like in quotes")
		}
		return data, nil
	}
	return nil, invalid("want a file named .json, .yaml or .yml")
}

func parseEntry(raw json.RawMessage) (s Startup, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return s, invalid("want an object")
	}
	for name := range fields {
		if !slices.Contains([]string{"id", "appConfig", "args", "instanceId"}, name) {
			return s, invalid("unknown key %q; known are id, appConfig, args and instanceId", name)
		}
	}
	if err := json.Unmarshal(fields["id"], &s.Sequence); err != nil || s.Sequence == "" {
		return s, invalid("id: want the id of a Sequence, a string")
	}
	if config := bytes.TrimSpace(fields["appConfig"]); len(config) > 0 && string(config) != "null" {
		if config[0] != '{' {
			return s, invalid("appConfig: want an object")
		}
		s.Request.AppConfig = json.RawMessage(config)
	}
	if s.Request.Args, err = parseArgs(fields["args"]); err != nil {
		return s, err
	}
	if id, there := fields["instanceId"]; there {
		if err := json.Unmarshal(id, &s.Request.InstanceID); err != nil || strings.TrimSpace(string(id)) == "null" || s.Request.InstanceID == "" {
			return s, invalid("instanceId: want a string of 36 characters")
		}
	}
	return s, s.Request.Validate()
}

// parseArgs wants strings, though a start by the API takes any JSON.
func parseArgs(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var args []any
	if err := json.Unmarshal(raw, &args); err != nil {
		return nil, invalid("args: want an array of strings")
	}
	for i, arg := range args {
		if _, text := arg.(string); !text {
			return nil, invalid("args[%d]: want a string", i)
		}
	}
	return raw, nil
}
