package hub

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"waverider"
	"waverider/hub/journal"
	"waverider/runner"
	"waverider/runtime"
)

// listen handles the runner's messages until the process has ended. Handling
// comes before the ack, so what it stores is stored when the runner forgets it.
// output ends when no more of it will become durable.
func (in *Instance) listen(ctx, output context.Context, tasks *sync.WaitGroup, proc runtime.Process) (failed *failedMessage) {
	s := proc.Session()
	saves := newSaver(in, s)
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
			save := saves.save(ctx, output, m)
			if rec := in.record(); inputTopic(rec) == "" && outputTopic(rec) == "" {
				save()
			} else { // it may wait for output, other messages must not wait for it
				tasks.Go(save)
			}
			continue
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
	var other bool
	in.update(func(rec *journal.Instance) {
		before := inputTopic(*rec)
		if rec.Status == waverider.StatusStarting {
			rec.Status = waverider.StatusRunning
		}
		if rec.Times.Started.IsZero() {
			rec.Times.Started = time.Now()
		}
		rec.Declared.Requires, rec.Declared.RequiresType = ready.Requires, ready.ContentType
		in.loaded = true
		other = before != "" && before != inputTopic(*rec)
	})
	in.hub.audit.became(auditStarted, string(in.id))
	err := in.save()
	if other {
		in.mu.Lock()
		proc := in.proc
		in.mu.Unlock()
		in.anew(proc, "it was told of its place in another Topic than it reads now")
	}
	return err
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
	var h struct {
		Healthy bool `json:"healthy"`
	}
	if err := m.Decode(&h); err != nil {
		return err
	}
	if line, err := json.Marshal([]any{monitoringCode, h}); err == nil {
		in.reports.emit(monitoringName, line)
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
