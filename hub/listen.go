package hub

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"waverider"
	"waverider/hub/journal"
	"waverider/hub/pump"
	"waverider/runner"
	"waverider/runtime"
)

// listen handles the runner's messages until the process has ended. Handling
// comes before the ack, so what it stores is stored when the runner forgets it.
func (in *Instance) listen(ctx, alive context.Context, tasks *sync.WaitGroup, proc runtime.Process) (failed *failedMessage) {
	s := proc.Session()
	for {
		m, err := s.Receive(ctx)
		if err != nil {
			return failed
		}
		if m.Type == "failed" {
			failed = new(failedMessage)
			if m.Decode(failed) == nil {
				in.log.Warn("program failed", "phase", failed.Phase, "err", failed.Message)
			}
			continue
		}
		if m.Type == "save" {
			if feed := in.currentFeed(); feed != nil && feed.Saves() {
				tasks.Go(func() { in.savePlace(alive, s, feed, m) }) // it waits for output, others must not wait for it
				continue
			}
		}
		if err := in.handle(ctx, s, m); err != nil {
			in.log.Warn("runner message not understood", "type", m.Type, "err", err)
		}
	}
}

func (in *Instance) handle(ctx context.Context, s *runner.Session, m runner.Message) error {
	switch m.Type {
	case "ready":
		return in.onReady(m)
	case "output":
		return in.onOutput(m)
	case "health":
		return in.onHealth(m)
	case "event":
		return in.onEvent(ctx, m)
	case "keepAlive":
		return in.onKeepAlive(m)
	case "stopped":
		return in.onStopped(ctx, s, m)
	case "completed":
		in.log.Debug("program completed")
	case "save":
		return in.onSave(ctx, s, m)
	default:
		in.log.Debug("unknown runner message", "type", m.Type)
	}
	return nil
}

func (in *Instance) onReady(m runner.Message) error {
	var ready struct{ Requires, ContentType string }
	if err := m.Decode(&ready); err != nil {
		return err
	}
	in.update(func(rec *journal.Instance) {
		if rec.Status == waverider.StatusStarting {
			rec.Status = waverider.StatusRunning
		}
		if rec.Times.Started.IsZero() {
			rec.Times.Started = time.Now()
		}
		rec.Declared.Requires, rec.Declared.RequiresType = ready.Requires, ready.ContentType
		in.loaded = true
	})
	return in.save()
}

func (in *Instance) onOutput(m runner.Message) error {
	var out struct{ Provides, ContentType, Encoding string }
	if err := m.Decode(&out); err != nil {
		return err
	}
	in.update(func(rec *journal.Instance) {
		d := &rec.Declared
		d.Provides, d.ProvidesType, d.Encoding = out.Provides, out.ContentType, out.Encoding
		in.announced = true
	})
	return in.save()
}

func (in *Instance) onHealth(m runner.Message) error {
	var h struct{ Healthy bool }
	if err := m.Decode(&h); err != nil {
		return err
	}
	in.mu.Lock()
	before := in.health
	in.health = &Health{Healthy: h.Healthy}
	in.mu.Unlock()
	if before == nil || before.Healthy != h.Healthy {
		in.update(func(*journal.Instance) {})
		in.log.Debug("instance health", "healthy", h.Healthy)
	}
	return nil
}

func (in *Instance) onEvent(ctx context.Context, m runner.Message) error {
	var e eventMessage
	if err := m.Decode(&e); err != nil {
		return err
	}
	in.events.emit(e.Name, e.Message)
	in.hub.broadcast(ctx, in, e)
	return nil
}

func (in *Instance) onKeepAlive(m runner.Message) error {
	var k struct{ Ms float64 }
	if err := m.Decode(&k); err != nil {
		return err
	}
	until := time.Now().Add(time.Duration(min(max(k.Ms, 0), 1e12)) * time.Millisecond)
	in.update(func(*journal.Instance) {
		if until.After(in.kept) {
			in.kept = until
		}
	})
	return nil
}

func (in *Instance) onStopped(ctx context.Context, s *runner.Session, m runner.Message) error {
	var stopped struct{ Unaware bool }
	err := m.Decode(&stopped)
	in.update(func(*journal.Instance) { in.stopped, in.unaware, in.moved = true, stopped.Unaware, time.Now() })
	in.endInputAfterStop(ctx, s)
	return err
}

func (in *Instance) onSave(ctx context.Context, s *runner.Session, m runner.Message) error {
	var save saveMessage
	if err := m.Decode(&save); err != nil {
		return err
	}
	return in.answerSave(ctx, s, save, in.hub.saveState(in.id, save.State))
}

// saveMessage asks to keep a state. Done and Output say where the program is:
// input it has finished, records or bytes, and output it has emitted.
type saveMessage struct {
	ID     json.RawMessage `json:"id"`
	State  json.RawMessage `json:"state"`
	Done   uint64          `json:"done"`
	Output uint64          `json:"output"`
}

func (in *Instance) answerSave(ctx context.Context, s *runner.Session, save saveMessage, err error) error {
	answer := struct {
		ID    json.RawMessage `json:"id"`
		Error string          `json:"error,omitempty"`
	}{ID: save.ID}
	if err != nil {
		in.log.Error("state not saved", "err", err)
		answer.Error = publicText(err)
	}
	return s.Send(ctx, "saved", answer)
}

// savePlace keeps a state together with the place in the input Topic that it
// stands for, once the output before it is durable.
func (in *Instance) savePlace(ctx context.Context, s *runner.Session, feed *pump.Feed, m runner.Message) {
	var save saveMessage
	err := m.Decode(&save)
	if err == nil {
		if err = feed.AwaitDurable(ctx, save.Output); err != nil {
			return // the run is over; what was not saved is done again
		}
		if len(save.State) > maxState {
			err = tooLargeState(len(save.State))
		} else {
			err = feed.Save(save.Done, save.State)
		}
	}
	if err := in.answerSave(ctx, s, save, err); err != nil && ctx.Err() == nil {
		in.log.Warn("save not answered", "err", err)
	}
}
