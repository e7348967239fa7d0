package journal_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"waverider"
	"waverider/hub/journal"
)

// TestMain is a process that opens a journal, too: what breaks it may take the
// process along.
func TestMain(m *testing.M) {
	if path := os.Getenv("JOURNAL_TEST_OPEN"); path != "" {
		j, err := journal.Open(path)
		if err != nil {
			fmt.Println("error:", err)
			return
		}
		list, err := j.Instances()
		fmt.Println("open:", len(list), err)
		return
	}
	os.Exit(m.Run())
}

// A file that was cut anywhere opens, or is refused with words.
func TestACutFileIsRefusedWithWords(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.db")
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		rec := &journal.Instance{ID: waverider.InstanceID(fmt.Sprint(n)), Error: strings.Repeat("x", 2000)}
		if err := j.PutInstance(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut.db")
	refused := 0
	for size := 1; size < len(whole); size = size*5/4 + 1 {
		if err := os.WriteFile(cut, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "JOURNAL_TEST_OPEN="+cut, "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		switch text := string(out); {
		case err == nil && strings.HasPrefix(text, "open: 100 "): // what is missing held nothing
		case err == nil && strings.HasPrefix(text, "error: open journal "+cut):
			refused++
		default:
			t.Errorf("cut to %d of %d bytes: %v, %.300s", size, len(whole), err, text)
		}
	}
	if refused == 0 {
		t.Error("no cut was refused")
	}
}
