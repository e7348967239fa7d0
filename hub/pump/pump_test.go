package pump_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider"
	"waverider/hub/pump"
	"waverider/runner"
	"waverider/runner/runnertest"
	"waverider/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const slot = waverider.InstanceID("slot-1")

// rig joins a fake runner to Topics as a Hub does.
type rig struct {
	*testing.T
	store *topic.Store
	epoch uint32
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigIn(t, t.TempDir(), 0)
}

func newRigIn(t *testing.T, dir string, minFree int64) *rig {
	t.Helper()
	store, err := topic.Open(t.Context(), topic.Config{Dir: dir, Hub: "hub-1", MaxStore: 4 << 30, MinFree: minFree, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{T: t, store: store}
}

func (r *rig) topic(name waverider.TopicName, contentType string) *topic.Topic {
	r.Helper()
	t, err := r.store.Ensure(r.Context(), waverider.TopicConfig{Name: name, ContentType: contentType})
	if err != nil {
		r.Fatal(err)
	}
	return t
}

// send stores records in a Topic.
func (r *rig) send(t *topic.Topic, records ...string) {
	r.Helper()
	w, err := t.Writer(r.Context(), topic.Anonymous)
	if err != nil {
		r.Fatal(err)
	}
	defer w.Close()
	for _, rec := range records {
		if !strings.HasSuffix(rec, "\n") && t.Config().ContentType == waverider.TypeNDJSON {
			rec += "\n"
		}
		if err := w.Append(r.Context(), []byte(rec), []uint32{uint32(len(rec))}, topic.State{}); err != nil {
			r.Fatal(err)
		}
	}
	if _, err := w.Flush(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// sendLines is send of a text's lines.
func (r *rig) sendLines(t *topic.Topic, text string) {
	r.Helper()
	r.send(t, strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")...)
}

// await reads a Topic from its start until it has n bytes.
func (r *rig) await(t *topic.Topic, n int) string {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	in, err := t.Reader(ctx, topic.From{})
	if err != nil {
		r.Fatal(err)
	}
	defer in.Close()
	var all strings.Builder
	for all.Len() < n {
		m, err := in.Next(ctx)
		if err != nil {
			r.Fatalf("%v after %d bytes of %d: %.200q", err, all.Len(), n, all.String())
		}
		all.Write(m.Data())
		m.Release()
	}
	return all.String()
}

func (r *rig) place(t *topic.Topic) topic.Place {
	r.Helper()
	at, _, err := t.Known(r.Context(), pump.Slot(slot))
	if err != nil {
		r.Fatal(err)
	}
	return at
}

// acked waits until the slot stands at a record of a Topic.
func (r *rig) acked(t *topic.Topic, number uint64) {
	r.Helper()
	for deadline := time.Now().Add(20 * time.Second); r.place(t).Number != number; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("the place is %+v, want record %d", r.place(t), number)
		}
	}
}

// run is one run of a program between two Topics; either may be nil.
type run struct {
	*runnertest.Runner
	session *runner.Session
	edge    *pump.Edge
	state   []byte
	skip    *runner.Skip
	kill    func()          // the process dies; what it has sent is taken in
	drained <-chan error    // what Drain returned
	life    context.Context // ends with the Hub's part
}

func (r *rig) start(from, to *topic.Topic, saves bool) *run {
	r.Helper()
	dir, err := os.MkdirTemp("", "pump") // a test's own folder may have too long a name for a socket
	if err != nil {
		r.Fatal(err)
	}
	l, err := runner.Listen(filepath.Join(dir, "s"))
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.Context())
	listening := make(chan error, 1)
	go func() { listening <- l.Run(ctx) }()
	r.epoch++
	v := &run{life: ctx, edge: pump.NewEdge()}
	of := pump.Run{Slot: slot, Epoch: r.epoch, Since: 1}
	if from != nil {
		if v.state, v.skip, err = pump.Resume(ctx, of, from, to, saves); err != nil {
			r.Fatal(err)
		}
	}
	key := runner.NewKey()
	v.session = runner.NewSession(runner.SessionConfig{Key: key})
	l.Expect(v.session)
	v.Runner = runnertest.New(runnertest.Config{Path: l.Path(), Key: key})
	<-v.session.Connected()
	fed, drained := make(chan error, 1), make(chan error, 1)
	var feed *pump.Feed
	if from != nil {
		if feed, err = pump.OpenFeed(ctx, from, of, v.session.Input(), v.edge, saves, slog.New(slog.DiscardHandler)); err != nil {
			r.Fatal(err)
		}
		go func() { fed <- feed.Run(ctx) }()
	}
	if to != nil {
		go func() {
			drained <- pump.Drain(ctx, pump.Output{
				Topic: func(ctx context.Context) (*topic.Topic, error) {
					return r.store.Ensure(ctx, to.Config())
				},
				Run: of, Stream: v.session.Output(), Edge: v.edge, Feed: feed,
			})
			close(drained)
		}()
	}
	v.drained = drained
	over := false
	v.kill = func() {
		if over {
			return
		}
		over = true
		_ = v.Runner.Close()
		_ = v.session.Close()
		if to != nil {
			<-drained
		}
		cancel()
		if feed != nil {
			<-fed
			feed.LastMarks(r.Context(), v.session.Output())
			feed.Close()
		}
		if err := <-listening; err != nil {
			r.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			r.Error(err)
		}
	}
	r.Cleanup(v.kill)
	return v
}

// read takes so many bytes of the input.
func (v *run) read(t *testing.T, n int) string {
	t.Helper()
	buf := make([]byte, n)
	if _, err := io.ReadFull(v, buf); err != nil {
		t.Fatal(err)
	}
	return string(buf)
}

func (v *run) write(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(v, text); err != nil && !errors.Is(err, runnertest.ErrClosed) {
		t.Fatal(err)
	}
}
