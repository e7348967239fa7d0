package ledger_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider"
	"waverider/topic/ledger"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC)

func open(t testing.TB, path string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func topic(name waverider.TopicName) ledger.Topic {
	return ledger.Topic{
		TopicConfig: waverider.TopicConfig{Name: name, ContentType: waverider.TypeNDJSON, MaxAge: waverider.Age(time.Hour)},
		Created:     at,
		Runs:        []ledger.Run{{Incarnation: 1, First: 1}, {Incarnation: 2, First: 500}},
		Segments:    []string{"sync", "own-" + name.StreamToken() + "-1"},
		Dropped:     7, DroppedBytes: 1 << 40, Deleting: true,
		Damage: []ledger.Damage{{At: at, Incarnation: 1, From: 3, To: 5, Cause: "power cut"}},
	}
}

func TestWhatWasPutIsThereAfterReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "topics.db")
	l := open(t, path)
	must(t, l.PutTopic(topic("b")))
	must(t, l.PutTopic(topic("a.b")))
	mark := ledger.Mark{Next: 1<<64 - 1, Reserved: 1 << 63, Boot: l.Boot(), At: at}
	must(t, l.PutMarks(map[waverider.TopicName]ledger.Mark{"b": mark, "a.b": {}}, map[string]ledger.StreamMark{"sync": {Last: 9, At: at}}))
	cursor := ledger.Cursor{
		Incarnation: 2, Number: 501, Updated: at, Expires: time.Hour, Epoch: 3, InputOffset: 4, InputCount: 5, Hint: 6, State: []byte("state"),
	}
	must(t, l.PutCursors(map[ledger.Key]ledger.Cursor{{Topic: "b", Reader: "slot:1"}: cursor, {Topic: "b", Reader: "group"}: {}}))
	must(t, l.Close())

	l = open(t, path)
	topics, err := l.Topics()
	if want := []ledger.Topic{topic("a.b"), topic("b")}; err != nil || !reflect.DeepEqual(topics, want) {
		t.Errorf("got  %+v, %v\nwant %+v", topics, err, want)
	}
	if m, ok, err := l.Mark("b"); m != mark || !ok || err != nil {
		t.Errorf("mark is %+v, %v, %v", m, ok, err)
	}
	if m, ok, err := l.Mark("c"); ok || err != nil {
		t.Errorf("a Topic without a mark has %+v, %v", m, err)
	}
	all, err := l.Marks()
	if want := map[waverider.TopicName]ledger.Mark{"b": mark, "a.b": {}}; err != nil || !maps.Equal(all, want) {
		t.Errorf("marks are %+v, %v", all, err)
	}
	streams, err := l.StreamMarks()
	if err != nil || !maps.Equal(streams, map[string]ledger.StreamMark{"sync": {Last: 9, At: at}}) {
		t.Errorf("stream marks are %+v, %v", streams, err)
	}
	if c, ok, err := l.Cursor("b", "slot:1"); !ok || err != nil || !reflect.DeepEqual(c, cursor) {
		t.Errorf("cursor is %+v, %v, %v", c, ok, err)
	}
	cursor.State = nil
	cursors, err := l.Cursors("b")
	if want := map[string]ledger.Cursor{"slot:1": cursor, "group": {}}; err != nil || !reflect.DeepEqual(cursors, want) {
		t.Errorf("cursors are %+v, %v", cursors, err)
	}
}

func TestDeletedTopicTakesItsMarkAndCursorsAlong(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "topics.db"))
	marks, cursors := map[waverider.TopicName]ledger.Mark{}, map[ledger.Key]ledger.Cursor{}
	for _, name := range []waverider.TopicName{"a", "a.b", "a-b", "ab"} {
		must(t, l.PutTopic(topic(name)))
		marks[name] = ledger.Mark{Next: 1}
		for n := range 200 {
			cursors[ledger.Key{Topic: name, Reader: fmt.Sprint(n)}] = ledger.Cursor{Number: 1, State: []byte("s")}
		}
	}
	must(t, l.PutMarks(marks, nil))
	must(t, l.PutCursors(cursors))
	must(t, l.DeleteTopic("a"))
	must(t, l.DeleteTopic("a"))
	// What was under way when the Topic went must not bring anything back.
	must(t, l.PutMarks(marks, nil))
	must(t, l.PutCursors(cursors))
	for name := range marks {
		list, err := l.Cursors(name)
		must(t, err)
		c, there, err := l.Cursor(name, "7")
		must(t, err)
		_, marked, err := l.Mark(name)
		must(t, err)
		if gone := name == "a"; gone != (len(list) == 0) || gone == there || gone == marked || gone != (c.State == nil) {
			t.Errorf("%s: %d cursors, mark %v, cursor %+v", name, len(list), marked, c)
		}
	}
	must(t, l.PutTopic(topic("a")))
	must(t, l.PutCursors(map[ledger.Key]ledger.Cursor{{Topic: "a", Reader: "7"}: {}}))
	if c, ok, err := l.Cursor("a", "7"); !ok || err != nil || c.State != nil {
		t.Errorf("a new Topic of that name has %+v, %v, %v", c, ok, err)
	}
	must(t, l.DeleteCursor(ledger.Key{Topic: "ab", Reader: "7"}))
	must(t, l.DeleteCursor(ledger.Key{Topic: "ab", Reader: "7"}))
	if c, ok, err := l.Cursor("ab", "7"); ok || err != nil {
		t.Errorf("a deleted cursor is %+v, %v", c, err)
	}
	must(t, l.PutMarks(nil, map[string]ledger.StreamMark{"x": {}, "y": {}}))
	must(t, l.DeleteStreamMark("x"))
	must(t, l.DeleteStreamMark("x"))
	if streams, err := l.StreamMarks(); err != nil || len(streams) != 1 {
		t.Errorf("stream marks are %v, %v", streams, err)
	}
}

