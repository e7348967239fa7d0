package pump

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
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
	edge   *Edge
	has    uint64 // bytes the run had when this Feed began
	log    *slog.Logger
	epoch  int
	lines  bool // progress is told in records, otherwise in bytes
	saves  bool // only Save moves the place

	mu    sync.Mutex
	given []given // to the program and not acked, oldest first
	base  topic.Place
	marks []runner.Mark // whose output is not durable yet, oldest first
	total uint64        // bytes given
	count uint64        // records given
	next  uint64        // number of the record to give next

	rest []byte // of the last record the run has of an earlier Hub process: what it does not have; for Run
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

// ErrMoved tells that a run was given records, by an earlier Hub process, that
// are gone. Where its input goes on cannot be said: it has to begin anew.
var ErrMoved = errors.New("records that the program was given are gone")

// OpenFeed opens the slot's reader of a Topic for one run of its program, whose
// runner has said which input it has. With saves the program says itself what
// it has finished.
func OpenFeed(ctx context.Context, t *topic.Topic, run Run, input *runner.Input, edge *Edge, saves bool, log *slog.Logger) (*Feed, error) {
	r, known, err := openSlot(ctx, t, run)
	if err != nil {
		return nil, err
	}
	if !known && input.Received() > 0 { // what it was given came from a Topic that is gone
		r.Close()
		return nil, ErrMoved
	}
	f := &Feed{topic: t, reader: r, input: input, edge: edge, has: input.Received(), log: log.With("topic", t.Name()), epoch: int(run.Epoch), saves: saves, lines: isLines(t.Config().ContentType)}
	f.base = r.Place()
	f.total, f.count, f.next = f.base.InputOffset, f.base.InputCount, f.base.Number
	if err := f.catchUp(ctx); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// catchUp goes through the records that the run has of an earlier Hub process,
// so that what it says of them is understood.
func (f *Feed) catchUp(ctx context.Context) error {
	for end := f.topic.Next(); f.total < f.has && f.next < end; {
		m, err := f.reader.Next(ctx)
		if err != nil {
			return err
		}
		rest, err := f.take(m)
		if err != nil {
			return err
		}
		f.rest = bytes.Clone(rest)
		f.slim(m.From)
	}
	return nil
}

// take notes a message as given, and answers what the run does not have of it.
func (f *Feed) take(m *topic.Message) ([]byte, error) {
	if m.Missed > 0 {
		f.log.Warn("records are missing before the next one", "missing", m.Missed, "record", m.From)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.From != f.next && f.total < f.has {
		m.Release()
		return nil, ErrMoved
	}
	data := m.Data()
	g := given{from: m.From, to: m.To, size: uint64(len(data)), offset: f.total, count: f.count, m: m}
	f.given = append(f.given, g)
	f.total, f.count, f.next = f.total+g.size, f.count+m.Count(), m.To
	if g.offset < f.has {
		data = data[min(f.has-g.offset, g.size):]
	}
	return data, nil
}

func isLines(contentType string) bool {
	return contentType == waverider.TypeNDJSON || contentType == waverider.TypeTextNDJSON
}

// Run feeds the input until ctx ends, the program is gone, or the Topic is:
// then the input ends.
func (f *Feed) Run(ctx context.Context) error {
	if _, err := f.input.Write(ctx, f.rest); err != nil {
		return err
	}
	f.rest = nil
	for {
		m, err := f.reader.Next(ctx)
		if waverider.KindOf(err) == waverider.Gone {
			f.log.Warn("the topic of the input was deleted: the input ends")
			return f.input.End(ctx)
		} else if err != nil {
			return err
		}
		data, err := f.take(m)
		if err != nil {
			return err
		}
		m.Retain() // it may be acked and dropped while it is written
		_, err = f.input.Write(ctx, data)
		m.Release()
		if err != nil {
			return err
		}
		if f.saves || f.behind() > maxHeld {
			f.slim(m.From)
		}
	}
}

// maxHeld is how many bytes the program may have that are not acked before only
// their lengths are kept: it may drop what it reads while its output waits.
const maxHeld = 8 << 20

// behind is how many bytes of what the program was given are not acked.
func (f *Feed) behind() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.given) == 0 {
		return 0
	}
	return f.total - f.given[0].offset
}

// slim lets go of the bytes of a message that may wait long for its ack.
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
		c, marks, err := out.NextMarked(ctx)
		if err != nil {
			return
		}
		c.Release()
		f.Marked(marks)
		f.Durable(out.Acked())
	}
}

// place is where the input stands when so much of it is done, in records or
// bytes of this run. f.mu is held.
func (f *Feed) place(done uint64) topic.Place {
	i := sort.Search(len(f.given), func(i int) bool {
		if f.lines {
			return f.given[i].count > done
		}
		return f.given[i].offset > done
	})
	if i == 0 {
		return f.base
	}
	g := &f.given[i-1]
	n := g.to - g.from
	if f.lines {
		n = min(n, done-g.count)
	} else if done < g.offset+g.size { // as many as are whole
		n = uint64(sort.Search(int(n), func(n int) bool { return g.before(uint64(n)+1) > done-g.offset }))
	}
	if g.from+n <= f.base.Number {
		return f.base
	}
	return topic.Place{Number: g.from + n, Epoch: f.epoch, InputOffset: g.offset + g.before(n), InputCount: g.count + n}
}

// Cause is what a mark says about stored output, nil when it is not exact.
func (f *Feed) Cause(m runner.Mark) *batch.Cause {
	if !m.Exact || !f.lines {
		return nil
	}
	f.mu.Lock()
	number := f.place(m.Done).Number
	gone := m.Done > f.count || m.Done == f.count && m.N > 0 && f.total < f.has // it speaks of a record that is gone
	f.mu.Unlock()
	if gone {
		return nil
	}
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
	f.edge.reach(offset)
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
