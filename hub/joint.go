package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"waverider"
	"waverider/hub/journal"
	"waverider/hub/pump"
	"waverider/runner"
	"waverider/runtime"
	"waverider/topic"
)

// inputTopic is the Topic a program reads, "" when it has other input. What the
// start asked for goes before what the program says.
func inputTopic(rec journal.Instance) waverider.TopicName {
	if rec.Request.InputTopic != "" {
		return waverider.TopicName(rec.Request.InputTopic)
	}
	return waverider.TopicName(rec.Declared.Requires)
}

func outputTopic(rec journal.Instance) waverider.TopicName {
	if rec.Request.OutputTopic != "" {
		return waverider.TopicName(rec.Request.OutputTopic)
	}
	return waverider.TopicName(rec.Declared.Provides)
}

// joinInput finds the Topic of a program's input, or makes it.
func (in *Instance) joinInput(ctx context.Context, rec journal.Instance) (*topic.Topic, error) {
	return in.join(ctx, inputTopic(rec), cmp.Or(rec.Request.InputType, rec.Declared.RequiresType))
}

// joinOutput finds the Topic of a program's output, or makes it.
func (in *Instance) joinOutput(ctx context.Context, rec journal.Instance) (*topic.Topic, error) {
	return in.join(ctx, outputTopic(rec), cmp.Or(rec.Request.OutputType, rec.Declared.ProvidesType))
}

// wantedOutput is what the output should be where the program does not say: what
// the start asked for, or what its Topic is.
func (in *Instance) wantedOutput(rec journal.Instance) string {
	if rec.Request.OutputType != "" || in.hub.cfg.Topics == nil {
		return rec.Request.OutputType
	}
	t, err := in.hub.cfg.Topics.Topic(outputTopic(rec))
	if err != nil {
		return ""
	}
	return t.Config().ContentType
}

// join takes the type that start or program declared, else that of the Topic, else
// JSON lines. It fails when they do not agree.
func (in *Instance) join(ctx context.Context, name waverider.TopicName, declared string) (*topic.Topic, error) {
	topics := in.hub.cfg.Topics
	if topics == nil {
		return nil, waverider.Errorf(waverider.Unavailable, "this Hub has no Topics")
	}
	if _, err := waverider.ParseTopicName(string(name)); err != nil {
		return nil, err
	}
	kind := ""
	if declared != "" {
		var err error
		if kind, err = waverider.ParseContentType(declared); err != nil {
			return nil, err
		}
	}
	if t, err := topics.Topic(name); err == nil && kind == "" {
		return t, nil
	}
	setDefault(&kind, waverider.TypeNDJSON)
	return topics.Ensure(ctx, waverider.TopicConfig{Name: name, ContentType: kind})
}

// feedTopic gives this run the records of its input Topic, if it has one.
func (in *Instance) feedTopic(ctx, alive context.Context, proc runtime.Process) {
	feed, err := in.openFeed(ctx, alive, proc.Session())
	if err == nil && feed != nil {
		err = in.fixInputType(alive, feed.ContentType())
	}
	switch {
	case errors.Is(err, pump.ErrMoved):
		in.anew(proc, "records that it was given are gone")
	case err != nil:
		in.refuse(alive, proc, fmt.Errorf("input: %w", err))
	}
	in.update(func(*journal.Instance) { in.feed, in.joined = feed, true }) // whoever waits for that finds why it was refused
	if err != nil || feed == nil {
		return
	}
	err = feed.Run(alive)
	switch {
	case errors.Is(err, pump.ErrMoved):
		in.anew(proc, "records that it was given are gone")
	case err == nil, alive.Err() != nil, errors.Is(err, runner.ErrClosed), errors.Is(err, runner.ErrEnded), errors.Is(err, topic.ErrClosed):
	default:
		in.log.Error("input of the instance broke off", "err", err)
	}
}

// openFeed joins the input of this run to its Topic once the program has said
// what it is, also when it has died since. It answers nil when there is none.
func (in *Instance) openFeed(ctx, alive context.Context, s *runner.Session) (*pump.Feed, error) {
	rec, err := in.until(alive, func(journal.Instance) bool { return in.loaded })
	if err == nil {
		select {
		case <-s.Connected():
		case <-alive.Done():
		}
	}
	if inputTopic(rec) == "" || !isClosed(s.Connected()) {
		return nil, nil
	}
	t, err := in.joinInput(ctx, rec)
	if err != nil {
		return nil, err
	}
	if err := in.notePlace(t.Name()); err != nil {
		return nil, err
	}
	feed, err := pump.OpenFeed(ctx, t, runOf(rec), s.Input(), in.currentEdge(), in.savesPlace(rec), in.log)
	if reads := in.hub.cfg.Reads; err == nil && reads != nil {
		reads(t.Name())
	}
	return feed, err
}

