package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"waverider"
	"waverider/hub/journal"
	"waverider/hub/pump"
	"waverider/runtime"
)

// supervise leads an Instance's life: run, look at the end, run again or not.
// It returns when the Instance has ended for good or ctx ends; then a running
// process is left running. begun is called once, when the first run has a
// process or has failed to get one.
func (in *Instance) supervise(ctx context.Context, begun func()) {
	defer close(in.done)
	begun = sync.OnceFunc(begun)
	for {
		proc, err := in.begin(ctx)
		begun()
		if ctx.Err() != nil {
			if proc != nil {
				in.detach(proc)
			}
			return
		}
		end := runEnd{exit: runtime.Exit{At: time.Now()}, err: err}
		if err == nil {
			end = in.oversee(ctx, proc)
			if end.detached {
				in.detach(proc)
				return
			}
		}
		v := in.settle(end)
		in.release(proc)
		if v.restart && in.pause(ctx, v.after) {
			continue
		}
		// A restart that a closing Hub interrupts is for the next Hub to do.
		if !v.restart || ctx.Err() == nil {
			in.finish()
		}
		return
	}
}

// runEnd is how one run came to its end.
type runEnd struct {
	exit     runtime.Exit
	err      error          // not started, or lost
	failed   *failedMessage // the program's own words
	detached bool
	again    bool // ended by the Hub, for the next run to begin
}

// begin attaches to the process the journal knows, or starts one.
func (in *Instance) begin(ctx context.Context) (runtime.Process, error) {
	rec := in.record()
	if len(rec.Handle) > 0 {
		spec, err := in.spec(rec)
		if err != nil { // what runs needs no package
			in.log.Error("package missing", "digest", rec.Digest, "err", err)
		}
		proc, err := in.hub.cfg.Runtime.Attach(ctx, rec.Handle, spec)
		if err != nil {
			return nil, fmt.Errorf("attach: %w", err)
		}
		in.adopt(proc, rec.InputBase, rec.OutputBase)
		in.update(func(rec *journal.Instance) {
			in.loaded, in.announced = !rec.Times.Started.IsZero() && rec.Status != waverider.StatusStarting, rec.Declared.ProvidesType != ""
		})
		in.log.Info("instance attached", "pid", rec.PID)
		return proc, nil
	}
	if rec.Epoch > 0 && rec.Status == waverider.StatusStarting {
		// The Hub died between asking for a process and hearing of it. Whatever
		// came of it is swept at boot.
		return nil, runtime.ErrLost
	}
	return in.start(ctx)
}

// start runs a new process for the Instance.
func (in *Instance) start(ctx context.Context) (runtime.Process, error) {
	run := in.hub.newRun()
	in.update(func(rec *journal.Instance) {
		rec.Epoch++
		rec.Run = run
		setDefault(&rec.Since, run)
		rec.Status, rec.End, rec.Error = waverider.StatusStarting, nil, ""
	})
	rec := in.record()
	spec, err := in.spec(rec)
	if err != nil {
		return nil, err
	}
	if err := in.resumption(ctx, rec, &spec.Start); err != nil {
		return nil, err
	}
	proc, err := in.hub.cfg.Runtime.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	if rec.Declared.InputType != "" { // an earlier run's input goes on with its type
		// It fails only if the process is gone already, which Wait will tell.
		_ = proc.Session().Send(ctx, "input", inputMessage{rec.Declared.InputType})
	}
	inBase, outBase := rec.InputBase, in.out.nextBase()
	if old := in.lastInput(); old > inBase {
		inBase = old
	}
	in.update(func(rec *journal.Instance) {
		rec.Handle, rec.InputBase, rec.OutputBase = proc.Handle(), inBase, outBase
		if u, err := proc.Usage(); err == nil {
			rec.PID = u.PID
		}
	})
	in.meet(ctx, proc)
	if ctx.Err() != nil {
		return proc, nil
	}
	if err := in.save(); err != nil {
		_ = proc.Kill()
		_, _ = proc.Wait(context.WithoutCancel(ctx))
		if err := proc.Release(); err != nil {
			in.log.Warn("release of a process not journaled", "err", err)
		}
		return nil, err
	}
	in.adopt(proc, inBase, outBase)
	return proc, nil
}

