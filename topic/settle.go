package topic

import (
	"bytes"
	"context"
	"errors"
	"time"

	"waverider/bus"
	"waverider/topic/batch"
)

const (
	publishTimeout = 5 * time.Second
	retryFirst     = 20 * time.Millisecond
	retryMax       = time.Second
)

// settle finds out what became of batches whose publication failed with err,
// and publishes those again that are not stored. The engine's last message of
// each subject decides. It gives up only when the Store closes or another run
// of the producer has written.
func (l *lane) settle(work []*sealed, err error) {
	l.store.log.Warn("batch not confirmed; looking whether it is stored", "stream", l.stream, "err", err)
	wait := retryFirst
	for i := 0; i < len(work); {
		done, cause := l.settleOne(work[i])
		if done {
			i++
			wait = retryFirst
			continue
		}
		if !errors.Is(cause, bus.ErrWrongSequence) {
			l.store.trouble(cause)
		}
		if pause(l.store.life, wait) != nil {
			for _, w := range work[i:] {
				w.err = ErrClosed
			}
			return
		}
		wait = min(2*wait, retryMax)
	}
	l.store.calm()
}

// pause waits so long, or fails with ctx.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settleOne looks for one batch and publishes it if it is not there. cause says
// why it is not done yet.
func (l *lane) settleOne(w *sealed) (done bool, cause error) {
	ctx, cancel := context.WithTimeout(l.store.life, publishTimeout)
	defer cancel()
	last, err := l.store.bus.LastOf(ctx, l.stream, w.msg.Subject)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		last = bus.Stored{}
	case errors.Is(err, bus.ErrNoStream):
		if err := w.topic.ensureStream(ctx, w.in); err != nil {
			return false, err
		}
		last = bus.Stored{}
	case err != nil:
		return false, err
	case bytes.Equal(last.Data, w.msg.Data):
		w.seq = last.Seq
		return true, nil
	}
	if last.Seq != w.msg.After {
		if foreign(last, w) {
			w.err = ErrFenced
			return true, nil
		}
		w.msg.After = last.Seq
	}
	seq, err := l.store.bus.Publish(ctx, l.stream, w.msg)
	var wrong *bus.WrongSequence
	if last.Seq == 0 && errors.As(err, &wrong) { // its last batch is damaged: only the engine knows of it
		w.msg.After = wrong.Last
		seq, err = l.store.bus.Publish(ctx, l.stream, w.msg)
	}
	if err != nil {
		return false, err
	}
	w.seq = seq
	return true, nil
}

// foreign tells whether the stored batch is of a newer run of the producer.
func foreign(last bus.Stored, w *sealed) bool {
	b, err := batch.Decode(last.Data)
	if err != nil {
		return false
	}
	defer b.Release()
	return b.Header().Epoch > w.last.Epoch
}
