package hub

import (
	"context"
	"encoding/json"
	"errors"

	"waverider"
	"waverider/hub/pump"
	"waverider/runner"
)

// saver keeps what one run saves, in the order it asks for it.
type saver struct {
	in     *Instance
	s      *runner.Session
	before chan struct{} // closed when the save before has been done
}

func newSaver(in *Instance, s *runner.Session) *saver {
	before := make(chan struct{})
	close(before)
	return &saver{in: in, s: s, before: before}
}

// saveMessage asks to keep a state. Done and Output say where the program is:
// input it has finished, records or bytes, and output it has emitted.
type saveMessage struct {
	ID     json.RawMessage `json:"id"`
	State  json.RawMessage `json:"state"`
	Done   uint64          `json:"done"`
	Output uint64          `json:"output"`
}

// save returns what does one save: once those before are done, and the output
// that was emitted before is durable. When output ends before it is, the save is
// neither done nor acked: the run is over, or the runner asks the next Hub.
func (v *saver) save(ctx, output context.Context, m runner.Message) func() {
	before, done := v.before, make(chan struct{})
	v.before = done
	release := v.s.Hold()
	return func() {
		defer close(done)
		<-before
		var save saveMessage
		err := m.Decode(&save)
		if err == nil {
			err = v.keep(output, save)
		}
		if errors.Is(err, errOutputEnded) {
			return
		}
		if err := v.answer(ctx, save, err); err == nil {
			release()
		} else if ctx.Err() == nil {
			v.in.log.Warn("save not answered", "err", err)
		}
	}
}

var errOutputEnded = errors.New("the output ended before the save")

// keep stores the state, together with the place in the input Topic if saving
// is what moves that.
func (v *saver) keep(output context.Context, save saveMessage) error {
	in := v.in
	if len(save.State) > maxState {
		return tooLargeState(len(save.State))
	}
	var feed *pump.Feed
	if rec := in.record(); inputTopic(rec) != "" || outputTopic(rec) != "" {
		if feed = in.awaitFeed(output); outputTopic(rec) != "" || feed != nil && feed.Saves() {
			if err := in.currentEdge().Await(output, save.Output); err != nil {
				return errOutputEnded
			}
		}
	}
	if feed != nil && feed.Saves() {
		return diskFull(feed.Save(save.Done, save.State))
	}
	return in.hub.saveState(in.id, save.State)
}

func (v *saver) answer(ctx context.Context, save saveMessage, err error) error {
	answer := struct {
		ID    json.RawMessage `json:"id"`
		Error string          `json:"error,omitempty"`
	}{ID: save.ID}
	if err != nil {
		v.in.log.Error("state not saved", "err", err)
		answer.Error = waverider.MessageOf(err)
	}
	return v.s.Send(ctx, "saved", answer)
}
