package link

import (
	"encoding/binary"
	"io"
	"sync"
)

// lane is a class of traffic. Frames of lane control go before all others; what
// is left of the line is shared between the other two.
type lane int

const (
	laneControl lane = iota // calls and their answers, heartbeats, window updates
	laneLive                // HTTP bodies that have become long
	laneTopics              // replication
	lanes
)

// share is how much of the line a lane gets while others wait too, in bytes a
// round.
var share = [lanes]int{laneLive: 128 << 10, laneTopics: 64 << 10}

const (
	laneRoom = 128 << 10 // bytes a lane may have waiting before its writers wait
	writeMax = 64 << 10  // bytes of frames that are written together
)

// shaper lies under yamux and over the socket. It takes frames without making
// yamux wait, which has one queue for all of them, and writes them by lane. How
// much lies here is bounded by room, for which the streams ask before they write.
type shaper struct {
	socket io.ReadWriteCloser

	mu      sync.Mutex
	queues  [lanes]queue
	turn    lane // whose round it is, of the lanes that share
	left    int  // bytes of this round
	streams map[uint32]*flow
	more    chan struct{} // holds one when something was queued
	roomier [lanes]chan struct{}
	err     error // of the socket
	closed  chan struct{}
	once    sync.Once
	ended   chan struct{} // the writer has
}

type queue struct {
	frames []frame
	bytes  int
}

type frame struct {
	data []byte
	of   *flow // nil: of no stream that we class
}

// flow is one stream as the shaper knows it. Its shaper's mu guards it.
type flow struct {
	lane    lane
	waiting int  // frames in lane now
	gone    bool // no more is written
}

// The head of a yamux frame.
const (
	yamuxHead      = 12
	yamuxData      = 0
	yamuxUpdate    = 1
	yamuxFlagClose = 4
)

func newShaper(socket io.ReadWriteCloser) *shaper {
	s := &shaper{socket: socket, streams: map[uint32]*flow{}, more: make(chan struct{}, 1),
		closed: make(chan struct{}), ended: make(chan struct{}), turn: laneLive, left: share[laneLive]}
	for i := range s.roomier {
		s.roomier[i] = make(chan struct{})
	}
	go s.run()
	return s
}

// Write takes one frame.
func (s *shaper) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	l, of := s.class(p)
	q := &s.queues[l]
	data := getBuffer(len(p))
	copy(data, p)
	q.frames = append(q.frames, frame{data: data, of: of})
	q.bytes += len(p)
	select {
	case s.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

// class is the lane of a frame. Frames of one stream keep their order: one that
// is data, or the end of it, never overtakes another in a slower lane.
func (s *shaper) class(p []byte) (lane, *flow) {
	if len(p) < yamuxHead || p[1] > yamuxUpdate {
		return laneControl, nil
	}
	kind, flags, id := p[1], binary.BigEndian.Uint16(p[2:]), binary.BigEndian.Uint32(p[4:])
	f := s.streams[id]
	if f == nil || kind != yamuxData && flags&yamuxFlagClose == 0 {
		return laneControl, nil
	}
	f.waiting++
	return f.lane, f
}

// put classes a stream, anew when it is already.
func (s *shaper) put(id uint32, l lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.streams[id]
	if f == nil {
		f = &flow{lane: l}
		s.streams[id] = f
	}
	if f.waiting == 0 || f.lane == laneControl { // what waits in control goes first anyway
		f.lane = l
	}
}

// forget is put's opposite; the frames that wait stay.
func (s *shaper) forget(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, id)
}

// full is nil when a lane can take more, else a channel that is closed when it
// may be so again.
func (s *shaper) full(l lane) (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || l == laneControl || s.queues[l].bytes < laneRoom {
		return nil, s.err
	}
	return s.roomier[l], nil
}

// run writes until the socket fails or is closed.
func (s *shaper) run() {
	defer close(s.ended)
	buf := make([]byte, 0, writeMax+yamuxHead)
	for {
		data, wait := s.next(buf)
		if wait {
			select {
			case <-s.more:
				continue
			case <-s.closed:
				return
			}
		}
		if _, err := s.socket.Write(data); err != nil {
			s.fail(err)
			return
		}
		if cap(data) > cap(buf) {
			putBuffer(data)
		}
	}
}

// next takes what is to be written now: one large frame, or several small ones.
func (s *shaper) next(buf []byte) (data []byte, wait bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data = buf[:0]
	for {
		l, ok := s.pick()
		if !ok {
			return data, len(data) == 0
		}
		q := &s.queues[l]
		f := q.frames[0]
		if len(data)+len(f.data) > writeMax && len(data) > 0 {
			return data, false
		}
		q.frames[0] = frame{}
		if q.frames = q.frames[1:]; len(q.frames) == 0 {
			q.frames = nil
		}
		before := q.bytes
		q.bytes -= len(f.data)
		if f.of != nil {
			f.of.waiting--
		}
		if l != laneControl {
			s.left -= len(f.data)
		}
		if before >= laneRoom && q.bytes < laneRoom {
			close(s.roomier[l])
			s.roomier[l] = make(chan struct{})
		}
		if len(f.data) > writeMax/2 && len(data) == 0 {
			return f.data, false
		}
		data = append(data, f.data...)
		putBuffer(f.data)
	}
}

// pick is the lane that is next.
func (s *shaper) pick() (lane, bool) {
	if len(s.queues[laneControl].frames) > 0 {
		return laneControl, true
	}
	other := laneLive + laneTopics - s.turn
	mine, theirs := len(s.queues[s.turn].frames) > 0, len(s.queues[other].frames) > 0
	if theirs && (!mine || s.left <= 0) {
		s.turn, s.left = other, share[other]
		return other, true
	}
	if mine && s.left <= 0 {
		s.left = share[s.turn]
	}
	return s.turn, mine
}

// fail ends everybody who writes.
func (s *shaper) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	for i := range s.queues {
		s.queues[i] = queue{}
		close(s.roomier[i])
		s.roomier[i] = make(chan struct{})
	}
}

// Read is the socket's.
func (s *shaper) Read(p []byte) (int, error) { return s.socket.Read(p) }

// Close ends the writer and the socket. What waits is dropped.
func (s *shaper) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		err = s.socket.Close()
		s.fail(io.ErrClosedPipe)
		<-s.ended
	})
	return err
}
