package link

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-yamux/v5"
)

// A peer that says nothing for DeadAfter is taken for gone. Who has nothing to
// say sends a beat.
const (
	BeatEvery = 2 * time.Second
	DeadAfter = 8500 * time.Millisecond
)

var beatEvery, deadAfter = BeatEvery, DeadAfter // tests are in a hurry

// messageLimit is the largest message.
const messageLimit = 1 << 20

// BodyMost is the size of a body, as JSON, that every message has room for.
const BodyMost = messageLimit - 1<<10

// ReadsMost is how many Topics a Reads may have.
const ReadsMost = 10_000

// Message is one line on the control stream.
type Message struct {
	Type string          `json:"t"`
	Body json.RawMessage `json:"b,omitempty"`
}

// Decode reads the body into v.
func (m Message) Decode(v any) error {
	if err := json.Unmarshal(m.Body, v); err != nil {
		return &Breach{fmt.Sprintf("message %.40q: %v", m.Type, err)}
	}
	return nil
}

const (
	messageBeat = "beat"
	messageEcho = "echo"
)

// beat measures the round trip: it comes back as an echo.
type beat struct {
	N int64 `json:"n"`
}

// control is the stream of messages of one session.
type control struct {
	ready   chan struct{}
	made    sync.Once
	writing sync.Mutex
	conn    net.Conn
	taken   atomic.Bool
	trip    atomic.Int64 // ns
	echoed  atomic.Int64 // N of the newest echo
}

func (c *control) opened() chan struct{} {
	c.made.Do(func() { c.ready = make(chan struct{}) })
	return c.ready
}

// take accepts a control stream, the first.
func (s *Session) takeControl(conn *yamux.Stream) bool {
	c := &s.ctl
	if c.taken.Swap(true) {
		return false
	}
	s.shaper.add(conn.StreamID(), laneControl)
	c.conn = metered{conn, &s.held}
	close(c.opened())
	return true
}

func (c *control) rtt() time.Duration { return time.Duration(c.trip.Load()) }

func (s *Session) openControl() error {
	st, err := s.mux.OpenStream(s.ctx)
	if err != nil {
		return err
	}
	s.shaper.add(st.StreamID(), laneControl)
	s.held.open(st.StreamID())
	if _, err := st.Write([]byte{byte(kindControl)}); err != nil {
		return err
	}
	s.takeControl(st)
	return nil
}

// Send sends a message. It waits while the peer takes none.
func (s *Session) Send(kind string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	line, err := json.Marshal(Message{Type: kind, Body: raw})
	if err != nil {
		return err
	}
	if len(line) >= messageLimit {
		return fmt.Errorf("message %s has %d bytes, the most is %d", kind, len(line), messageLimit)
	}
	select {
	case <-s.ctl.opened():
	case <-s.ctx.Done():
		return net.ErrClosed
	}
	s.ctl.writing.Lock()
	defer s.ctl.writing.Unlock()
	_, err = s.ctl.conn.Write(append(line, '\n'))
	return streamError(err)
}

// Alive asks the peer for a sign of life, and tells whether it gives one before
// ctx ends.
func (s *Session) Alive(ctx context.Context) bool {
	n := time.Since(s.Began).Nanoseconds()
	sent := make(chan error, 1)
	s.tasks.Go(func() { sent <- s.Send(messageBeat, beat{n}) })
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for s.ctl.echoed.Load() < n {
		select {
		case err := <-sent:
			if err != nil {
				return false
			}
			sent = nil
		case <-tick.C:
		case <-s.ctx.Done():
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

const aliveEvery = 10 * time.Millisecond

// listen gives the messages of the peer to the handler until the stream ends.
func (s *Session) listen(h Handlers) error {
	in := bufio.NewReaderSize(s.ctl.conn, sessionRead)
	for {
		line, err := readLine(in)
		if err != nil {
			return fmt.Errorf("the control stream ended: %w", streamError(err))
		}
		var m Message
		if err := json.Unmarshal(line, &m); err != nil {
			return &Breach{fmt.Sprintf("a message cannot be read (%v)", err)}
		}
		switch m.Type {
		case messageBeat:
			err = s.Send(messageEcho, m.Body)
		case messageEcho:
			var b beat
			if err = m.Decode(&b); err == nil {
				s.ctl.echoed.Store(max(b.N, s.ctl.echoed.Load()))
				s.ctl.trip.Store(max(1, time.Since(s.Began).Nanoseconds()-b.N))
			}
		default:
			if h.Message != nil {
				err = h.Message(m)
			}
		}
		if err != nil {
			return err
		}
	}
}

// readLine is one line without its end, of at most messageLimit bytes. It is
// good until the next.
func readLine(in *bufio.Reader) ([]byte, error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if err == nil && long == nil {
			return part[:len(part)-1], nil
		}
		if len(long)+len(part) > messageLimit {
			return nil, &Breach{fmt.Sprintf("a message has more than %d bytes", messageLimit)}
		}
		long = append(long, part...)
		if err == nil {
			return long[:len(long)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

// beat sends a beat from time to time and ends a session whose peer is silent.
func (s *Session) beat() {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	dead := time.NewTimer(deadAfter)
	defer dead.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-dead.C:
			silent := s.socket.silent()
			if silent >= deadAfter {
				s.Close(fmt.Errorf("nothing was heard of the peer for %.1f s", silent.Seconds()))
				return
			}
			dead.Reset(deadAfter - silent)
			continue
		case <-tick.C:
		}
		select {
		case <-s.ctl.opened():
			// Behind a writer that waits there is no need for one.
			if s.ctl.writing.TryLock() {
				s.ctl.writing.Unlock()
				s.tasks.Go(func() { _ = s.Send(messageBeat, beat{time.Since(s.Began).Nanoseconds()}) })
			}
		default:
		}
	}
}
