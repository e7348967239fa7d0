package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// records keeps how children ended on disk until the Hub forgets them, so
// that it is known even when the keeper ends first. They are not fsynced: a
// power cut takes the keeper's world along anyway.
type records struct{ dir, boot string }

type record struct {
	Boot  string `json:"boot"`
	Child Child  `json:"child"`
}

func openRecords(dir string) (*records, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open exit records: %w", err)
	}
	return &records{dir, BootID()}, nil
}

// load reads the records of this boot and deletes the others: their Hub
// starts over too.
func (r *records) load() []Child {
	entries, _ := os.ReadDir(r.dir)
	var list []Child
	for _, e := range entries {
		path := filepath.Join(r.dir, e.Name())
		var rec record
		text, err := os.ReadFile(path)
		if err != nil || !strings.HasSuffix(e.Name(), ".json") || json.Unmarshal(text, &rec) != nil ||
			rec.Boot != r.boot || rec.Child.Exit == nil || rec.Child.ID+".json" != e.Name() {
			os.Remove(path)
			continue
		}
		list = append(list, rec.Child)
	}
	return list
}

func (r *records) write(c Child) error {
	text, err := json.Marshal(record{r.boot, c})
	if err != nil {
		return err
	}
	path := filepath.Join(r.dir, c.ID+".json")
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (r *records) remove(id string) error {
	err := os.Remove(filepath.Join(r.dir, id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
