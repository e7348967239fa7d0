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
	laneRoom    = 128 << 10 // bytes a lane may have waiting before its writers wait
	controlRoom = 1 << 20   // likewise, of lane control
	marksMost   = 16 << 10  // frames without data that wait; none of ours makes so many wait
	writeMax    = 64 << 10  // bytes of frames that are written together
)

var errFlood = &Breach{"it asks for more answers than it takes"}

// shaper lies under yamux and over the socket. It takes frames without making
// yamux wait, which has one queue for all of them, and writes them by lane. How
// much lies here is bounded by room, for which the streams ask before they write.
type shaper struct {
	socket io.WriteCloser
	held   *held

	mu      sync.Mutex
	queues  [lanes]queue
	marks   int  // frames without data in lane control
	turn    lane // whose round it is, of the lanes that share
	left    int  // bytes of this round
	streams map[uint32]*flow
	writing bool           // a goroutine writes what waits
	tasks   sync.WaitGroup // that one
	roomier [lanes]chan struct{}
	err     error // of the socket
	once    sync.Once
}

type queue struct {
	frames []frame
	bytes  int
}

type frame struct {
	data []byte
	of   *flow // nil: of no stream that we class
	mark bool  // it has no data
}

// flow is one stream as the shaper knows it. Its shaper's mu guards it.
type flow struct {
	lane    lane
	waiting int // frames in lane now
}

// The head of a yamux frame.
const (
	yamuxHead      = 12
	yamuxData      = 0
	yamuxUpdate    = 1
	yamuxFlagBegin = 1
	yamuxFlagClose = 4
	yamuxFlagReset = 8
)

func (l lane) room() int {
	if l == laneControl {
		return controlRoom
	}
	return laneRoom
}

func newShaper(socket io.WriteCloser, h *held) *shaper {
	s := &shaper{socket: socket, held: h, streams: map[uint32]*flow{}, turn: laneLive, left: share[laneLive]}
	for i := range s.roomier {
		s.roomier[i] = make(chan struct{})
	}
	return s
}

// Write takes one frame. It does not wait.
func (s *shaper) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	l, f, drop := s.class(p)
	if drop {
		return len(p), nil
	}
	if f.mark {
		if s.marks++; s.marks > marksMost {
			s.failLocked(errFlood)
			return 0, s.err
		}
	}
	q := &s.queues[l]
	f.data = getBuffer(len(p))
	copy(f.data, p)
	q.frames = append(q.frames, f)
	q.bytes += len(p)
	if !s.writing {
		s.writing = true
		s.tasks.Go(s.run)
	}
	return len(p), nil
}

// class is the lane of a frame. Frames of one stream keep their order: one that
// is data, or the end of it, never overtakes another in a slower lane. With its
// end a stream is forgotten, and no sooner: yamux holds back some of its frames.
// What comes after that is of no use to the peer any more.
func (s *shaper) class(p []byte) (l lane, f frame, drop bool) {
	if len(p) < yamuxHead || p[1] > yamuxUpdate {
		return laneControl, frame{mark: true}, false
	}
	kind, flags, id := p[1], binary.BigEndian.Uint16(p[2:]), binary.BigEndian.Uint32(p[4:])
	s.held.sent(id, flags)
	of := s.streams[id]
	if of == nil {
		return laneControl, frame{mark: true}, kind == yamuxData
	}
	if flags&(yamuxFlagClose|yamuxFlagReset) != 0 {
		delete(s.streams, id)
	}
	if kind != yamuxData && flags&yamuxFlagClose == 0 {
		return laneControl, frame{mark: true}, false
	}
	of.waiting++
	return of.lane, frame{of: of}, false
}

// add makes a stream known. Only then may data be written on it.
func (s *shaper) add(id uint32, l lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[id] = &flow{lane: l}
}

// put classes a stream anew, and answers what it is now: one of which much
// waits stays where it is.
func (s *shaper) put(id uint32, l lane) lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.streams[id]
	if f == nil {
		return l
	}
	if f.waiting == 0 || f.lane == laneControl { // what waits in control goes first anyway
		f.lane = l
	}
	return f.lane
}

// forget drops what comes of a stream: nobody wants it any more.
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
	if s.err != nil || s.queues[l].bytes < l.room() {
		return nil, s.err
	}
	return s.roomier[l], nil
}

// run writes until nothing waits, or the socket fails.
func (s *shaper) run() {
	for {
		data := s.next()
		if data == nil {
			return
		}
		_, err := s.socket.Write(data)
		putBuffer(data)
		if err != nil {
			s.fail(err)
			_ = s.socket.Close() // the reader need not wait for the peer
			return
		}
	}
}

// next takes what is to be written now: one frame, or several small ones
// together. When there is none it is nil, and the writing ends.
func (s *shaper) next() (data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		l, ok := s.pick()
		if !ok {
			s.writing = data != nil
			return data
		}
		if data != nil && len(data)+len(s.queues[l].frames[0].data) > writeMax {
			return data
		}
		f := s.take(l)
		if data == nil {
			if _, more := s.pick(); !more || len(f) > writeMax/2 {
				return f
			}
			data = getBuffer(writeMax)[:0]
		}
		data = append(data, f...)
		putBuffer(f)
	}
}

// take takes the first frame of a lane.
func (s *shaper) take(l lane) []byte {
	q := &s.queues[l]
	f := q.frames[0]
	q.frames[0] = frame{}
	if q.frames = q.frames[1:]; len(q.frames) == 0 {
		q.frames = nil
	}
	before := q.bytes
	q.bytes -= len(f.data)
	if f.of != nil {
		f.of.waiting--
	}
	if f.mark {
		s.marks--
	}
	if l != laneControl {
		s.left -= len(f.data)
	}
	if room := l.room(); before >= room && q.bytes < room {
		close(s.roomier[l])
		s.roomier[l] = make(chan struct{})
	}
	return f.data
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
	s.failLocked(err)
}

func (s *shaper) failLocked(err error) {
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

// Close ends the writer and the socket. What waits is dropped.
func (s *shaper) Close() error {
	var err error
	s.once.Do(func() {
		err = s.socket.Close()
		s.fail(io.ErrClosedPipe)
		s.tasks.Wait()
	})
	return err
}