// meet waits until the runner has been told what to run, or does not matter any
// more. Was the process written down before, and the Hub killed, then the next
// one would wait for the program of a runner that knows of none.
func (in *Instance) meet(ctx context.Context, proc runtime.Process) {
	const patience = 10 * time.Second // then it is written down as it is
	ctx, cancel := context.WithTimeout(ctx, patience)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		defer cancel()
		_, _ = proc.Wait(ctx)
	})
	wg.Go(func() {
		defer cancel()
		_, _ = in.until(ctx, func(rec journal.Instance) bool { return rec.Wish != "" || in.removed })
	})
	select {
	case <-proc.Session().Connected():
	case <-ctx.Done():
	}
}

// adopt makes proc the Instance's process.
func (in *Instance) adopt(proc runtime.Process, inBase, outBase uint64) {
	in.texts.set(proc)
	in.hub.audit.became(auditConnected, string(in.id))
	in.update(func(*journal.Instance) {
		in.proc, in.inBase, in.outBase = proc, inBase, outBase
		in.stopped, in.unaware, in.health = false, false, nil
		in.edge = pump.NewEdge()
		in.loaded, in.announced, in.joined, in.feed, in.again, in.refusal = false, false, false, nil, false, ""
	})
}

// oversee serves one process until it has ended or ctx ends.
func (in *Instance) oversee(ctx context.Context, proc runtime.Process) runEnd {
	alive, over := context.WithCancel(ctx)
	defer over()
	var wg sync.WaitGroup
	var failed *failedMessage
	output, settled := context.WithCancel(ctx)
	defer settled()
	wg.Go(func() { failed = in.listen(ctx, output, &wg, proc) })
	wg.Go(func() {
		in.distribute(ctx, alive, proc)
		<-alive.Done()
		settled()
	})
	wg.Go(func() { in.feedTopic(ctx, alive, proc) })
	in.resumeWish(alive, &wg, proc)

	exit, err := proc.Wait(ctx)
	over()
	if ctx.Err() != nil {
		wg.Wait()
		in.closeFeed(ctx, proc)
		return runEnd{detached: true}
	}
	if err != nil || exit.At.IsZero() {
		exit.At = time.Now()
	}
	_ = proc.Session().Close() // what came before the end is still read and handed on
	wg.Wait()
	in.closeFeed(ctx, proc)
	in.mu.Lock()
	refusal, again := in.refusal, in.again
	in.mu.Unlock()
	if refusal != "" {
		failed, exit = &failedMessage{Message: refusal}, runtime.Exit{At: exit.At, Code: waverider.ExitLoad}
	}
	return runEnd{exit: exit, err: err, failed: failed, again: again}
}

// distribute brings the program's output to its Topic or to its readers. alive
// ends with the process: what nobody has read by then is for those who come later.
func (in *Instance) distribute(ctx, alive context.Context, proc runtime.Process) {
	select {
	case <-proc.Session().Connected(): // it has said which output is still to come
	case <-alive.Done():
	}
	out := proc.Session().Output()
	met := isClosed(proc.Session().Connected())
	in.mu.Lock()
	base := in.outBase
	in.mu.Unlock()
	stale := in.out.begin(out, base, met)
	rec, feed := in.awaitOutput(ctx, alive, proc.Session())
	if outputTopic(rec) != "" {
		in.drainTopic(ctx, alive, proc, rec, feed)
		return
	}
	if err := in.out.run(ctx, out, base, stale, feed); err != nil {
		return // the process has ended without END, or ctx did
	}
	// Once what nobody has read is on disk the runner need not wait for readers.
	if err := in.out.keep(in.keepDir); err != nil {
		in.log.Error("unread output not kept; the program waits for a reader", "err", err)
	} else {
		out.AckEnd()
	}
	in.out.drain(alive)
}

