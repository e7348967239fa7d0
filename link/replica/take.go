package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"waverider"
	"waverider/topic"
)

// scratch is what one frame is read into.
type scratch struct {
	body    []byte
	lengths []uint32
}

var scratches = sync.Pool{New: func() any { return &scratch{body: make([]byte, 0, frameData+8<<10)} }}

// patience is how long what was taken may need to be stored when a stream ends.
const patience = 5 * time.Second

// take takes frames and acks them, until something ends.
func (in *inlet) take(ctx context.Context) error {
	a := &acker{in: in, added: make(chan struct{}, 1), at: placeOf(in.out.Last())}
	acks := make(chan struct{})
	go func() {
		defer close(acks)
		if err := a.run(ctx); err != nil {
			in.end(err)
		}
	}()
	err := in.frames(ctx, a)
	// Who comes next need not wait for what is stored soon.
	soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	_, _ = in.out.Flush(soon)
	cancel()
	_ = in.conn.SetWriteDeadline(time.Now().Add(wordsWithin)) // a peer that reads no acks
	a.stop()
	<-acks
	return err
}

// frames reads frames and adds their records.
func (in *inlet) frames(ctx context.Context, a *acker) error {
	in.in.conn = in.conn
	defer in.in.drop()
	for {
		var p [headSize]byte
		if err := in.in.head(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a frame: %w", err)
		}
		h, err := parseHead(&p)
		if err == nil {
			err = in.known.follows(h)
		}
		if err != nil {
			return err
		}
		if err := in.frame(ctx, h, &p, a); err != nil {
			return err
		}
	}
}

// frame reads the rest of a frame and adds its records.
func (in *inlet) frame(ctx context.Context, h head, p *[headSize]byte, a *acker) error {
	s := scratches.Get().(*scratch)
	defer func() {
		if cap(s.body) <= 2*frameData {
			scratches.Put(s)
		}
	}()
	var err error
	if s.body, err = readBody(in.in.body(), s.body[:0], h.size()); err != nil {
		return fmt.Errorf("read a frame: %w", err)
	}
	var data []byte
	if data, s.lengths, err = h.records(p, s.body, in.lines, s.lengths); err != nil {
		return err
	}
	to := h.after()
	if in.epoch != h.Epoch {
		if err := in.patient(ctx, func() error { return in.out.EndEpoch(ctx) }); err != nil {
			return err
		}
	}
	if err := in.add(ctx, data, s.lengths, topic.State{Epoch: to.Epoch, End: to.End}); err != nil {
		return err
	}
	in.known.came(h)
	in.epoch = h.Epoch
	in.meter.records.Add(uint64(h.count))
	in.meter.bytes.Add(uint64(len(data)))
	a.add(to, h.missed)
	return nil
}

// readBody reads n bytes. It takes memory for them as they come.
func readBody(r io.Reader, b []byte, n int) ([]byte, error) {
	for len(b) < n {
		if len(b) == cap(b) {
			b = append(b, make([]byte, min(n-len(b), max(len(b), 512)))...)[:len(b)]
		}
		m, err := io.ReadFull(r, b[len(b):min(n, cap(b))])
		b = b[:len(b)+m]
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return b, err
		}
	}
	return b, nil
}

// add adds records, when there is room in the Topic and on the disk.
func (in *inlet) add(ctx context.Context, data []byte, lengths []uint32, tag topic.State) error {
	return in.patient(ctx, func() error { return in.out.Append(ctx, data, lengths, tag) })
}

// patient does what a full disk does not let be done, until it has room.
func (in *inlet) patient(ctx context.Context, do func() error) error {
	for {
		err := do()
		if waverider.KindOf(err) != waverider.Full {
			return err
		}
		in.meter.waits.Add(1)
		if err := pause(ctx, roomEvery); err != nil {
			return err
		}
	}
}

// acker tells the peer what is durable, as it becomes so.
type acker struct {
	in    *inlet
	added chan struct{} // holds one when there may be something to ack

	mu      sync.Mutex
	at      place // after the last frame that was added
	gaps    []gap // that are not stored
	stopped bool
}

// gap is records that are missing before a frame.
type gap struct {
	after  place // the frame
	missed uint64
}

const maxGaps = 1024 // told one by one

func (a *acker) add(at place, missed uint64) {
	a.mu.Lock()
	a.at = at
	if missed > 0 {
		if n := len(a.gaps); n < maxGaps {
			a.gaps = append(a.gaps, gap{at, missed})
		} else {
			a.gaps[n-1] = gap{at, a.gaps[n-1].missed + missed}
		}
	}
	a.mu.Unlock()
	a.wake()
}

func (a *acker) wake() {
	select {
	case a.added <- struct{}{}:
	default:
	}
}

// stop ends run.
func (a *acker) stop() {
	a.mu.Lock()
	a.stopped = true
	a.mu.Unlock()
	a.wake()
}

// run acks until it is stopped or something fails. It looks at the Topic only
// while something is not stored yet: a Topic may have many producers.
func (a *acker) run(ctx context.Context) error {
	seen := a.in.out.Last()
	acked := placeOf(seen)
	for {
		a.mu.Lock()
		idle, stopped := acked == a.at, a.stopped
		a.mu.Unlock()
		if stopped {
			return nil
		}
		if idle {
			select {
			case <-a.added:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		st, err := a.in.out.Progress(ctx, seen)
		if ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		seen, acked = st, placeOf(st)
		a.passed(acked)
		if _, err := a.in.conn.Write(ackOf(acked)); err != nil {
			return fmt.Errorf("ack: %w", err)
		}
	}
}

// passed tells of the gaps before what is stored now.
func (a *acker) passed(acked place) {
	a.mu.Lock()
	var missed uint64
	for len(a.gaps) > 0 && !acked.before(a.gaps[0].after) {
		missed += a.gaps[0].missed
		a.gaps = a.gaps[1:]
	}
	a.mu.Unlock()
	if missed == 0 {
		return
	}
	in := a.in
	in.meter.missed.Add(missed)
	in.r.Log.Warn("records of a topic are missing: the other side did not have them any more", "peer", in.from.Name, "topic", in.name, "records", missed)
	if in.r.OnMissed != nil {
		in.r.OnMissed(in.from, in.name, missed)
	}
}