func runOf(rec journal.Instance) pump.Run {
	return pump.Run{Slot: rec.ID, Epoch: rec.Run, Since: rec.Since}
}

// notePlace writes down that the slot has a place in a Topic, before it has, so
// that none is left behind.
func (in *Instance) notePlace(name waverider.TopicName) error {
	if slices.Contains(in.record().Topics, name) {
		return nil
	}
	in.update(func(rec *journal.Instance) { rec.Topics = append(slices.Clone(rec.Topics), name) })
	return in.save()
}

// anew ends a run whose input cannot go on, for the next one to begin at once.
func (in *Instance) anew(proc runtime.Process, why string) {
	in.log.Warn("program is started anew", "reason", why)
	in.update(func(*journal.Instance) { in.again = true })
	if err := proc.Kill(); err != nil {
		in.log.Error("kill", "err", err)
	}
}

// ackOf is when input counts as finished: the start says it, or the package.
func (in *Instance) ackOf(rec journal.Instance) waverider.Ack {
	if rec.Request.Ack != "" {
		return rec.Request.Ack
	}
	pkg, err := in.hub.packages.Get(rec.Digest)
	if err != nil {
		return "" // without its package it does not start
	}
	return pkg.Manifest.Waverider.Ack
}

// readAheadOf is how many records the program may hold: the start says it, or
// the package; 0 is the runner's default.
func (in *Instance) readAheadOf(rec journal.Instance) int {
	if rec.Request.ReadAhead > 0 {
		return rec.Request.ReadAhead
	}
	pkg, err := in.hub.packages.Get(rec.Digest)
	if err != nil {
		return 0 // without its package it does not start
	}
	return pkg.Manifest.Waverider.ReadAhead
}

// savesPlace tells that a program says itself, by save, what it has finished.
func (in *Instance) savesPlace(rec journal.Instance) bool { return in.ackOf(rec) == waverider.AckSave }

// refuse ends a run that cannot be joined to its Topics; the error is shown as
// the program's.
func (in *Instance) refuse(ctx context.Context, proc runtime.Process, err error) {
	if ctx.Err() != nil {
		return
	}
	in.log.Error("instance not joined to its topic", "err", err)
	in.update(func(*journal.Instance) { in.refusal = waverider.MessageOf(err) })
	if err := proc.Kill(); err != nil {
		in.log.Error("kill", "err", err)
	}
}

// refused tells that the last run was ended because a Topic does not fit.
func (in *Instance) refused() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.refusal != ""
}

// awaitFeed waits until the input of this run is joined to its Topic; it is nil
// when the input is another.
func (in *Instance) awaitFeed(ctx context.Context) *pump.Feed {
	var feed *pump.Feed
	_, _ = in.until(ctx, func(journal.Instance) bool {
		feed = in.feed
		return in.joined
	})
	return feed
}

// resumption is what a new run of a slot must know of those before.
func (in *Instance) resumption(ctx context.Context, rec journal.Instance, start *runner.Start) error {
	start.OutputType = in.wantedOutput(rec)
	if in.hub.cfg.Topics == nil {
		return nil
	}
	// Which Topic the code declares is known only once it was loaded.
	start.Ack, start.ReadAhead = string(in.ackOf(rec)), in.readAheadOf(rec)
	name := inputTopic(rec)
	if name == "" {
		return nil
	}
	start.Marks = true
	from, err := in.hub.cfg.Topics.Topic(name)
	if err != nil {
		return nil // it is made when the program is there
	}
	if err := in.notePlace(name); err != nil {
		return err
	}
	to, err := in.hub.cfg.Topics.Topic(outputTopic(rec))
	if err != nil {
		to = nil
	}
	saves := in.savesPlace(rec)
	state, skip, err := pump.Resume(ctx, runOf(rec), from, to, saves)
	if saves && state != nil {
		start.State = state
	}
	start.Skip = skip
	return err
}

func (in *Instance) currentFeed() *pump.Feed {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.feed
}

func (in *Instance) currentEdge() *pump.Edge {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.edge
}

// closeFeed lets go of the input Topic at the end of a run.
func (in *Instance) closeFeed(ctx context.Context, proc runtime.Process) {
	feed := in.currentFeed()
	if feed == nil {
		return
	}
	feed.LastMarks(ctx, proc.Session().Output())
	feed.Close()
}
