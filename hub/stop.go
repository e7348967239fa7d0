package hub

import (
	"context"
	"sync"
	"time"

	"waverider"
	"waverider/hub/journal"
	"waverider/runner"
	"waverider/runtime"
)

const (
	stopTimeout = 7 * time.Second        // when a stop names none
	stopQuiet   = 500 * time.Millisecond // a stopped program that does nothing for so long is ended
	killGrace   = 500 * time.Millisecond // for the program's kill handlers
)

// stopMessage asks a program to run its stop handlers.
type stopMessage struct {
	Timeout int64 `json:"timeout"`
	CanKeep bool  `json:"canCallKeepalive"`
}

// Stop asks the program to end, and ends it when timeout has passed. It
// returns when the Instance has ended, or when ctx ends, or at the timeout if
// the program asked to be kept alive and may; the stop goes on in each case.
func (in *Instance) Stop(ctx context.Context, timeout time.Duration, canKeep bool) error {
	if in.ended() {
		return nil
	}
	in.wish(journal.WishStop)
	if err := in.save(); err != nil {
		return err
	}
	proc, err := in.process(ctx)
	if waverider.KindOf(err) == waverider.Gone {
		return nil
	} else if err != nil {
		return err
	}
	parted := make(chan struct{})
	in.hub.background(func(hub context.Context) {
		in.leadStop(hub, proc, timeout, canKeep)
		close(parted)
		in.update(func(*journal.Instance) {}) // after closing: whoever waits looks again
	})
	_, err = in.until(ctx, func(rec journal.Instance) bool { return rec.Status.Ended() || isClosed(parted) })
	return err
}

// leadStop returns when the process has ended or is left to its keepAlive.
func (in *Instance) leadStop(ctx context.Context, proc runtime.Process, timeout time.Duration, canKeep bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in.update(func(*journal.Instance) { in.moved = time.Now() })
	_ = proc.Session().Send(ctx, "stop", stopMessage{timeout.Milliseconds(), canKeep})
	deadline := time.Now().Add(timeout)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	got := proc.Session().Output().Received()
	for {
		in.mu.Lock()
		gone, changed, moved, kept := in.proc != proc, in.changed, in.moved, in.kept
		stopped, unaware := in.stopped, in.unaware
		in.mu.Unlock()
		now := time.Now()
		// What writes on and on because it can't know of the stop is as done as it will be.
		if n := proc.Session().Output().Received(); n != got && !unaware {
			got, moved = n, now
			in.mu.Lock()
			in.moved = now
			in.mu.Unlock()
		}
		switch {
		case gone:
			return
		case stopped && now.Sub(moved) > stopQuiet, now.After(deadline) && (!canKeep || now.After(kept)):
			_ = proc.Kill()
			_, _ = in.until(ctx, func(journal.Instance) bool { return in.proc != proc })
			return
		case now.After(deadline):
			// Kept alive: whoever asked for the stop need not wait for it.
			in.hub.background(func(ctx context.Context) { in.killAfter(ctx, proc, kept) })
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// killAfter ends a process once its keepAlive has run out.
func (in *Instance) killAfter(ctx context.Context, proc runtime.Process, kept time.Time) {
	for {
		wait, cancel := context.WithDeadline(ctx, kept)
		_, err := in.until(wait, func(journal.Instance) bool { return in.proc != proc || in.kept.After(kept) })
		cancel()
		if ctx.Err() != nil {
			return
		}
		in.mu.Lock()
		gone, longer := in.proc != proc, in.kept
		in.mu.Unlock()
		if gone {
			return
		}
		if err != nil && !longer.After(kept) {
			_ = proc.Kill()
			return
		}
		kept = longer
	}
}

// endInputAfterStop ends the input of a program whose stop handlers are done:
// what only waits for input ends by itself then.
func (in *Instance) endInputAfterStop(ctx context.Context, s *runner.Session) {
	if in.record().Wish == journal.WishStop {
		_ = s.Input().End(ctx)
	}
}

// Kill ends the Instance now. It returns at once; with wait it returns when
// the Instance has ended.
func (in *Instance) Kill(ctx context.Context, wait bool) error {
	if in.ended() {
		return nil
	}
	in.wish(journal.WishKill)
	if err := in.save(); err != nil {
		return err
	}
	in.mu.Lock()
	proc := in.proc
	in.mu.Unlock()
	if proc != nil {
		in.hub.background(func(ctx context.Context) { in.leadKill(ctx, proc) })
	}
	if !wait {
		return nil
	}
	select {
	case <-in.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (in *Instance) leadKill(ctx context.Context, proc runtime.Process) {
	grace, cancel := context.WithTimeout(ctx, killGrace)
	defer cancel()
	_ = proc.Session().Send(grace, "kill", nil)
	_, _ = in.until(grace, func(journal.Instance) bool { return in.proc != proc })
	if err := proc.Kill(); err != nil {
		in.log.Warn("kill", "err", err)
	}
}

// wish writes down what was asked; killing is the stronger wish.
func (in *Instance) wish(w journal.Wish) {
	in.update(func(rec *journal.Instance) {
		if rec.Wish == journal.WishKill || rec.Status.Ended() {
			return
		}
		rec.Wish = w
		if rec.Status = waverider.StatusStopping; w == journal.WishKill {
			rec.Status = waverider.StatusKilling
		}
	})
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// resumeWish takes up what was asked before this process was there: of a Hub
// that died since, or of an Instance that was still coming up.
func (in *Instance) resumeWish(ctx context.Context, wg *sync.WaitGroup, proc runtime.Process) {
	switch in.record().Wish {
	case journal.WishStop:
		wg.Go(func() { in.leadStop(ctx, proc, stopTimeout, false) })
	case journal.WishKill:
		wg.Go(func() { in.leadKill(ctx, proc) })
	}
}
