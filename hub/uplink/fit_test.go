package uplink_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider"
	"waverider/hub/uplink"
	"waverider/link"
	"waverider/topic"
)

func TestNamesThatFit(t *testing.T) {
	names := []string{"a", "bb", "<c>", "d"}
	for _, c := range []struct{ most, room, want int }{
		{10, 100, 4}, {3, 100, 3}, {0, 100, 0}, {10, 2, 0}, {10, 6, 1}, {10, 10, 1}, {10, 11, 2}, {10, 27, 3}, {10, 28, 3}, {10, 31, 4},
	} {
		got := uplink.FitNames(names, c.most, c.room)
		if text, _ := json.Marshal(got); len(got) != c.want || len(text) > max(c.room, 2) {
			t.Errorf("%d names, %d bytes: %s", c.most, c.room, text)
		}
	}
}

func TestListsThatFit(t *testing.T) {
	list := func(n, size int) (l json.RawMessage) {
		l, _ = json.Marshal(slices.Repeat([]string{strings.Repeat("x", size)}, n))
		return l
	}
	for _, c := range []struct {
		lists []json.RawMessage
		room  int
		left  int
	}{
		{[]json.RawMessage{list(10, 10), list(0, 0), list(3, 10)}, 1000, 0},
		{[]json.RawMessage{list(100, 7), list(3, 7), list(10, 7)}, 532, 61},     // the long one has what the others leave
		{[]json.RawMessage{list(100, 7), list(100, 7), list(100, 7)}, 306, 270}, // each a third
		{[]json.RawMessage{json.RawMessage(`["` + strings.Repeat("x", 1000) + `","y"]`)}, 100, 1},
		{[]json.RawMessage{json.RawMessage("null"), list(10, 7)}, 30, 8},
	} {
		var lists []*json.RawMessage
		for i := range c.lists {
			lists = append(lists, &c.lists[i])
		}
		left, err := uplink.FitLists(lists, c.room)
		size := 0
		for _, l := range c.lists {
			size += len(l)
			if !json.Valid(l) {
				t.Errorf("%s", l)
			}
		}
		if err != nil || left != c.left || size > c.room {
			t.Errorf("%d left out, %d bytes in %d: %v; want %d left out", left, size, c.room, err, c.left)
		}
	}
}

// words is a log that counts what is said.
type words struct {
	mu   sync.Mutex
	said map[string]int
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, part := range []string{"more topics are read", "this Hub has more"} {
		if strings.Contains(string(p), part) {
			w.said[part]++
		}
	}
	return len(p), nil
}

// A Space hears of as much as a message has room for, and the Hub says so once.
func TestMessagesHaveRoomForSoMuch(t *testing.T) {
	s, d := newSpace(t), newDisk(t)
	log := &words{said: map[string]int{}}
	cfg := d.config(s.url, s.token())
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	cfg.Topics = d.topics(t)
	const many = 30
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() {
			_, err := cfg.Topics.Create(t.Context(), waverider.TopicConfig{Name: waverider.TopicName(fmt.Sprintf("t%04d", n)),
				ContentType: waverider.TypeText, Scope: waverider.ScopeSpace, Durability: waverider.DurabilityAsync})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, top := range cfg.Topics.Topics() {
		r, err := top.Reader(t.Context(), topic.From{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
	}
	u, err := uplink.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	u.ReadsRoom(2 + 20*len(`"t0000",`))
	var ids []string
	for n := range 30_000 {
		ids = append(ids, fmt.Sprintf("instance-%040d", n))
	}
	core := d.core()
	core.Entities = func() (any, any, any, error) { return []string{"s"}, ids, []string{"t"}, nil }
	d.run(u, core)
	var reads link.Reads
	var entities link.Entities
	for end := time.After(60 * time.Second); reads.Topics == nil || entities.Instances == nil; {
		select {
		case m := <-s.said:
			var err error
			switch m.Type {
			case link.MessageReads:
				err = m.Decode(&reads)
			case link.MessageEntities:
				err = m.Decode(&entities)
			}
			if err != nil {
				t.Fatal(err)
			}
		case <-end:
			t.Fatal("the Space hears nothing")
		}
	}
	if n := len(reads.Topics); n != 20 || reads.Topics[0] != "t0000" || reads.Topics[n-1] != "t0019" {
		t.Errorf("topics %s", reads.Topics)
	}
	var got []string
	if err := json.Unmarshal(entities.Instances, &got); err != nil || len(got) < 10_000 || len(got) >= len(ids) {
		t.Errorf("%d instances, %v", len(got), err)
	}
	if string(entities.Sequences) != `["s"]` || string(entities.Topics) != `["t"]` {
		t.Errorf("beside them %s and %s", entities.Sequences, entities.Topics)
	}
	u.Reads("") // is looked at again
	log.mu.Lock()
	defer log.mu.Unlock()
	if log.said["more topics are read"] != 1 || log.said["this Hub has more"] != 1 {
		t.Errorf("said %v", log.said)
	}
}
