package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"waverider/client"
)

// last remembers what "-" stands for, for each Hub.
type last struct {
	Sequence string `json:"sequence,omitempty"`
	Instance string `json:"instance,omitempty"`
	Topic    string `json:"topic,omitempty"`
	Package  string `json:"package,omitempty"`
}

const lastWord = "-"

// lastFile is where it is kept, as the XDG rules say.
func lastFile() (string, error) {
	dir, err := userDir("XDG_STATE_HOME", ".local", "state")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "waverider", "last.json"), nil
}

func readLast() (map[string]last, string, error) {
	all := map[string]last{}
	path, err := lastFile()
	if err != nil {
		return all, "", err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, path, nil
	}
	if err != nil {
		return all, path, err
	}
	if json.Unmarshal(data, &all) != nil {
		all = map[string]last{} // a memory aid that is broken is an empty one
	}
	return all, path, nil
}

// remember changes what "-" means from now on. It is a comfort: where the file
// cannot be written, commands work without.
func (a *app) remember(c *client.Client, change func(*last)) {
	all, path, err := readLast()
	if err != nil {
		return
	}
	l := all[c.URL()]
	change(&l)
	if l == all[c.URL()] {
		return
	}
	all[c.URL()] = l
	if err := writeLast(path, all); err != nil {
		a.note("waverider: \"-\" will not work: %v", err)
	}
}

func writeLast(path string, all map[string]last) error {
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// Commands run side by side: a rename never leaves half a file.
	f, err := os.CreateTemp(filepath.Dir(path), ".last-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// recall turns "-" into what it stands for; other words stay.
func recall(c *client.Client, word, noun string, pick func(last) string) (string, error) {
	if word != lastWord {
		return word, nil
	}
	all, _, err := readLast()
	if err != nil {
		return "", fmt.Errorf("find the last %s: %w", noun, err)
	}
	if got := pick(all[c.URL()]); got != "" {
		return got, nil
	}
	return "", usage("there is no last %s for %s yet: name one", noun, c.URL())
}

func (a *app) showLast() *cobra.Command {
	return &cobra.Command{
		Use:     "last",
		Short:   "Show what \"-\" stands for",
		Long:    "Show what \"-\" stands for with this Hub: what was used last.",
		Example: "  waverider last",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			all, _, err := readLast()
			if err != nil {
				return fmt.Errorf("find what was last: %w", err)
			}
			l := all[c.URL()]
			shown := struct {
				Hub string `json:"hub"`
				last
			}{c.URL(), l}
			return a.show(shown, nil, func() table {
				return fields("hub", c.URL(), "sequence", l.Sequence, "instance", l.Instance, "topic", l.Topic, "package", l.Package)
			})
		},
	}
}

func (a *app) lastSequence(c *client.Client, word string) (string, error) {
	return recall(c, word, "Sequence", func(l last) string { return l.Sequence })
}

func (a *app) lastInstance(c *client.Client, word string) (string, error) {
	return recall(c, word, "Instance", func(l last) string { return l.Instance })
}

func (a *app) lastPackage(c *client.Client, word string) (string, error) {
	return recall(c, word, "package", func(l last) string { return l.Package })
}
