package pump

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"waverider"
	"waverider/runner"
	"waverider/topic"
	"waverider/topic/batch"
)

// SlotExpiry is how long a slot's place is kept after its last Instance.
const SlotExpiry = 7 * 24 * time.Hour

// Slot names the durable reader of a slot.
func Slot(id waverider.InstanceID) string { return "slot:" + string(id) }

// Feed gives the records of a Topic to one run of a program.
type Feed struct {
	topic  *topic.Topic
	reader *topic.Reader
	input  *runner.Input
	log    *slog.Logger
	epoch  int
	lines  bool // progress is told in records, otherwise in bytes
	saves  bool // only Save moves the place

	mu    sync.Mutex
	given []given // to the program and not acked, oldest first
	base  topic.Place
	marks []runner.Mark // whose output is not durable yet, oldest first
	total uint64        // bytes given
	safe  uint64        // output before is durable
	moved chan struct{} // closed and replaced when safe moves
}

// given is a message on its way through the program.
type given struct {
	from, to      uint64 // record numbers
	size          uint64 // bytes
	offset, count uint64 // what the run was given before it
	m             *topic.Message
	lengths       []uint32 // of its records, once m is released
}

// before is the bytes of its first n records.
func (g *given) before(n uint64) uint64 {
	if g.m != nil {
		return uint64(g.m.Before(g.from + n))
	}
	var sum uint64
	for _, l := range g.lengths[:n] {
		sum += uint64(l)
	}
	return sum
}

// slim keeps the lengths only.
func (g *given) slim() {
	g.lengths = make([]uint32, 0, g.to-g.from)
	for r := range g.m.Records {
		g.lengths = append(g.lengths, uint32(len(r.Data)))
	}
	g.m.Release()
	g.m = nil
}

func (g *given) release() {
	if g.m != nil {
		g.m.Release()
		g.m = nil
	}
}

// OpenFeed opens the slot's reader of a Topic for one run of its program, the
// one of that epoch. With saves the program says itself what it has finished.
func OpenFeed(ctx context.Context, t *topic.Topic, id waverider.InstanceID, epoch int, saves bool, log *slog.Logger) (*Feed, error) {
	r, err := t.Durable(ctx, Slot(id), topic.From{}, SlotExpiry)
	if err != nil {
		return nil, err
	}
	f := &Feed{topic: t, reader: r, log: log.With("topic", t.Name()), epoch: epoch, saves: saves, lines: isLines(t.Config().ContentType)}
	f.base = r.Place()
	if f.base.Epoch != epoch { // the run begins here, which the next Hub must know
		f.base = topic.Place{Number: f.base.Number, Epoch: epoch}
		if err := r.Save(f.base); err != nil {
			r.Close()
			return nil, err
		}
	}
	f.total, f.moved = f.base.InputOffset, make(chan struct{})
	return f, nil
}

func isLines(contentType string) bool {
	return contentType == waverider.TypeNDJSON || contentType == waverider.TypeTextNDJSON
}

// Run feeds the input until ctx ends, the program is gone, or the Topic is:
// then the input ends. The runner must have said which input it has.
func (f *Feed) Run(ctx context.Context, input *runner.Input) error {
	f.input = input
	has := input.Received() // of an earlier Hub process
	count := f.base.InputCount
	for {
		m, err := f.reader.Next(ctx)
		if waverider.KindOf(err) == waverider.Gone {
			f.log.Warn("the topic of the input was deleted: the input ends")
			return input.End(ctx)
		} else if err != nil {
			return err
		}
		if m.Missed > 0 {
			f.log.Warn("records are missing before the next one", "missing", m.Missed, "record", m.From)
		}
		data := m.Data()
		f.mu.Lock()
		at := f.total
		f.given = append(f.given, given{from: m.From, to: m.To, size: uint64(len(data)), offset: at, count: count, m: m})
		f.total += uint64(len(data))
		f.mu.Unlock()
		count += m.Count()
		if at < has {
			data = data[min(has-at, uint64(len(data))):]
		}
		m.Retain() // it may be acked and dropped while it is written
		_, err = input.Write(ctx, data)
		m.Release()
		if err != nil {
			return err
		}
		if f.saves {
			f.slim(m.From)
		}
	}
}

