package ledger_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"waverider"
	"waverider/topic/ledger"
)

// TestMain is a process that reads a ledger, too: what breaks it may take the
// process along.
func TestMain(m *testing.M) {
	if path := os.Getenv("LEDGER_TEST_READ"); path != "" {
		fmt.Println(read(path))
		return
	}
	os.Exit(m.Run())
}

// read answers all that the ledger at path has, as one text.
func read(path string) string {
	l, err := ledger.Open(path)
	if err != nil {
		// A refused file is not held: a good copy can be opened in its place.
		if _, again := ledger.Open(path); again == nil || strings.Contains(again.Error(), "another process") {
			return fmt.Sprint("refused once: ", err, "; then: ", again)
		}
		return fmt.Sprint("error: ", err)
	}
	defer l.Close()
	topics, err := l.Topics()
	if err != nil {
		return fmt.Sprint("topics: ", err)
	}
	marks, err := l.Marks()
	if err != nil {
		return fmt.Sprint("marks: ", err)
	}
	var all strings.Builder
	fmt.Fprint(&all, "read: ", topics, marks)
	for _, t := range topics {
		c, _, err := l.Cursor(t.Name, "slot")
		if err != nil {
			return fmt.Sprint("error: open ledger ", path, ": ", err) // a state says so when it is read
		}
		fmt.Fprint(&all, t.Name, c.Number, len(c.State), bytes.Count(c.State, []byte{'s'}))
	}
	return all.String()
}

// filled makes a ledger with something on many pages.
func filled(t *testing.T, path string) {
	l := open(t, path)
	marks, cursors := map[waverider.TopicName]ledger.Mark{}, map[ledger.Key]ledger.Cursor{}
	for n := range 100 {
		name := waverider.TopicName(fmt.Sprintf("topic-%03d", n))
		must(t, l.PutTopic(topic(name)))
		marks[name] = ledger.Mark{Next: uint64(n), At: at}
		cursors[ledger.Key{Topic: name, Reader: "slot"}] = ledger.Cursor{Number: uint64(n), State: bytes.Repeat([]byte("s"), n*n)}
	}
	must(t, l.PutMarks(marks, nil))
	must(t, l.PutCursors(cursors))
	must(t, l.Close())
}

func readElsewhere(path string) (string, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LEDGER_TEST_READ="+path, "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// A file with something missing or turned is read as it was, or refused with
// words.
func TestADamagedFileIsRefusedWithWords(t *testing.T) {
	dir := t.TempDir()
	path, bad := filepath.Join(dir, "topics.db"), filepath.Join(dir, "bad.db")
	filled(t, path)
	want, err := readElsewhere(path)
	if err != nil || !strings.HasPrefix(want, "read: ") {
		t.Fatalf("%v: %.300s", err, want)
	}
	whole, err := os.ReadFile(path)
	must(t, err)

	refused := map[string]int{}
	check := func(what, detail string, data []byte) {
		t.Helper()
		must(t, os.WriteFile(bad, data, 0o600))
		switch text, err := readElsewhere(bad); {
		case err == nil && text == want: // what is missing held nothing
		case err == nil && strings.HasPrefix(text, "error: open ledger "+bad+": the file is damaged: put a copy of it back"):
			refused[what]++
		default:
			t.Errorf("%s %s: %v, %.300s", what, detail, err, text)
		}
	}
	for size := 0; size < len(whole); size = size*3/2 + 1 {
		check("cut", fmt.Sprintf("to %d of %d bytes", size, len(whole)), whole[:size])
	}
	check("other", "text", bytes.Repeat([]byte("no ledger"), 4000))
	// Each value has its own name or state near it; turn a bit of some.
	for _, part := range []string{`"createdX`, `"created"`, "power cut", "ssssssss"} {
		for at, n := 0, 0; n < 5; n++ {
			next := bytes.Index(whole[at:], []byte(part))
			if next < 0 {
				break
			}
			at += next + len(part)
			data := bytes.Clone(whole)
			data[at-2] ^= 4
			check("turned", fmt.Sprintf("%s at %d", part, at), data)
			at += 16 << 10
		}
	}
	for _, what := range []string{"cut", "other", "turned"} {
		if refused[what] == 0 {
			t.Errorf("no file was refused: %s", what)
		}
	}
}

func TestAnEmptyPageIsRefusedWithWords(t *testing.T) {
	dir := t.TempDir()
	path, bad := filepath.Join(dir, "topics.db"), filepath.Join(dir, "bad.db")
	filled(t, path)
	whole, err := os.ReadFile(path)
	must(t, err)
	page := os.Getpagesize()
	refused := 0
	for at := 2 * page; at < len(whole); at += max(page, len(whole)/page/30*page) {
		data := bytes.Clone(whole)
		clear(data[at:min(at+page, len(data))])
		must(t, os.WriteFile(bad, data, 0o600))
		text, err := readElsewhere(bad)
		switch {
		case err == nil && strings.HasPrefix(text, "read: "):
		case err == nil && strings.HasPrefix(text, "error: open ledger "+bad+": the file is damaged"):
			refused++
		default:
			t.Errorf("no page at %d: %v, %.500s", at, err, text)
		}
	}
	if refused == 0 {
		t.Error("no file was refused")
	}
}

func TestAFileOfANewerVersionIsRefusedWithWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "topics.db")
	must(t, open(t, path).Close())
	db, err := bolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("about")).Put([]byte("format"), []byte{0, 0, 0, 0, 0, 0, 0, 2})
	}))
	must(t, db.Close())
	if l, err := ledger.Open(path); err == nil || !strings.Contains(err.Error(), "format 2 and this version knows format 1 only") {
		t.Errorf("got %v, %v", l, err)
	}
}
