package hub

import (
	"context"
	"errors"
	"testing"

	"waverider/runner"
)

// listener reads an outlet and keeps what it gets.
type listener struct {
	started chan uint64
	got     []byte
	fail    error
	ended   chan error
}

func listen(ctx context.Context, o *outlet) *listener {
	l := &listener{started: make(chan uint64, 1), ended: make(chan error, 1)}
	go func() {
		l.ended <- o.read(ctx, nil, func(at uint64) error {
			l.started <- at
			return nil
		}, func(p []byte) error {
			l.got = append(l.got, p...)
			return l.fail
		})
	}()
	return l
}

func newFlow() *flow {
	return &flow{Output: runner.NewSession(runner.SessionConfig{Key: "k"}).Output()}
}

func TestWhatIsHeldGoesBeforeWhatComes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o, f := newOutlet(), newFlow()
	o.open()
	o.take(f, runner.Chunk{Offset: 0, Data: []byte("ab")})
	l := listen(ctx, o)
	if at := <-l.started; at != 0 {
		t.Errorf("starts at %d", at)
	}
	o.take(f, runner.Chunk{Offset: 2, Data: []byte("c")}) // taken before anyone saw that a reader came
	o.deliverHeld(f)
	cancel()
	<-l.ended
	if string(l.got) != "abc" {
		t.Errorf("got %q", l.got)
	}
}

func TestAReaderIsNotLedOverAGap(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o, f := newOutlet(), newFlow()
	o.open()
	first := listen(ctx, o)
	<-first.started
	var late *listener
	first.fail = errors.New("cut")
	// While the piece goes to the first, another comes; then the first fails.
	o.mu.Lock()
	for r := range o.readers {
		write := r.write
		r.write = func(p []byte) error {
			late = listen(ctx, o)
			if at := <-late.started; at != 3 {
				t.Errorf("the late one starts at %d", at)
			}
			return write(p)
		}
	}
	o.mu.Unlock()
	o.take(f, runner.Chunk{Offset: 0, Data: []byte("abc")})
	<-first.ended
	o.deliverHeld(f)
	if err := <-late.ended; !errors.Is(err, errMoved) || len(late.got) > 0 {
		t.Errorf("the late one got %q, %v", late.got, err)
	}
	again := listen(ctx, o)
	if at := <-again.started; at != 0 {
		t.Errorf("asking again it starts at %d", at)
	}
	o.deliverHeld(f)
	cancel()
	<-again.ended
	if string(again.got) != "abc" {
		t.Errorf("asking again it got %q", again.got)
	}
}
