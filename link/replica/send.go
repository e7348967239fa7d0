package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"waverider/topic"
)

const (
	defaultWindow = 8 << 20
	answerWithin  = 30 * time.Second
	restAfter     = 30 * time.Second // without records
	lastWords     = time.Second      // for the receiver to say why it ended
)

// SendOptions say what a sender is to the Topic and to its peer.
type SendOptions struct {
	Reader string        // durable reader that stands for the receiver: topic.FarSpace, or topic.FarHub and an id
	Expire time.Duration // forgotten unread; 0: never
	Skip   string        // producer whose records came from the receiver
	Window int           // bytes sent at most before an ack; 0: 8 MiB

	// Gate, if not nil, is called before n bytes are written, which waits as
	// long as they should.
	Gate func(ctx context.Context, n int) error
	Log  *slog.Logger

	Meter *Meter // counts, if not nil

	said  func()        // called when the hello is on its way
	begun func()        // called when the receiver has answered
	gone  bool          // the Topic was deleted at the receiver
	rest  time.Duration // restAfter, 0
}

// sender is one Send.
type sender struct {
	SendOptions
	conn   net.Conn
	topic  *topic.Topic
	reader *topic.Reader
	flight *flight
	packer packer
	floor  uint32 // no epoch is below
	missed uint64 // of records that were not to be sent, for the next frame
	buf    *[]byte
	filled place  // after the frames in buf
	seen   uint64 // number before which no record is left to be sent, once buf is
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, frameData+16<<10); return &b }}

// Send sends the records of a Topic, those that are there and those to come, from
// where the receiver is on, and moves the durable reader as they are acked. It
// ends, and closes conn, when ctx or the Topic ends, when conn fails, and with
// Refused when the receiver takes no more. It holds a frame at most, beside what
// the Store does.
func Send(ctx context.Context, conn net.Conn, t *topic.Topic, o SendOptions) (err error) {
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.rest == 0 {
		o.rest = restAfter
	}
	if o.Meter == nil {
		o.Meter = &Meter{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Meter.running.Add(1)
	defer o.Meter.running.Add(^uint64(0))
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(t.Life(), func() { end(context.Cause(t.Life())) })()
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(closed); _ = conn.Close() })
	defer func() {
		if stop() {
			_ = conn.Close()
		} else {
			<-closed
		}
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = cause
		}
	}()
	s := &sender{SendOptions: o, conn: conn, topic: t}
	if s.reader, err = t.Durable(ctx, o.Reader, topic.From{}, o.Expire); err != nil {
		return err
	}
	defer s.reader.Close()
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.drop()
	acks := make(chan struct{})
	go func() {
		defer close(acks)
		end(s.takeAcks())
	}()
	err = s.run(ctx)
	if errors.Is(err, errWrite) { // the receiver may have said why
		select {
		case <-acks:
			err = context.Cause(ctx)
		case <-time.After(lastWords):
		}
	}
	end(err)
	<-acks
	return err
}

// begin says hello and goes where the receiver is.
func (s *sender) begin(ctx context.Context) error {
	t := s.topic
	info, err := t.Info(ctx)
	if err != nil {
		return err
	}
	lives, err := t.Lives(ctx)
	if err != nil {
		return err
	}
	s.Meter.acked.Store(max(s.Meter.acked.Load(), s.reader.Place().Number))
	cfg := t.Config()
	h := hello{Topic: t.Name(), ContentType: cfg.ContentType, Config: cfg, Epoch: lives[len(lives)-1].Epoch,
		Next: info.Next.Number, Oldest: info.First.Number, Window: s.Window, Pack: packS2}
	if err := s.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	if err := writeLine(s.conn, h); err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	if s.said != nil {
		s.said()
	}
	var a answer
	if err := readLine(s.conn, &a); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if err := a.err(); err != nil {
		return err
	}
	if err := s.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if a.Window > 0 {
		s.Window = min(s.Window, a.Window)
	}
	s.packer.on = a.Pack == packS2
	s.Meter.as.Store(a.As)
	if a.As != t.Name() {
		s.Log.Warn("topic has another name at the other side: there is one of another type", "topic", t.Name(), "as", a.As)
	}
	place := s.reader.Place()
	know := standing{lives: lives, oldest: info.First.Number, next: t.Next(), acked: place.Number, told: toldOf(place), gone: s.gone}
	begin := know.resume(a.At, a.Past)
	if begin.renew {
		if err := t.Renew(ctx); err != nil {
			return err
		}
		if lives, err = t.Lives(ctx); err != nil {
			return err
		}
		s.floor = lives[len(lives)-1].Epoch // also for what is sent of the one before
	}
	if begin.fork {
		s.Meter.renewed.Add(1)
		s.Log.Warn("the other side has records of a topic that are not here: a store was put back, or lost its end; going on with what came since",
			"topic", t.Name(), "there", a.At.End, "next", know.next, "from", begin.at)
	} else if begin.at < know.acked {
		s.Meter.renewed.Add(1)
		s.Log.Warn("the other side has lost records of a topic that it had: sending what is left of them",
			"topic", t.Name(), "there", a.At.End, "acked", know.told.End, "oldest", know.oldest)
	}
	s.reader.GoTo(begin.at)
	if s.Meter.high.Load() == 0 {
		s.Meter.high.Store(place.Number)
	}
	s.flight = newFlight(s.Window, a.At, begin.at)
	s.moveTo(begin.at, a.At)
	if s.begun != nil {
		s.begun()
	}
	return nil
}