func TestStateStaysUntilReplacedOrDropped(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "topics.db"))
	must(t, l.PutTopic(topic("a")))
	large := bytes.Repeat([]byte("x"), ledger.MaxState)
	for n, step := range []struct {
		put  ledger.Cursor
		want []byte
	}{
		{ledger.Cursor{}, nil},
		{ledger.Cursor{State: []byte{}}, []byte{}},
		{ledger.Cursor{State: large}, large},
		{ledger.Cursor{}, large},
		{ledger.Cursor{State: []byte("small")}, []byte("small")},
		{ledger.Cursor{DropState: true, State: []byte("new")}, []byte("new")},
		{ledger.Cursor{DropState: true}, nil},
		{ledger.Cursor{DropState: true}, nil},
	} {
		step.put.Number = uint64(n)
		must(t, l.PutCursors(map[ledger.Key]ledger.Cursor{{Topic: "a", Reader: "r"}: step.put}))
		c, ok, err := l.Cursor("a", "r")
		if !ok || err != nil || c.Number != uint64(n) || !bytes.Equal(c.State, step.want) || (c.State == nil) != (step.want == nil) {
			t.Errorf("step %d: number %d, state %.20q, %v, %v", n, c.Number, c.State, ok, err)
		}
	}
}

func TestCursorsThatCannotBe(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "topics.db"))
	for key, kind := range map[ledger.Key]waverider.Kind{
		{Topic: "", Reader: "r"}:                            waverider.Invalid,
		{Topic: "a\x00b", Reader: "r"}:                      waverider.Invalid,
		{Topic: "a", Reader: ""}:                            waverider.Invalid,
		{Topic: "a", Reader: strings.Repeat("r", 513)}:      waverider.Invalid,
		{Topic: "a", Reader: "the state is over the limit"}: waverider.TooLarge,
	} {
		err := l.PutCursors(map[ledger.Key]ledger.Cursor{key: {State: make([]byte, ledger.MaxState+1)}})
		if waverider.KindOf(err) != kind {
			t.Errorf("%+v: %v", key, err)
		}
	}
}

func TestUncleanUntilClosed(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "topics.db"), filepath.Join(dir, "copy.db")
	l := open(t, path)
	if l.Unclean() || l.Boot() != 1 {
		t.Errorf("a new file is unclean: %v, boot %d", l.Unclean(), l.Boot())
	}
	must(t, l.PutTopic(topic("a")))
	data, err := os.ReadFile(path) // what a killed process leaves
	must(t, err)
	must(t, os.WriteFile(copied, data, 0o600))
	must(t, l.Close())
	if l = open(t, path); l.Unclean() || l.Boot() != 2 {
		t.Errorf("after Close: unclean %v, boot %d", l.Unclean(), l.Boot())
	}
	for range 2 { // and stays so until somebody closes it
		l = open(t, copied)
		if !l.Unclean() || l.Boot() < 2 {
			t.Errorf("the copy: unclean %v, boot %d", l.Unclean(), l.Boot())
		}
		if list, err := l.Topics(); err != nil || len(list) != 1 {
			t.Errorf("the copy has %v, %v", list, err)
		}
		data, err = os.ReadFile(copied)
		must(t, err)
		must(t, l.Close())
		must(t, os.WriteFile(copied, data, 0o600))
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "topics.db")
	l := open(t, path)
	if second, err := ledger.Open(path); err == nil || !strings.Contains(err.Error(), path+": another process has it open") {
		t.Errorf("got %v, %v", second, err)
	}
	must(t, l.Close())
	open(t, path)
}

func TestAfterClose(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "topics.db"))
	must(t, l.Close())
	if err := l.PutTopic(topic("a")); err == nil {
		t.Error("a closed ledger takes a Topic")
	}
	if _, _, err := l.Mark("a"); err == nil {
		t.Error("a closed ledger answers a mark")
	}
	if _, err := l.Topics(); err == nil {
		t.Error("a closed ledger answers Topics")
	}
	if err := l.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "topics.db")
	l := open(t, path)
	const many, times = 20, 10
	var wg sync.WaitGroup
	for n := range many {
		wg.Go(func() {
			name := waverider.TopicName(fmt.Sprint("t", n))
			if err := l.PutTopic(topic(name)); err != nil {
				t.Error(err)
			}
			for i := range uint64(times) {
				key := ledger.Key{Topic: name, Reader: "r"}
				if err := l.PutCursors(map[ledger.Key]ledger.Cursor{key: {Number: i, State: fmt.Append(nil, i)}}); err != nil {
					t.Error(err)
				}
				if c, ok, err := l.Cursor(name, "r"); err != nil || !ok || c.Number != i || string(c.State) != fmt.Sprint(i) {
					t.Errorf("%s: got %+v, %v, %v, want %d", name, c, ok, err, i)
				}
			}
		})
	}
	wg.Wait()
	must(t, l.Close())
	l = open(t, path)
	for n := range many {
		if c, ok, err := l.Cursor(waverider.TopicName(fmt.Sprint("t", n)), "r"); err != nil || !ok || c.Number != times-1 {
			t.Errorf("t%d: got %+v, %v, %v", n, c, ok, err)
		}
	}
}
