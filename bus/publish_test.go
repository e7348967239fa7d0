package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"waverider/bus"
)

func TestTheLargestMessageFits(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	data := bytes.Repeat([]byte("x"), bus.MaxData)
	for _, s := range streams {
		m := bus.Msg{Subject: "wr.hub." + s.Name + ".a.h.p", Data: data}
		if _, err := b.Publish(t.Context(), s.Name, m); err != nil {
			t.Fatal(err)
		}
		last, err := b.LastOf(t.Context(), s.Name, m.Subject)
		if err != nil || !bytes.Equal(last.Data, data) {
			t.Errorf("last has %d bytes, error %v", len(last.Data), err)
		}
		got, err := b.Fetch(t.Context(), s.Name, m.Subject, 1, 1, 1)
		if err != nil || len(got) != 1 || !bytes.Equal(got[0].Data, data) {
			t.Errorf("fetched %d, error %v", len(got), err)
		}
		m.Data = append(data, 'x')
		if _, err := b.Publish(t.Context(), s.Name, m); err == nil {
			t.Error("a larger one was taken")
		}
	}
	batch := make([]bus.Msg, 10)
	for i := range batch {
		batch[i] = bus.Msg{Subject: fmt.Sprintf("wr.hub.sync.b%d.h.%s", i, bytes.Repeat([]byte("p"), 200)), Data: data}
	}
	if _, err := b.PublishAll(t.Context(), "sync", batch); err != nil {
		t.Errorf("a batch of the largest: %v", err)
	}
}

func TestBatchesOutsideTheLimitsAreRefused(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	m := bus.Msg{Subject: "wr.hub.sync.a.h.p", Data: make([]byte, bus.MaxData)}
	many := make([]bus.Msg, bus.MaxBatch+1)
	large := make([]bus.Msg, 100)
	for i := range large {
		large[i] = m
	}
	for name, ms := range map[string][]bus.Msg{"none": {}, "too many": many, "too large": large} {
		if _, err := b.PublishAll(t.Context(), "sync", ms); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, subject := range []string{"", "wr.hub.sync.*.h.p", "wr.hub.sync.a.h.>", "wr.hub.sync.a b.h.p", "wr.hub.sync..h.p"} {
		if _, err := b.Publish(t.Context(), "sync", bus.Msg{Subject: subject}); err == nil || errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("subject %q: %v", subject, err)
		}
	}
	if _, err := b.PublishAll(t.Context(), "async", []bus.Msg{{Subject: "wr.hub.async.a.h.p"}, {Subject: "wr.hub.async.b.h.p"}}); err == nil {
		t.Error("a batch was taken by a stream of kind Async")
	}
	if s, err := b.State(t.Context(), "sync"); err != nil || s.Messages != 0 {
		t.Errorf("%+v, error %v", s, err)
	}
	if _, err := b.Publish(t.Context(), "sync", bus.Msg{Subject: "wr.hub.async.a.h.p"}); err == nil {
		t.Error("a message went to another stream than was said")
	}
}

func TestManyMessagesAheadOfTheirAnswersAreAllStored(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	ms := make([]bus.Msg, 150) // 150 MiB, more than may wait in front of a stream
	data := make([]byte, 1<<20)
	for i := range ms {
		ms[i] = bus.Msg{Subject: fmt.Sprintf("wr.hub.async.t%d.h.p", i), Data: data}
	}
	seqs, errs := b.PublishEach(t.Context(), "async", ms)
	for i := range ms {
		if seqs[i] != uint64(i+1) || errs[i] != nil {
			t.Fatalf("message %d: sequence %d, error %v", i, seqs[i], errs[i])
		}
	}
}

func TestOfTwoWritersOneWins(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	for _, s := range streams {
		subject := "wr.hub." + s.Name + ".a.h.p"
		var wins, losses int
		var mu sync.Mutex
		var writers sync.WaitGroup
		for range 2 {
			writers.Go(func() {
				for range 100 {
					var after uint64
					if last, err := b.LastOf(t.Context(), s.Name, subject); err == nil {
						after = last.Seq
					} else if !errors.Is(err, bus.ErrNotFound) {
						t.Error(err)
					}
					seq, err := b.Publish(t.Context(), s.Name, bus.Msg{Subject: subject, After: after})
					mu.Lock()
					switch {
					case errors.Is(err, bus.ErrWrongSequence):
						losses++
					case err != nil:
						t.Error(err)
					case seq <= after:
						t.Errorf("sequence %d after %d", seq, after)
					default:
						wins++
					}
					mu.Unlock()
				}
			})
		}
		writers.Wait()
		if state, err := b.State(t.Context(), s.Name); err != nil || state.Messages != uint64(wins) || wins+losses != 200 {
			t.Errorf("%d wins, %d losses, %+v, error %v", wins, losses, state, err)
		}
	}
}

func TestAFullBudgetIsSaid(t *testing.T) {
	c := config(t, t.TempDir())
	c.MaxStore = 1 << 20
	b, err := bus.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ensure(t, b)
	for _, s := range streams {
		subject := "wr.hub." + s.Name + ".a.h.p"
		var last uint64
		for err == nil && last < 100 {
			last, err = b.Publish(t.Context(), s.Name, bus.Msg{Subject: subject, Data: make([]byte, 64<<10), After: last})
		}
		if !errors.Is(err, bus.ErrFull) {
			t.Errorf("stream %s: %v", s.Name, err)
		}
		if _, err := b.PublishAll(t.Context(), "sync", []bus.Msg{{Subject: "wr.hub.sync.b.h.p"}, {Subject: "wr.hub.sync.c.h.p"}}); !errors.Is(err, bus.ErrFull) {
			t.Errorf("a batch: %v", err)
		}
		// Room made is room to write, without a restart.
		if err := b.Purge(t.Context(), s.Name, "", 0); err != nil {
			t.Fatal(err)
		}
		if _, err = b.Publish(t.Context(), s.Name, bus.Msg{Subject: subject}); err != nil {
			t.Errorf("after a purge: %v", err)
		}
	}
}

