package hub

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// dataVersion is the layout of a data dir that this program reads and writes.
const dataVersion = 1

// DataDir is a data dir that this process, and no other, has open.
//
//	VERSION lock        layout version; held by the one Hub that has it open
//	identity.key        the Hub's Ed25519 key
//	journal.db          Sequences, Instances
//	packages/           unpacked packages by digest
//	topics/             records of Topics, and what is remembered of them
//	slots/ID/           working folder of each Instance, the program's own
//	kept/ID/            stdout, stderr, log and unread output of each Instance
//	state/ID            what the program saved
//	run/                sockets, keeper, installed runners
type DataDir struct {
	path string
	lock *os.File
}

// OpenDataDir makes or opens the data dir at path and locks it.
func OpenDataDir(path string) (*DataDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data dir: %w", err)
	}
	for _, sub := range []string{"", "packages", "topics", "slots", "kept", "state", "run"} {
		if err := os.MkdirAll(filepath.Join(path, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make data dir: %w", err)
		}
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open data dir: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(lock.Name())
		_ = lock.Close()
		return nil, fmt.Errorf("data dir %s is in use by another Hub (pid %s); give this one its own with --data-dir",
			path, strings.TrimSpace(string(holder)))
	}
	d := &DataDir{path: path, lock: lock}
	if err := errors.Join(lock.Truncate(0), writeAt(lock, strconv.Itoa(os.Getpid())), d.checkVersion()); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text+"\n"), 0)
	return err
}

func (d *DataDir) checkVersion() error {
	path := d.Path("VERSION")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return writeFileSync(path, []byte(strconv.Itoa(dataVersion)+"\n"))
	} else if err != nil {
		return fmt.Errorf("read data dir version: %w", err)
	}
	found, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%s does not hold a number; is this a Waverider data dir?", path)
	}
	if found > dataVersion {
		return fmt.Errorf("data dir %s has layout %d, this program knows %d: it was used by a newer Waverider; run that one, or another --data-dir",
			d.path, found, dataVersion)
	}
	return nil
}

// Path joins names to the data dir.
func (d *DataDir) Path(names ...string) string {
	return filepath.Join(append([]string{d.path}, names...)...)
}

// Close unlocks the data dir.
func (d *DataDir) Close() error { return d.lock.Close() }
