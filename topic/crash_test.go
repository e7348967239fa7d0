package topic_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

// image is the folder of a Store as it would be found after a kill now.
func image(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "image")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func infoOf(t *testing.T, s *topic.Store, name waverider.TopicName) topic.Info {
	t.Helper()
	top, err := s.Topic(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := top.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestKillOfABusyAsyncTopicIsTold(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	before := write(t, create(t, s, "a", "async"), 0, 100, 50)
	s = open(t, image(t, dir))
	info := infoOf(t, s, "a")
	if len(info.Damage) != 1 {
		t.Errorf("damage %+v, want one", info.Damage)
	}
	top, err := s.Topic("a")
	if err != nil {
		t.Fatal(err)
	}
	_, kept := readAll(t, top, topic.From{})
	if info.Records != uint64(kept) || info.Total != uint64(kept) {
		t.Errorf("%d records, %d in all, want the %d that can be read", info.Records, info.Total, kept)
	}
	after := write(t, top, 100, 150, 50)
	if after.Number-50 < before.Number || after.Incarnation <= before.Incarnation {
		t.Errorf("50 records were stored up to %+v, %+v was given before", after, before)
	}
	if _, n := readAll(t, top, topic.From{}); n != kept+50 {
		t.Errorf("%d records, want %d", n, kept+50)
	}
	if info = infoOf(t, s, "a"); info.Records != uint64(kept)+50 || len(info.Damage) != 1 {
		t.Errorf("%d records, damage %+v; want %d, one", info.Records, info.Damage, kept+50)
	}
}

func TestLostTailIsToldOnce(t *testing.T) {
	for _, d := range []waverider.Durability{"sync", "async"} {
		t.Run(string(d), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			write(t, create(t, s, "a", d), 0, 100, 50)
			early := image(t, dir)
			write(t, create(t, s, "b", d), 0, 100, 50) // moves the stream on
			top, err := s.Topic("a")
			if err != nil {
				t.Fatal(err)
			}
			before := write(t, top, 100, 200, 50)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			// Streams as they were early, with the ledger of the end.
			if err := os.Rename(filepath.Join(dir, "topics.db"), filepath.Join(early, "topics.db")); err != nil {
				t.Fatal(err)
			}
			var next topic.Cursor
			for i := range 3 { // nothing is written between the starts
				s := open(t, early)
				info := infoOf(t, s, "a")
				if i == 0 {
					next = info.Next
				}
				if len(info.Damage) != 1 || info.Records != 200 || info.Next != next || next.Number < before.Number {
					t.Errorf("start %d: damage %+v, %d records, next %+v; want one, 200, %+v", i+1, info.Damage, info.Records, info.Next, next)
				}
				top, err := s.Topic("a")
				if err != nil {
					t.Fatal(err)
				}
				if records, missed := countAll(t, top); records+missed != 200 || missed == 0 {
					t.Errorf("start %d: %d records, %d missed, want 200 together", i+1, records, missed)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestRecordsWithoutALedgerAreRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	write(t, create(t, s, "a", "sync"), 0, 10, 50)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "topics.db")
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	_, err := topic.Open(t.Context(), topic.Config{Dir: dir, Hub: "hub-1", MaxStore: 4 << 30, Log: discard()})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("opened without a ledger: %v", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	top, err := open(t, dir).Topic("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, n := readAll(t, top, topic.From{}); n != 10 {
		t.Errorf("%d records with the ledger back, want 10", n)
	}
}

func TestDamagedLastBatchCostsOnlyItself(t *testing.T) {
	for name, cfg := range map[string]waverider.TopicConfig{
		"shared": {}, "own": {MaxBytes: 1 << 30}, "async": {Durability: "async"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			cfg.Name, cfg.ContentType = "a", waverider.TypeNDJSON
			top, err := s.Create(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			write(t, top, 0, 100, 50)
			write(t, top, 100, 200, 50)
			before := write(t, top, 200, 300, 50)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			flipIn(t, dir, `{"n":250,`, 0, 0)
			s = open(t, dir)
			info := infoOf(t, s, "a")
			if len(info.Damage) != 1 || info.Damage[0].From != 201 || info.Damage[0].To != 301 {
				t.Errorf("damage %+v, want records 201 to 300", info.Damage)
			}
			if top, err = s.Topic("a"); err != nil {
				t.Fatal(err)
			}
			if records, missed := countAll(t, top); records != 200 || missed != 100 {
				t.Errorf("%d records, %d missed, want 200, 100", records, missed)
			}
			after := write(t, top, 300, 350, 50)
			if after.Number-50 < before.Number {
				t.Errorf("50 records were stored up to %d, %d was given before", after.Number, before.Number)
			}
			if records, missed := countAll(t, top); records != 250 || missed != 100 {
				t.Errorf("%d records, %d missed, want 250, 100", records, missed)
			}
		})
	}
}

// The length of a message's headers is in no check sum of the engine.
func TestDamagedHeadCostsOnlyItself(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := create(t, s, "a", "sync")
	for i := range 3 {
		write(t, top, i*100, i*100+100, 50)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for n, text := range []string{`{"n":50,`, `{"n":150,`, `{"n":250,`} {
		for bit := range uint(16) {
			dir := image(t, dir)
			flipIn(t, dir, text, headLength+int(bit/8), bit%8)
			s := open(t, dir)
			top, err := s.Topic("a")
			if err != nil {
				t.Fatal(err)
			}
			// The engine may pass over it, or hand on more headers or less.
			if records, missed := countAll(t, top); records+missed != 300 || missed != 0 && missed != 100 {
				t.Errorf("batch %d, bit %d: %d records, %d missed, want 300 together", n, bit, records, missed)
			}
			write(t, top, 300, 350, 50)
			if records, missed := countAll(t, top); records+missed != 350 {
				t.Errorf("batch %d, bit %d: %d records, %d missed, want 350 together", n, bit, records, missed)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// headLength is, for flipIn, where the length of the headers of the message is
// that the text stands in.
const headLength = -4

// flipIn changes a bit in the files of streams: of a byte of the text, or of
// one as far before the headers of its message.
func flipIn(t *testing.T, dir, text string, offset int, bit uint) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "streams/jetstream/*/streams/*/msgs/*.blk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(data, []byte(text))
		if at < 0 {
			continue
		}
		if offset < 0 {
			at = bytes.LastIndex(data[:at], []byte("NATS/1.0"))
		}
		data[at+offset] ^= 1 << bit
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("%s is in no file", text)
}

// countAll reads a Topic to its end.
func countAll(t *testing.T, top *topic.Topic) (records, missed uint64) {
	t.Helper()
	r, err := top.Reader(t.Context(), topic.From{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.UntilNow()
	for {
		m, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return records, missed + r.Missed()
		} else if err != nil {
			t.Fatal(err)
		}
		records, missed = records+m.Count(), missed+m.Missed
		m.Release()
	}
}

func TestKillOfAQuietAsyncTopicLeavesNoDoubt(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	before := write(t, create(t, s, "a", "async"), 0, 100, 50)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		s := open(t, image(t, dir))
		info := infoOf(t, s, "a")
		if len(info.Damage) == 0 {
			if info.Next != before || info.Records != 100 {
				t.Errorf("it goes on at %+v with %d records, want %+v and 100", info.Next, info.Records, before)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the Topic is quiet and still in doubt: %+v", info.Damage)
		}
	}
}

// A cursor of one Topic must not pass for one of another.
func TestIncarnationsAreOfOneTopicOnly(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	names := []waverider.TopicName{"a", "b", "c", "d"}
	for _, name := range names {
		write(t, create(t, s, string(name), "async"), 0, 10, 50)
	}
	seen := map[uint32]waverider.TopicName{}
	look := func() {
		for _, name := range names {
			n := infoOf(t, s, name).Next.Incarnation
			if other := seen[n]; other != "" {
				t.Errorf("%s and %s have the incarnation %d", other, name, n)
			}
			seen[n] = name
		}
	}
	look()
	s = open(t, image(t, dir))
	look()
}