// toldOf is where the receiver was when a place was written down.
func toldOf(p topic.Place) place { return place{uint32(p.InputCount), p.InputOffset} }

// moveTo moves the durable reader, and writes down with it where the receiver is.
func (s *sender) moveTo(number uint64, at place) {
	s.reader.AckPlace(topic.Place{Number: number, InputOffset: at.End, InputCount: uint64(at.Epoch)})
	s.Meter.acked.Store(max(s.Meter.acked.Load(), number))
}

// takeAcks reads acks until the connection ends.
func (s *sender) takeAcks() error {
	for {
		at, err := readAck(s.conn)
		if err != nil {
			return err
		}
		to, err := s.flight.ack(at)
		if err != nil {
			return err
		}
		s.moveTo(to, at)
	}
}

// run sends until something ends.
func (s *sender) run(ctx context.Context) error {
	for {
		m, err := s.reader.Poll(ctx)
		if err == nil && m == nil {
			if err = s.flush(ctx); err == nil {
				s.drop()
				m, err = s.wait(ctx)
			}
		}
		if err != nil {
			return err
		}
		if m != nil {
			err = s.add(ctx, m)
			m.Release()
			if err != nil {
				return err
			}
		}
	}
}

// wait waits for records; it may answer none.
func (s *sender) wait(ctx context.Context) (*topic.Message, error) {
	soon, cancel := context.WithTimeout(ctx, s.rest)
	m, err := s.reader.Next(soon)
	cancel()
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, s.reader.Rest(ctx)
	}
	return m, err
}

// add puts the records of a Message into frames, and sends those that are full.
func (s *sender) add(ctx context.Context, m *topic.Message) error {
	s.missed += m.Missed
	s.Meter.missed.Add(m.Missed)
	if m.Producer == s.Skip {
		if s.seen = m.To; s.buf == nil || len(*s.buf) == 0 {
			s.moveTo(s.flight.cover(m.To))
		}
		return nil
	}
	for from := m.From; from < m.To; {
		part := m.Part(from, frameData)
		if s.buf == nil {
			s.buf = buffers.Get().(*[]byte)
			*s.buf = (*s.buf)[:0]
		}
		if n := len(*s.buf); n > 0 && n+len(part.Data) > frameData {
			if err := s.flush(ctx); err != nil {
				return err
			}
			continue
		}
		s.floor = max(s.floor, s.topic.EpochAt(from))
		h := head{place: place{s.floor, from}, count: uint32(part.To - from), missed: s.missed}
		*s.buf = appendFrame(*s.buf, h, part)
		s.filled, s.missed = h.after(), 0
		s.Meter.sent(from, part.To, len(part.Data))
		from = part.To
	}
	return nil
}

var errWrite = errors.New("not sent")

// flush sends the frames that are filled.
func (s *sender) flush(ctx context.Context) error {
	if s.buf == nil || len(*s.buf) == 0 {
		return nil
	}
	n := len(*s.buf)
	waited, err := s.flight.reserve(ctx, n)
	if waited {
		s.Meter.waits.Add(1)
	}
	if err != nil {
		return err
	}
	if s.Gate != nil {
		if err := s.Gate(ctx, n); err != nil {
			return err
		}
	}
	s.flight.send(s.filled, n)
	s.flight.cover(max(s.filled.End, s.seen))
	out, done := s.packer.pack(*s.buf)
	_, err = s.conn.Write(out)
	if done(); err != nil {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	*s.buf = (*s.buf)[:0]
	if cap(*s.buf) > 4*frameData { // of a large record
		s.buf = nil
	}
	return nil
}

// drop gives the buffer back.
func (s *sender) drop() {
	if s.buf != nil {
		buffers.Put(s.buf)
		s.buf = nil
	}
}
