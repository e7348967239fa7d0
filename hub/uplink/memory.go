package uplink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"waverider/datadir"
	"waverider/link"
)

// memory is what a Hub knows of its Space, in space.json.
type memory struct {
	URL        string        `json:"url"`
	Space      string        `json:"space"` // id
	Name       string        `json:"name,omitempty"`
	Ticket     string        `json:"ticket,omitempty"` // for the next session; a secret
	Pin        string        `json:"pin,omitempty"`    // of the TLS certificate, that alone is enough
	Seen       string        `json:"seen,omitempty"`   // likewise, of the last time
	JoinedWith string        `json:"joinedWith,omitempty"`
	Settings   link.Settings `json:"settings"`
	Refused    string        `json:"refused,omitempty"` // why, when the Space took it no more
}

// read answers nil when the Hub has not joined a Space.
func readMemory(path string) (*memory, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read what is known of the Space: %w", err)
	}
	var m memory
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): remove it and join the Space again with a new token", path, err)
	}
	return &m, nil
}

func (m *memory) write(path string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return datadir.WriteFile(path, append(text, '\n'))
}