// settle writes down how a run ended and decides what follows.
func (in *Instance) settle(end runEnd) verdict {
	now := end.exit.At
	rec := in.record()
	status, term, e := outcome(rec, end)
	in.mu.Lock()
	e.removed = in.removed
	in.mu.Unlock()
	failures := rec.Failures
	if e.failed && !e.wished {
		failures = remember(failures, now)
	}
	v := decide(rec.Policy, e, failures, now)
	if v.restart {
		status = waverider.StatusRestarting
	} else if v.spent {
		term.Reason += fmt.Sprintf("; not restarted after %d failures in %v", len(failures), crashWindow)
	}
	if !v.restart {
		// Who sees the Instance ended finds its output as it will stay.
		in.endOutput()
	} else if err := in.out.keep(in.keepDir); err != nil { // the next run's Hub process may be another
		in.log.Error("unread output is kept in memory only", "err", err)
	}
	input := in.lastInput()
	in.update(func(rec *journal.Instance) {
		in.proc, in.inBase = nil, input
		rec.Status, rec.End, rec.Handle, rec.Failures = status, &term, nil, failures
		rec.InputBase, rec.OutputBase = input, in.out.nextBase()
		if end.failed != nil {
			rec.Error = end.failed.Message
		} else if end.err != nil && !errors.Is(end.err, runtime.ErrLost) {
			rec.Error = waverider.MessageOf(end.err)
		}
		if v.restart {
			rec.Restarts++
		} else {
			rec.Times.Ended = now
		}
	})
	in.hub.metrics.ended(status)
	in.hub.audit.becameStatus(in.id, status, term)
	in.log.Info("instance ended", "exitcode", term.ExitCode, "reason", term.Reason, "restart", v.restart)
	in.texts.note(in.log, fmt.Sprintf("Instance ended: %s (exit code %d)", term.Reason, term.ExitCode))
	return v
}

// pause waits before a restart; false when a wish or ctx came first.
func (in *Instance) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		if in.record().Wish == "" {
			return true
		}
	case <-in.wake:
	case <-ctx.Done():
		return false
	}
	now := time.Now()
	in.update(func(rec *journal.Instance) {
		rec.Status, rec.Times.Ended = waverider.StatusCompleted, now
	})
	in.saveOrLog()
	return false
}

// finish keeps what is left of an Instance that has ended for good.
func (in *Instance) finish() {
	in.endOutput()
	in.quiet()
	in.texts.finish()
	in.hub.trimEnded()
}

// endOutput keeps what nobody has read.
func (in *Instance) endOutput() {
	if err := in.out.end(in.keepDir); err != nil {
		in.log.Error("unread output lost", "err", err)
	}
}

// detach lets go of a process that goes on running.
func (in *Instance) detach(proc runtime.Process) {
	in.out.dropAll()
	in.quiet()
	if err := errors.Join(proc.Detach(), in.texts.close()); err != nil {
		in.log.Error("detach", "err", err)
	}
}

// release writes the end of a run down and has the runtime forget it, in this
// order: a Hub that dies in between must not take the run for lost. An end that
// can't be written down the runtime keeps in mind for the next Hub. proc is nil
// when there was none.
func (in *Instance) release(proc runtime.Process) {
	letGo := runtime.Process.Release
	if err := in.save(); err != nil {
		in.log.Error("end of the instance not journaled", "err", err)
		letGo = runtime.Process.Detach
	}
	if proc == nil {
		return
	}
	if err := letGo(proc); err != nil {
		in.log.Warn("release of ended process", "err", err)
	}
}

// lastInput is the offset up to which the program has had input.
func (in *Instance) lastInput() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.proc == nil {
		return in.inBase
	}
	return in.inBase + in.proc.Session().Input().Received()
}
