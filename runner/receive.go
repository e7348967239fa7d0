package runner

// readData takes in the payload of a DATA frame as it comes.
func (s *Session) readData(l *link, f *FrameReader, h Header) error {
	if err := s.checkData(l, h); err != nil {
		return err
	}
	for f.left > 0 {
		if p := f.buffered(); len(p) > 0 {
			if !s.deliver(l, p) {
				return errReplaced
			}
			f.skip(len(p))
			continue
		}
		var err error
		if f.left < directRead {
			err = cut(f.fill())
		} else {
			err = s.readDirect(l, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) checkData(l *link, h Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.out
	switch {
	case s.link != l:
		return errReplaced
	case h.Stream != StreamOutput:
		return violation("DATA on stream %d", h.Stream)
	case h.Length == 0:
		return violation("DATA without a byte")
	case st.ended:
		return violation("DATA after END")
	case h.Number != st.received:
		return violation("DATA at %d, expected %d", h.Number, st.received)
	case h.Number+uint64(h.Length) > st.limit:
		return violation("DATA up to %d passes the limit %d", h.Number+uint64(h.Length), st.limit)
	}
	return nil
}

// readDirect reads payload straight into one buffer and hands on what each
// read brings.
func (s *Session) readDirect(l *link, f *FrameReader) error {
	b := getBuffer(min(f.left, maxPayload))
	defer b.release()
	for room := b.room(); f.left > 0 && len(room) > 0; {
		n, err := f.direct(room)
		if n > 0 && !s.deliverBuffer(l, b, room[:n]) {
			return errReplaced
		}
		if err != nil {
			return err
		}
		room = room[n:]
	}
	return nil
}

// deliver queues a copy of p.
func (s *Session) deliver(l *link, p []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != l {
		return false
	}
	st := &s.out
	defer st.ready.fire()
	for len(p) > 0 {
		n := st.copyOut(p)
		st.received += uint64(n)
		p = p[n:]
	}
	return true
}

// copyOut copies the beginning of p behind the last piece that nobody took
// yet, or to a new one.
func (st *outputState) copyOut(p []byte) int {
	if st.queued.len() > 0 {
		last := st.queued.last()
		if space := cap(last.data) - len(last.data); space > 0 {
			n := min(space, len(p))
			last.data = append(last.data, p[:n]...)
			return n
		}
	}
	waiting := 0
	if st.queued.len() > 0 {
		waiting = int(st.received - st.queued.at(0).start)
	}
	b := getBuffer(max(len(p), min(waiting, busyRead-HeaderSize)))
	n := copy(b.room(), p)
	st.queued.push(piece{buf: b, start: st.received, data: b.room()[:n]})
	return n
}

// deliverBuffer queues p, a part of b that lies behind those queued before.
func (s *Session) deliverBuffer(l *link, b *buffer, p []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != l {
		return false
	}
	st := &s.out
	defer st.ready.fire()
	if st.queued.len() > 0 {
		if last := st.queued.last(); last.buf == b {
			last.data = last.data[:len(last.data)+len(p)]
			st.received += uint64(len(p))
			return true
		}
	}
	b.retain()
	st.queued.push(piece{buf: b, start: st.received, data: p})
	st.received += uint64(len(p))
	return true
}

// readEnd takes in END.
func (s *Session) readEnd(l *link, h Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.link != l:
		return errReplaced
	case h.Stream != StreamOutput:
		return violation("END on stream %d", h.Stream)
	case h.Length != 0:
		return violation("END with a payload")
	case h.Number != s.out.received:
		return violation("END at %d, expected %d", h.Number, s.out.received)
	}
	s.out.ended = true
	if s.out.endAcked {
		l.windowDue = true // asked again after a reconnect
	}
	s.out.ready.fire()
	return nil
}
