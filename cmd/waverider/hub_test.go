package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTogetherTheFirstToEndEndsAll(t *testing.T) {
	broken := errors.New("broken")
	var ended int
	follow := func(ctx context.Context) error {
		<-ctx.Done()
		ended++ // together waits, and one alone follows
		return nil
	}
	err := together(t.Context(), follow, func(context.Context) error { return broken })
	if !errors.Is(err, broken) || ended != 1 {
		t.Errorf("%v, %d ended", err, ended)
	}
}

func TestOnlyCtrlCEndsInstances(t *testing.T) {
	for name, c := range map[string]struct {
		signal os.Signal
		flag   bool
		want   bool
	}{
		"SIGINT":                    {os.Interrupt, false, true},
		"SIGTERM":                   {syscall.SIGTERM, false, false},
		"SIGHUP":                    {syscall.SIGHUP, false, false},
		"SIGTERM and kill-on-exit":  {syscall.SIGTERM, true, true},
		"a failure":                 {nil, false, false},
		"a failure, --kill-on-exit": {nil, true, true},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if c.signal != nil {
			cancel(signalError{c.signal})
		} else {
			cancel(errors.New("listener failed"))
		}
		// The cause comes through the contexts that serve derives.
		inner, stop := both(ctx, t.Context())
		h := &house{cfg: &hubConfig{KillOnExit: c.flag}}
		if got := h.kills(inner); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		stop()
	}
}

func TestTheNextCtrlCIsNoticedOnce(t *testing.T) {
	called := make(chan struct{}, 2)
	stop := onInterrupt(func() { called <- struct{}{} })
	// Keeps a second one from ending the test.
	others := make(chan os.Signal, 2)
	signal.Notify(others, os.Interrupt)
	defer signal.Stop(others)
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		<-others
		if len(called) == 0 {
			<-called
			called <- struct{}{}
		}
	}
	stop()
	if n := len(called); n != 1 {
		t.Errorf("called %d times", n)
	}
}

func TestPartsAreTakenDownInTheOppositeOrder(t *testing.T) {
	var order []int
	h := &house{}
	for i := range 3 {
		h.onClose(func() error { order = append(order, i); return errors.New("x") })
	}
	if err := h.close(); err == nil || len(order) != 3 || order[0] != 2 || order[2] != 0 {
		t.Errorf("%v, %v", order, err)
	}
}
