package link

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/libp2p/go-yamux/v5"
)

// What one session may hold. Streams begin with a window of 1 MiB each, so a
// peer would need hundreds that nobody reads to come to the limit; who calls a
// Hub and does not read is cut after a minute.
const (
	growMost  = 32 << 20 // bytes by which all windows together may grow
	frameCost = 64       // of a frame, beside its bytes
)

var heldMost = 512 << 20 // bytes that came and were not read yet

var (
	errHeld = errors.New("more came than is read here")
	errGrow = errors.New("the windows have grown enough")
)

// held counts what lies unread in the streams of a session, and ends it when
// that is too much. It sees the frames of both directions.
type held struct {
	most int // 0: as much as comes

	mu      sync.Mutex
	total   int
	grown   int
	streams map[uint32]*heldStream
}

type heldStream struct {
	bytes, cost       int
	endHere, endThere bool // no more is sent
}

// open is a stream that this side opens.
func (h *held) open(id uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams[id] = &heldStream{}
}

// came is a frame of the peer.
func (h *held) came(id uint32, flags uint16, bytes int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if flags&yamuxFlagBegin != 0 && h.streams[id] == nil {
		h.streams[id] = &heldStream{}
	}
	s := h.streams[id]
	if s == nil {
		return nil // yamux drops it
	}
	if bytes > 0 {
		s.bytes += bytes
		s.cost += bytes + frameCost
		h.total += bytes + frameCost
	}
	s.endThere = s.endThere || flags&yamuxFlagClose != 0
	h.settle(id, s, flags)
	if h.most > 0 && h.total > h.most {
		return errHeld
	}
	return nil
}

// sent is a frame of this side.
func (h *held) sent(id uint32, flags uint16) {
	if flags&(yamuxFlagClose|yamuxFlagReset) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.streams[id]; s != nil {
		s.endHere = s.endHere || flags&yamuxFlagClose != 0
		h.settle(id, s, flags)
	}
}

// settle forgets a stream that has ended.
func (h *held) settle(id uint32, s *heldStream, flags uint16) {
	if s.endHere && s.endThere || flags&yamuxFlagReset != 0 {
		h.total -= s.cost
		delete(h.streams, id)
	}
}

// read takes bytes out. The cost of their frames goes with them in proportion.
func (h *held) read(id uint32, bytes int) {
	if bytes == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.streams[id]
	if s == nil {
		return
	}
	left := max(s.bytes-bytes, 0)
	cost := 0
	if left > 0 {
		cost = int(int64(s.cost) * int64(left) / int64(s.bytes))
	}
	h.total -= s.cost - cost
	s.bytes, s.cost = left, cost
}

// span lets the windows of all streams grow by growMost.
func (h *held) span() (yamux.MemoryManager, error) { return &span{held: h}, nil }

type span struct {
	held  *held
	grown int
}

// ReserveMemory is asked with the highest prio for what a stream begins with.
func (s *span) ReserveMemory(size int, prio uint8) error {
	if prio == 255 {
		return nil
	}
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	if s.held.grown+size > growMost {
		return errGrow
	}
	s.held.grown += size
	s.grown += size
	return nil
}

func (s *span) ReleaseMemory(int) {}

func (s *span) Done() {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	s.held.grown -= s.grown
	s.grown = 0
}

// intake reads the frames of the peer. It tells held of each before its bytes.
type intake struct {
	in   *bufio.Reader
	held *held
	head [yamuxHead]byte
	got  int    // of head
	body uint32 // bytes to come of this frame
}

func newIntake(r io.Reader, h *held) *intake {
	return &intake{in: bufio.NewReaderSize(r, sessionRead), held: h}
}

func (i *intake) Read(p []byte) (int, error) {
	if i.body > 0 {
		n, err := i.in.Read(p[:min(uint64(len(p)), uint64(i.body))])
		i.body -= uint32(n)
		return n, err
	}
	n, err := i.in.Read(p[:min(len(p), yamuxHead-i.got)])
	copy(i.head[i.got:], p[:n])
	if i.got += n; i.got < yamuxHead {
		return n, err
	}
	i.got = 0
	bytes := 0
	switch i.head[1] {
	case yamuxData:
		i.body = binary.BigEndian.Uint32(i.head[8:])
		bytes = int(min(i.body, windowAtMost)) // yamux refuses more
	case yamuxUpdate:
	default:
		return n, err
	}
	if over := i.held.came(binary.BigEndian.Uint32(i.head[4:]), binary.BigEndian.Uint16(i.head[2:]), bytes); over != nil {
		return 0, over
	}
	return n, err
}

// metered is a stream that is read without a Stream around it.
type metered struct {
	*yamux.Stream
	held *held
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.Stream.Read(p)
	m.held.read(m.StreamID(), n)
	return n, err
}
