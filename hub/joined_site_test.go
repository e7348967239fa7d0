package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/hub"
	"waverider/topic"
)

// joinedSite is a site whose Topics outlive its Hub.
type joinedSite struct {
	*site
	topics *topic.Store
	at     string // folder of topics
}

func newJoinedSite(t *testing.T, change ...func(*hub.Config)) *joinedSite {
	t.Helper()
	s := &joinedSite{at: t.TempDir()}
	s.topics = openTopics(t, s.at)
	s.site = newSite(t, append(change, func(c *hub.Config) { c.Topics = s.topics })...)
	t.Cleanup(func() {
		s.stop()
		if err := s.topics.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// reopen is a Hub with its Topics that went and came back under its programs.
// between, if not nil, is what happens meanwhile.
func (s *joinedSite) reopen(between func()) {
	s.t.Helper()
	s.stop()
	if err := s.topics.Close(); err != nil {
		s.t.Fatal(err)
	}
	if between != nil {
		between()
	}
	s.topics = openTopics(s.t, s.at)
	s.cfg.Topics = s.topics
	s.open()
}

func openTopics(t *testing.T, dir string) *topic.Store {
	t.Helper()
	store, err := topic.Open(t.Context(), topic.Config{Dir: dir, Hub: "hub-1", MaxStore: 4 << 30, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// send stores records in a Topic.
func (s *joinedSite) send(name string, records ...string) {
	s.t.Helper()
	s.want(200, "POST", "/topic/"+name, strings.Join(records, "\n")+"\n", "Content-Type", waverider.TypeNDJSON)
}

// await reads a Topic from its start until it has n records, and a moment more
// would not do: the caller knows that no more come.
func (s *joinedSite) await(name string, n int) []string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	top, err := s.topics.Ensure(ctx, waverider.TopicConfig{Name: waverider.TopicName(name), ContentType: waverider.TypeNDJSON})
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := top.Reader(ctx, topic.From{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for len(got) < n {
		m, err := r.Next(ctx)
		if err != nil {
			s.t.Fatalf("%v after %d records of %d of %s: %.200q", err, len(got), n, name, got)
		}
		got = append(got, linesOf(m.Data())...)
		m.Release()
	}
	return got
}

// holds tells whether a Topic has exactly these records.
func (s *joinedSite) holds(name string, want []string) {
	s.t.Helper()
	same(s.t, s.await(name, len(want)), want)
	top, err := s.topics.Topic(waverider.TopicName(name))
	if err != nil {
		s.t.Fatal(err)
	}
	if info, err := top.Info(s.t.Context()); err != nil || info.Records != uint64(len(want)) {
		s.t.Errorf("%s has %d records (%v), want %d", name, info.Records, err, len(want))
	}
}

func linesOf(data []byte) []string {
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// same tells where two lists of records part.
func same(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%d records, want %d; they part at %d: %.300q, want %.300q", len(got), len(want), i, got[min(i, len(got)):], want[min(i, len(want)):])
			return
		}
	}
}

// numbered are the records from..to-1.
func numbered(from, to int) []string {
	list := make([]string, 0, max(0, to-from))
	for i := from; i < to; i++ {
		list = append(list, strconv.Itoa(i))
	}
	return list
}

// acked waits until the slot has acked so many records of a Topic.
func (s *joinedSite) acked(name, id string, n int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s to ack %d records of %s", id, n, name), func() bool { return s.place(name, id).Number == uint64(n+1) })
}

// eventually waits for what nothing tells of.
func (s *site) eventually(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// readers is how many a Topic remembers, or are connected.
func (s *joinedSite) readers(name string) int {
	s.t.Helper()
	top, err := s.topics.Topic(waverider.TopicName(name))
	if err != nil {
		s.t.Fatal(err)
	}
	info, err := top.Info(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return len(info.Readers)
}

func (s *joinedSite) place(name, id string) topic.Place {
	s.t.Helper()
	top, err := s.topics.Topic(waverider.TopicName(name))
	if waverider.KindOf(err) == waverider.NotFound {
		return topic.Place{}
	} else if err != nil {
		s.t.Fatal(err)
	}
	at, _, err := top.Known(s.t.Context(), "slot:"+id)
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

// body is a start's request.
func body(v map[string]any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// sole is the process that runs now.
func (s *site) sole() (p *proc) {
	s.t.Helper()
	s.eventually("one process to run", func() bool {
		n := 0
		for _, each := range s.on.all() {
			if !isDone(each.done) {
				n, p = n+1, each
			}
		}
		return n == 1
	})
	return p
}

func isDone(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
