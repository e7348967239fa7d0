package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// claimVersion writes down which engine uses the folder from now on. It refuses a folder that a newer one has used,
// since an older engine skips streams that it does not understand and would serve the rest as if nothing were wrong.
func claimVersion(dir string) error {
	path := filepath.Join(dir, "engine")
	ours := "nats-server " + server.VERSION
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writeFile(path, ours+"\n")
	case err != nil:
		return err
	}
	theirs := strings.TrimSpace(string(data))
	order, err := compareVersions(theirs, ours)
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", path, err)
	case order > 0:
		return fmt.Errorf("the messages in %s were written by %s, this program has %s: use the newer program, or give it another folder",
			dir, theirs, ours)
	case order < 0:
		return writeFile(path, ours+"\n")
	}
	return nil
}

// compareVersions compares lines like "nats-server 2.15.3".
func compareVersions(a, b string) (int, error) {
	x, err := parseVersion(a)
	if err != nil {
		return 0, err
	}
	y, err := parseVersion(b)
	if err != nil {
		return 0, err
	}
	for i := range x {
		if x[i] != y[i] {
			return x[i] - y[i], nil
		}
	}
	return 0, nil
}

func parseVersion(line string) (v [3]int, err error) {
	number, ok := strings.CutPrefix(line, "nats-server ")
	number, _, _ = strings.Cut(number, "-") // of 2.16.0-RC.1 the release counts
	parts := strings.Split(number, ".")
	if !ok || len(parts) != len(v) {
		return v, fmt.Errorf("%q names no engine", line)
	}
	for i, part := range parts {
		if v[i], err = strconv.Atoi(part); err != nil {
			return v, fmt.Errorf("%q names no engine", line)
		}
	}
	return v, nil
}

func writeFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "engine-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
