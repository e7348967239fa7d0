package hub

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"waverider"
	"waverider/hub/journal"
	"waverider/hub/pump"
	"waverider/runner"
	"waverider/runtime"
)

// Instance is one run of a Sequence: its record, its process while it has
// one, and where its bytes go. One goroutine, supervise, leads its life.
type Instance struct {
	hub     *Hub
	id      waverider.InstanceID
	dir     string // slot folder, the program's own
	keepDir string // folder of its texts and unread output
	log     *slog.Logger
	out     *outlet
	texts   texts
	events  *eventLog
	reports *eventLog     // what the program says of its health, under monitoringName
	done    chan struct{} // closed when supervise has returned
	wake    chan struct{} // a wish came while waiting to restart
	saving  chan struct{} // held by the one who journals the record

	mu      sync.Mutex
	rec     journal.Instance
	proc    runtime.Process
	changed chan struct{} // closed and replaced when rec or proc change
	inBase  uint64        // offset of this run's first input byte
	outBase uint64
	removed bool
	health  *Health
	stopped bool          // the program has said that its stop handlers are done
	unaware bool          // the program has no way to know of a stop
	moved   time.Time     // when the program last said something after a stop
	kept    time.Time     // keepAlive asks not to be killed before
	input   chan struct{} // one token: who fixes the input type

	inputTurns, stdinTurns turns

	// Of this run, under mu.
	loaded    bool       // the program has said that it is loaded
	announced bool       // the program has said what its output is
	joined    bool       // it is decided whether there is a feed
	feed      *pump.Feed // its input, when that is a Topic
	edge      *pump.Edge // how far its output is durable
	again     bool       // the next run is to begin at once: this one cannot go on
	refusal   string     // why the run was ended: a Topic does not fit
}

// Health is what GET /health answers.
type Health struct {
	Healthy   bool   `json:"healthy"`
	ProcessID int    `json:"processId"`
	Memory    int64  `json:"memoryUsage,omitempty"`   // bytes, whole process tree
	CPU       int64  `json:"cpuTotalUsage,omitempty"` // milliseconds so far, whole process tree
	Processes int    `json:"processes,omitempty"`
	Status    string `json:"status,omitempty"`
}

func (h *Hub) newInstance(rec journal.Instance) *Instance {
	in := &Instance{
		hub: h, id: rec.ID,
		dir: h.cfg.DataDir.Path("slots", string(rec.ID)), keepDir: h.cfg.DataDir.Path("kept", string(rec.ID)),
		log: h.log.With("instance", rec.ID), out: newOutlet(), events: newEventLog(), reports: newEventLog(),
		done: make(chan struct{}), wake: make(chan struct{}, 1), changed: make(chan struct{}), saving: make(chan struct{}, 1),
		rec: rec, inBase: rec.InputBase, input: make(chan struct{}, 1),
	}
	in.texts.open(in.keepDir, h.cfg.LogLimit)
	in.input <- struct{}{}
	if rec.Epoch == 0 { // the runner of a later run knows where its output goes on
		in.out.open()
	} else if !rec.Status.Ended() {
		if err := in.out.resume(in.keepDir, rec.OutputBase); err != nil {
			in.log.Error("unread output not found again", "err", err)
		}
	}
	return in
}

// ID names the Instance.
func (in *Instance) ID() waverider.InstanceID { return in.id }

// update changes the record and tells those who wait. The change is journaled
// by the caller where it must outlive the Hub.
func (in *Instance) update(change func(rec *journal.Instance)) {
	in.mu.Lock()
	change(&in.rec)
	close(in.changed)
	in.changed = make(chan struct{})
	in.mu.Unlock()
}

// record is a copy of what is known now.
func (in *Instance) record() journal.Instance {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.rec
}

// save journals the record as it is now, or later: never as it was before
// another save.
func (in *Instance) save() error {
	in.saving <- struct{}{}
	defer func() { <-in.saving }()
	rec := in.record()
	in.mu.Lock()
	removed := in.removed
	in.mu.Unlock()
	if removed {
		return nil
	}
	return in.hub.journal.PutInstance(&rec)
}

// saveOrLog is save for places where nobody can be told of the error.
func (in *Instance) saveOrLog() {
	if err := in.save(); err != nil {
		in.log.Error("instance not journaled", "err", err)
	}
}

// until waits for ok to hold of the record; it fails when ctx ends. ok is
// called under mu, so that it may look at what else mu guards.
func (in *Instance) until(ctx context.Context, ok func(journal.Instance) bool) (journal.Instance, error) {
	for {
		in.mu.Lock()
		rec, changed := in.rec, in.changed
		met := ok(rec)
		in.mu.Unlock()
		if met {
			return rec, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return rec, ctx.Err()
		}
	}
}

// process waits for the process of an Instance that is coming up; it fails
// with Gone when there will be none.
func (in *Instance) process(ctx context.Context) (runtime.Process, error) {
	var proc runtime.Process
	_, err := in.until(ctx, func(rec journal.Instance) bool {
		proc = in.proc
		return proc != nil || rec.Status.Ended()
	})
	if err != nil {
		return nil, err
	}
	if proc == nil {
		return nil, in.gone()
	}
	return proc, nil
}

// send tells the program something. It fails with Gone when there is none, or
// the one there was has just ended.
func (in *Instance) send(ctx context.Context, typ string, v any) error {
	proc, err := in.process(ctx)
	if err != nil {
		return err
	}
	switch err := proc.Session().Send(ctx, typ, v); {
	case errors.Is(err, runner.ErrClosed):
		return waverider.Errorf(waverider.Gone, "this run of Instance %s has just ended", in.id)
	case errors.Is(err, runner.ErrDetached):
		return errHubStops
	default:
		return err
	}
}

func (in *Instance) gone() error {
	rec := in.record()
	reason := "it has ended"
	if rec.End != nil {
		reason = rec.End.Reason
	}
	return waverider.Errorf(waverider.Gone, "Instance %s does not run any more: %s", in.id, reason)
}

// ended reports whether no process will run any more.
func (in *Instance) ended() bool { return in.record().Status.Ended() }