func TestASmallerBudgetKeepsWhatIsThere(t *testing.T) {
	c := config(t, t.TempDir())
	b, err := bus.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ensure(t, b)
	if _, err := b.PublishAll(t.Context(), "sync", round("sync", 0, 20)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	c.MaxStore = 100 << 10
	if b, err = bus.Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ensure(t, b)
	checkRounds(t, b, "sync", 20)
	if _, err := b.Publish(t.Context(), "sync", bus.Msg{Subject: "wr.hub.sync.z.h.p"}); !errors.Is(err, bus.ErrFull) {
		t.Errorf("publish: %v", err)
	}
	if err := b.Purge(t.Context(), "sync", "", 0); err != nil {
		t.Error(err)
	}
	if _, err := b.Publish(t.Context(), "sync", bus.Msg{Subject: "wr.hub.sync.z.h.p"}); err != nil {
		t.Errorf("after a purge: %v", err)
	}
}

// Calls that a restart or the end meets must come back, each with a sequence or an error.
func TestNoCallOutlivesTheEngine(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls sync.WaitGroup
	stored := make([]uint64, 16)
	for i := range stored {
		s := streams[i%2]
		subject := fmt.Sprintf("wr.hub.%s.t%d.h.p", s.Name, i)
		calls.Go(func() {
			var last uint64
			for n := 0; ctx.Err() == nil; n++ {
				started := time.Now()
				seq, err := b.Publish(context.Background(), s.Name, bus.Msg{Subject: subject, Data: make([]byte, 10<<10), After: last})
				if took := time.Since(started); took > 4*time.Second {
					t.Errorf("publish took %v and gave %v", took, err)
				}
				switch {
				case err == nil:
					last = seq
				case errors.Is(err, bus.ErrUnavailable), errors.Is(err, bus.ErrWrongSequence):
					if m, err := b.LastOf(context.Background(), s.Name, subject); err == nil {
						if m.Seq < last {
							t.Errorf("%s: message %d was acknowledged, the last is %d", subject, last, m.Seq)
						}
						last = m.Seq
					}
				default:
					t.Error(err)
				}
				stored[i] = last
			}
		})
	}
	for range 5 {
		if _, err := b.Fetch(t.Context(), "sync", "wr.hub.sync.*.*.*", 1, 100, 1<<20); err != nil {
			t.Error(err)
		}
		if err := b.Restart(t.Context()); err != nil {
			t.Error(err)
		}
	}
	cancel()
	calls.Wait()
	for i, last := range stored {
		s := streams[i%2]
		m, err := b.LastOf(t.Context(), s.Name, fmt.Sprintf("wr.hub.%s.t%d.h.p", s.Name, i))
		if last > 0 && (err != nil || m.Seq < last) {
			t.Errorf("writer %d had acknowledged %d, the last is %d, error %v", i, last, m.Seq, err)
		}
	}
}

func TestSilenceIsUnavailableInBoundedTime(t *testing.T) {
	t.Parallel() // it takes five seconds
	b := open(t, t.TempDir())
	ensure(t, b)
	nc := client(t, b)
	for _, subject := range []string{"mute.>", "$JS.API.DIRECT.GET.mute"} {
		if _, err := nc.SubscribeSync(subject); err != nil { // someone hears, nobody answers
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	var calls sync.WaitGroup
	for name, call := range map[string]func() error{
		"publish": func() error {
			_, err := b.Publish(t.Context(), "mute", bus.Msg{Subject: "mute.a"})
			return err
		},
		"publish all": func() error {
			_, err := b.PublishAll(t.Context(), "mute", []bus.Msg{{Subject: "mute.a"}, {Subject: "mute.b"}})
			return err
		},
		"fetch": func() error {
			_, err := b.Fetch(t.Context(), "mute", "mute.a", 1, 1, 1)
			return err
		},
	} {
		calls.Go(func() {
			if err := call(); !errors.Is(err, bus.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(started); took > 7*time.Second {
				t.Errorf("%s took %v", name, took)
			}
		})
	}
	calls.Wait()
}

func TestALostConnectionComesBack(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	var last uint64
	for range 3 {
		conns, err := b.Server().Connz(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range conns.Conns {
			if err := b.Server().DisconnectClientByID(c.Cid); err != nil {
				t.Fatal(err)
			}
		}
		deadline := time.Now().Add(10 * time.Second)
		for {
			m, err := b.LastOf(t.Context(), "sync", "wr.hub.sync.a.h.p")
			if err == nil {
				if m.Seq < last {
					t.Fatalf("the last is %d, %d was acknowledged", m.Seq, last)
				}
				last = m.Seq
			}
			seq, err := b.Publish(t.Context(), "sync", bus.Msg{Subject: "wr.hub.sync.a.h.p", After: last})
			if err == nil {
				last = seq
				break
			}
			if !errors.Is(err, bus.ErrUnavailable) && !errors.Is(err, bus.ErrWrongSequence) || time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
}

func TestACancelledCallEnds(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no longer wanted")
	cancel(why)
	_, publish := b.Publish(ctx, "sync", bus.Msg{Subject: "wr.hub.sync.a.h.p"})
	_, last := b.LastOf(ctx, "sync", "wr.hub.sync.b.h.p")
	for _, err := range []error{publish, last} {
		if err != nil && !errors.Is(err, why) && !errors.Is(err, bus.ErrNotFound) {
			t.Error(err)
		}
	}
}