// slim lets go of the bytes of a message that may wait long for a save.
func (f *Feed) slim(from uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.given); n > 0 && f.given[n-1].from == from {
		f.given[n-1].slim()
	}
}

// Close lets go of the reader; its place stays.
func (f *Feed) Close() {
	f.mu.Lock()
	for i := range f.given {
		f.given[i].release()
	}
	f.given = nil
	f.mu.Unlock()
	f.reader.Close()
}

// ContentType is that of the Topic.
func (f *Feed) ContentType() string { return f.topic.Config().ContentType }

// Saves tells that only Save moves the place.
func (f *Feed) Saves() bool { return f.saves }

// LastMarks takes in what the runner said after its output had ended. The
// session is closed.
func (f *Feed) LastMarks(ctx context.Context, out *runner.Output) {
	for {
		_, marks, err := out.NextMarked(ctx)
		if err != nil {
			return
		}
		f.Marked(marks)
		f.Durable(out.Acked())
	}
}

// place is where the input stands when so much of it is done, in records or
// bytes of this run. f.mu is held.
func (f *Feed) place(done uint64) topic.Place {
	p := f.base
	for i := range f.given {
		g := &f.given[i]
		n := g.to - g.from
		if f.lines {
			if done < g.count {
				break
			}
			n = min(n, done-g.count)
		} else if g.offset+g.size > done {
			break
		}
		p = topic.Place{Number: g.from + n, Epoch: f.epoch, InputOffset: g.offset + g.before(n), InputCount: g.count + n}
	}
	return p
}

// Cause is what a mark says about stored output, nil when it is not exact.
func (f *Feed) Cause(m runner.Mark) *batch.Cause {
	if !m.Exact || !f.lines {
		return nil
	}
	f.mu.Lock()
	number := f.place(m.Done).Number
	f.mu.Unlock()
	return &batch.Cause{Incarnation: f.topic.Incarnation(number), Done: number, N: m.N}
}

// Marked takes in marks; their input is acked once the output before them is
// durable.
func (f *Feed) Marked(marks []runner.Mark) {
	if f.saves {
		return
	}
	f.mu.Lock()
	f.marks = append(f.marks, marks...)
	f.mu.Unlock()
}

// Durable tells that the output before offset is durable, and acks the input
// that is finished thereby.
func (f *Feed) Durable(offset uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if offset > f.safe {
		f.safe = offset
		close(f.moved)
		f.moved = make(chan struct{})
	}
	n := 0
	for n < len(f.marks) && f.marks[n].Offset <= offset {
		n++
	}
	if n == 0 {
		return
	}
	done := f.marks[n-1].Done
	f.marks = f.marks[n:]
	f.move(f.place(done))
	f.reader.AckPlace(f.base)
}

// AwaitDurable waits until the output before offset is durable.
func (f *Feed) AwaitDurable(ctx context.Context, offset uint64) error {
	for {
		f.mu.Lock()
		safe, moved := f.safe, f.moved
		f.mu.Unlock()
		if safe >= offset {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// move drops what lies before a place. f.mu is held.
func (f *Feed) move(p topic.Place) {
	f.base = p
	for len(f.given) > 0 && f.given[0].to <= p.Number {
		f.given[0].release()
		f.given[0] = given{}
		f.given = f.given[1:]
	}
}

// Save keeps a state together with the place it stands for: so much of the
// input is done. It is on disk when this returns.
func (f *Feed) Save(done uint64, state []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.place(done)
	p.State = state
	if err := f.reader.Save(p); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	p.State = nil
	f.move(p)
	return nil
}
