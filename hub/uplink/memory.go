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
	err = json.Unmarshal(text, &m)
	if err == nil && (m.Space == "" || m.Ticket == "") {
		err = errors.New("no Space and ticket in it")
	}
	if err == nil {
		_, err = link.ParseURL(m.URL)
	}
	if err != nil {
		return nil, &damaged{path, err}
	}
	return &m, nil
}

// damaged is a file that tells nothing of the Space any more.
type damaged struct {
	path string
	err  error
}

func (d *damaged) Error() string {
	return fmt.Sprintf("%s is damaged (%v): start the Hub with --space and the --join of a new token", d.path, d.err)
}

func (m *memory) write(path string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return datadir.WriteFile(path, append(text, '\n'))
}
