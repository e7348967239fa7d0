package runner

import "sort"

// inputState is the stream as Session.mu guards it.
type inputState struct {
	acked    uint64 // the runner's process has everything before
	accepted uint64 // end of what was taken to be sent
	limit    uint64 // offset the runner allows to send up to
	ended    bool
	kept     queue[chunk] // [acked, accepted), the first perhaps from before acked
	moved    signal       // acked, limit or ended changed
}

// chunk is a piece of the stream that is kept until it is acked.
type chunk struct {
	buf   *buffer
	start uint64
	n     int
}

func (c *chunk) end() uint64 { return c.start + uint64(c.n) }

// credit is how many bytes may be accepted now.
func (st *inputState) credit() int {
	limit := min(st.limit, st.acked+inputWindow)
	if limit <= st.accepted {
		return 0
	}
	return int(limit - st.accepted)
}

// copyIn appends a small piece to the last chunk, or to a new one with room
// for more of its kind when the runner is slow to ack.
func (st *inputState) copyIn(p []byte) {
	if st.kept.len() > 0 {
		last := st.kept.last()
		if space := last.buf.room()[last.n:]; len(space) >= len(p) {
			last.n += copy(space, p)
			return
		}
	}
	b := getBuffer(max(len(p), min(int(st.accepted-st.acked), busyRead-HeaderSize)))
	st.kept.push(chunk{buf: b, start: st.accepted, n: copy(b.room(), p)})
}

// ack drops what the runner's process has.
func (st *inputState) ack(acked uint64) {
	st.acked = acked
	for st.kept.len() > 0 && st.kept.at(0).end() <= acked {
		c := st.kept.pop()
		c.buf.release()
	}
}

// at finds the chunk that holds offset, which must be in [acked, accepted).
func (st *inputState) at(offset uint64) *chunk {
	if last := st.kept.last(); last.start <= offset {
		return last
	}
	i := sort.Search(st.kept.len(), func(i int) bool { return st.kept.at(i).end() > offset })
	return st.kept.at(i)
}

// drop gives everything kept back at the end of the Session.
func (st *inputState) drop() {
	for st.kept.len() > 0 {
		c := st.kept.pop()
		c.buf.release()
	}
}
