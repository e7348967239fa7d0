package topic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

func join(t *testing.T, top *topic.Topic, o topic.JoinOptions) *topic.Member {
	t.Helper()
	m, err := top.Join(t.Context(), "workers", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// next is what a member is given at once.
func next(t *testing.T, m *topic.Member, limit uint64) *topic.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	msg, err := m.Next(ctx, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(msg.Release)
	return msg
}

// single stores each record as a message of its own.
func single(t *testing.T, top *topic.Topic, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		write(t, top, i, i+1, 50)
	}
}

func span(m *topic.Message) string { return fmt.Sprintf("%d-%d", m.From, m.To-1) }

func wantSpan(t *testing.T, m *topic.Message, want string) {
	t.Helper()
	if got := span(m); got != want {
		t.Errorf("given %s, want %s", got, want)
	}
}

// wantNothing wants a member to have to wait.
func wantNothing(t *testing.T, m *topic.Member) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if msg, err := m.Next(ctx, 0); err == nil {
		t.Errorf("given %s, want nothing", span(msg))
		msg.Release()
	} else if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestGroupGivesEachRecordToOneMember(t *testing.T) {
	for _, d := range []waverider.Durability{"sync", "async"} {
		t.Run(string(d), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			top := create(t, s, "jobs", d)
			const records, members = 20000, 4
			write(t, top, 0, records/2, 50) // these are read from the disk
			var mu sync.Mutex
			given := map[uint64]int{}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var tasks sync.WaitGroup
			for range members {
				m := join(t, top, topic.JoinOptions{})
				tasks.Go(func() {
					for {
						msg, err := m.Next(ctx, 100)
						if err != nil {
							return
						}
						mu.Lock()
						for rec := range msg.Records {
							given[rec.Number]++
						}
						if len(given) == records {
							stop()
						}
						mu.Unlock()
						msg.Release()
						msg.Ack()
					}
				})
			}
			for i := records / 2; i < records; i += 100 {
				write(t, top, i, i+100, 50)
			}
			tasks.Wait()
			for n, times := range given {
				if times != 1 {
					t.Errorf("record %d was given %d times", n, times)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			top, err := open(t, dir).Topic("jobs")
			if err != nil {
				t.Fatal(err)
			}
			wantNothing(t, join(t, top, topic.JoinOptions{}))
		})
	}
}

func TestGroupGivesAgainWhatALeaverHad(t *testing.T) {
	top := create(t, open(t, t.TempDir()), "jobs", "sync")
	single(t, top, 0, 4)
	a, b := join(t, top, topic.JoinOptions{}), join(t, top, topic.JoinOptions{})
	for _, m := range []*topic.Message{next(t, a, 1), next(t, a, 1), next(t, b, 1)} {
		if m.From == 2 {
			m.Ack()
		}
	}
	a.Close()
	wantSpan(t, next(t, b, 0), "1-1")
	wantSpan(t, next(t, b, 0), "4-4")
	wantNothing(t, b)
}

func TestGroupKnowsAfterARestartWhatWasAckedOutOfOrder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := create(t, s, "jobs", "sync")
	single(t, top, 0, 8)
	m := join(t, top, topic.JoinOptions{})
	for range 7 {
		msg := next(t, m, 1)
		if msg.From == 1 || msg.From == 3 || msg.From == 4 || msg.From == 6 {
			msg.Ack()
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{{"2-2", "5-5", "7-7", "8-8"}, {"5-5", "7-7", "8-8"}, {}} {
		s = open(t, dir)
		top, err := s.Topic("jobs")
		if err != nil {
			t.Fatal(err)
		}
		m := join(t, top, topic.JoinOptions{UntilNow: true})
		for i, want := range want {
			msg := next(t, m, 0)
			wantSpan(t, msg, want)
			if i == 0 || i == 1 && want == "7-7" || want == "8-8" && i == 2 {
				msg.Ack()
			}
		}
		if msg, err := m.Next(t.Context(), 0); !errors.Is(err, io.EOF) {
			t.Errorf("in the end: %v %v, want io.EOF", msg, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExplicitAcks(t *testing.T) {
	top := create(t, open(t, t.TempDir()), "jobs", "sync")
	write(t, top, 0, 10, 50)
	m := join(t, top, topic.JoinOptions{Explicit: true})
	msg := next(t, m, 6)
	wantSpan(t, msg, "1-6")
	at := func(n uint64) topic.Cursor { c := m.At(); c.Number = n; return c }
	ack := func(from, to, want uint64) {
		t.Helper()
		var begin *topic.Cursor
		if from > 0 {
			c := at(from)
			begin = &c
		}
		c, err := top.AckGroup(t.Context(), "workers", begin, at(to))
		if err != nil || c.Number != want {
			t.Errorf("ack %d-%d: cursor %d, %v; want %d", from, to, c.Number, err, want)
		}
	}
	ack(3, 4, 1)
	ack(1, 2, 2)
	ack(0, 5, 5)
	ack(0, 2, 5)
	m.Close()
	m = join(t, top, topic.JoinOptions{Explicit: true})
	wantSpan(t, next(t, m, 0), "5-6")
	wantSpan(t, next(t, m, 0), "7-10")
	ack(0, 11, 11)
	wantNothing(t, m)
	for name, c := range map[string]topic.Cursor{"ahead": at(12), "foreign": {Origin: 1, Incarnation: 1, Number: 1}} {
		if _, err := top.AckGroup(t.Context(), "workers", nil, c); waverider.KindOf(err) != waverider.Gone {
			t.Errorf("%s: %v, want Gone", name, err)
		}
	}
	if _, err := top.AckGroup(t.Context(), "nobody", nil, at(1)); waverider.KindOf(err) != waverider.NotFound {
		t.Errorf("of no group: %v, want NotFound", err)
	}
}

func TestExplicitAcksComeLate(t *testing.T) {
	top := create(t, open(t, t.TempDir()), "jobs", "sync")
	single(t, top, 0, 3)
	o := topic.JoinOptions{Explicit: true, AckWait: 20 * time.Millisecond}
	slow, quick := join(t, top, o), join(t, top, topic.JoinOptions{})
	first, second := next(t, slow, 1), next(t, slow, 1)
	next(t, quick, 1).Ack()
	wantSpan(t, next(t, quick, 0), span(first)) // waits until it is overdue
	c := second.Cursor()
	if _, err := top.AckGroup(t.Context(), "workers", &topic.Cursor{Origin: c.Origin, Incarnation: c.Incarnation, Number: second.From}, c); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, quick) // the late ack counts
	slow.Close()
	wantNothing(t, quick)
	quick.Close()
	wantSpan(t, next(t, join(t, top, topic.JoinOptions{}), 0), span(first))
}

func TestWhoLeavesInOrderMayStillAck(t *testing.T) {
	top := create(t, open(t, t.TempDir()), "jobs", "sync")
	single(t, top, 0, 2)
	m := join(t, top, topic.JoinOptions{Explicit: true})
	msg := next(t, m, 1)
	m.Leave()
	m = join(t, top, topic.JoinOptions{Explicit: true})
	wantSpan(t, next(t, m, 0), "2-2")
	wantNothing(t, m)
	if c, err := top.AckGroup(t.Context(), "workers", nil, msg.Cursor()); err != nil || c.Number != 2 {
		t.Errorf("cursor %d, %v; want 2", c.Number, err)
	}
}

func TestGroupBoundsWhatIsNotAcked(t *testing.T) {
	top := create(t, open(t, t.TempDir()), "jobs", "async")
	write(t, top, 0, 3000, 50)
	m := join(t, top, topic.JoinOptions{})
	var given []*topic.Message
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		msg, err := m.Next(ctx, 1)
		cancel()
		if err != nil {
			break
		}
		defer msg.Release()
		given = append(given, msg)
	}
	if len(given) != 1024 {
		t.Errorf("%d messages were given without an ack, want 1024", len(given))
	}
	got := make(chan string)
	go func() {
		msg, err := m.Next(t.Context(), 1)
		if err != nil {
			got <- err.Error()
			return
		}
		defer msg.Release()
		got <- span(msg)
	}()
	given[500].Ack()
	if s := <-got; s != "1025-1025" {
		t.Errorf("after an ack: %s, want 1025-1025", s)
	}
}

func TestMembersEndWithTheTopic(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "jobs", "sync")
	write(t, top, 0, 2000, 50)
	ended := make(chan error)
	for i := range 3 {
		m := join(t, top, topic.JoinOptions{})
		go func() {
			for {
				msg, err := m.Next(t.Context(), 1) // the first stop where nothing more is given out unacked
				if err != nil {
					ended <- err
					return
				}
				msg.Release()
				if i == 0 {
					msg.Ack()
				}
			}
		}()
	}
	if err := s.Delete(t.Context(), "jobs"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := <-ended; waverider.KindOf(err) != waverider.Gone {
			t.Errorf("a member ended with %v, want Gone", err)
		}
	}
}

func TestGroupIsForgotten(t *testing.T) {
	top := create(t, open(t, t.TempDir()), "jobs", "sync")
	single(t, top, 0, 2)
	m := join(t, top, topic.JoinOptions{Explicit: true})
	next(t, m, 0)
	if err := top.Forget(t.Context(), "group:workers"); waverider.KindOf(err) != waverider.Conflict {
		t.Errorf("with a member: %v, want Conflict", err)
	}
	m.Leave()
	if err := top.Forget(t.Context(), "group:workers"); err != nil {
		t.Fatal(err)
	}
	wantSpan(t, next(t, join(t, top, topic.JoinOptions{}), 0), "1-1")
}

func TestMemoryTopicsHaveNoGroups(t *testing.T) {
	top := create(t, open(t, t.TempDir()), "jobs", "memory")
	if _, err := top.Join(t.Context(), "workers", topic.JoinOptions{}); waverider.KindOf(err) != waverider.Unprocessable {
		t.Errorf("%v, want Unprocessable", err)
	}
}

// hand is one member in the random test, with what it has and has not acked.
type hand struct {
	m    *topic.Member
	msgs []*topic.Message
}

// Whatever members do and however often the Hub restarts: what was acked never
// comes again, and everything comes.
func TestGroupAgainstAModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { groupModel(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func groupModel(t *testing.T, r *rand.Rand) {
	dir := t.TempDir()
	s := open(t, dir)
	top := create(t, s, "jobs", "async")
	written := 0
	acked := map[uint64]bool{}
	var hands []*hand
	take := func(h *hand, limit uint64) bool {
		msg, err := h.m.Next(t.Context(), limit)
		if errors.Is(err, io.EOF) {
			return false
		} else if err != nil {
			t.Fatal(err)
		}
		for n := msg.From; n < msg.To; n++ {
			if acked[n] {
				t.Fatalf("record %d is acked and was given again", n)
			}
			for _, other := range hands {
				if slices.ContainsFunc(other.msgs, func(m *topic.Message) bool { return m.From <= n && n < m.To }) {
					t.Fatalf("record %d was given to two at a time", n)
				}
			}
		}
		h.msgs = append(h.msgs, msg)
		return true
	}
	finish := func(msg *topic.Message) {
		msg.Ack()
		for n := msg.From; n < msg.To; n++ {
			acked[n] = true
		}
		msg.Release()
	}
	leave := func(i int) {
		hands[i].m.Close()
		for _, msg := range hands[i].msgs {
			msg.Release()
		}
		hands = slices.Delete(hands, i, i+1)
	}
	for range 400 {
		switch op := r.IntN(100); {
		case op < 15:
			n := 1 + r.IntN(40)
			write(t, top, written, written+n, 50)
			written += n
		case op < 25 || len(hands) == 0:
			hands = append(hands, &hand{m: join(t, top, topic.JoinOptions{UntilNow: true})})
		case op < 60:
			take(hands[r.IntN(len(hands))], uint64(r.IntN(10)))
		case op < 85:
			if h := hands[r.IntN(len(hands))]; len(h.msgs) > 0 {
				i := r.IntN(len(h.msgs))
				finish(h.msgs[i])
				h.msgs = slices.Delete(h.msgs, i, i+1)
			}
		case op < 97:
			leave(r.IntN(len(hands)))
		default:
			for len(hands) > 0 {
				leave(0)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
			var err error
			if top, err = s.Topic("jobs"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for len(hands) > 0 {
		leave(0)
	}
	last := &hand{m: join(t, top, topic.JoinOptions{UntilNow: true})}
	for take(last, 0) {
		finish(last.msgs[0])
		last.msgs = nil
	}
	if len(acked) != written || last.m.At().Number != uint64(written)+1 {
		t.Errorf("%d records of %d came, the cursor is %d", len(acked), written, last.m.At().Number)
	}
}

func TestAckOfARangeThatIsNone(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "jobs", "async")
	write(t, top, 0, 20, 50)
	m := join(t, top, topic.JoinOptions{UntilNow: true, Explicit: true})
	defer m.Close()
	given := next(t, m, 19)
	at := func(n uint64) topic.Cursor { c := given.Cursor(); c.Number = n; return c }
	from := at(10)
	if _, err := top.AckGroup(t.Context(), "workers", &from, at(5)); waverider.KindOf(err) != waverider.Invalid {
		t.Errorf("an ack from 10 to 5: %v", err)
	}
	if c, err := top.AckGroup(t.Context(), "workers", nil, at(5)); err != nil || c.Number != 5 {
		t.Errorf("an ack to 5 after it: %v, %v", c.Number, err)
	}
}
