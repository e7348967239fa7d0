package runner

import (
	"context"
	"io"
)

const (
	inputWindow = 4 << 20  // at most so much is kept for a runner that does not ack
	copyMax     = 16 << 10 // pieces up to here may share a buffer
	firstRead   = 4<<10 - HeaderSize
)

// Input is the stream Hub → program.
type Input struct {
	s    *Session
	turn chan struct{} // held by the one who adds to the stream
}

// Received is how many bytes the runner's process has.
func (in *Input) Received() uint64 {
	in.s.mu.Lock()
	defer in.s.mu.Unlock()
	return in.s.in.acked
}

// Accepted is how many bytes Write and ReadFrom have taken.
func (in *Input) Accepted() uint64 {
	in.s.mu.Lock()
	defer in.s.mu.Unlock()
	return in.s.in.accepted
}

// Ended tells whether End was called, or the runner had END from an earlier
// Hub process.
func (in *Input) Ended() bool {
	in.s.mu.Lock()
	defer in.s.mu.Unlock()
	return in.s.in.ended
}

// Write sends p; it blocks without credit. Concurrent Writes don't mix within
// one call. On an error the number of bytes that were accepted tells how many
// will be sent all the same.
func (in *Input) Write(ctx context.Context, p []byte) (int, error) {
	if err := in.lock(ctx); err != nil {
		return 0, err
	}
	defer in.unlock()
	return in.add(ctx, p, nil)
}

// ReadFrom sends all of r, reading it straight into frames (no copy, one
// write a frame, at most 256 KiB each, what a Read returned is sent at once).
// Reading errors are returned as they are; what was read before is sent. While
// it waits in r.Read only r can wake it.
func (in *Input) ReadFrom(ctx context.Context, r io.Reader) (int64, error) {
	var total int64
	size, short := firstRead, false
	for {
		credit, err := in.credit(ctx)
		if err != nil {
			return total, err
		}
		b := getBuffer(size)
		room := b.room()
		n, rerr := readSome(r, room[:min(len(room), credit)])
		if n > 0 {
			m, err := in.addRead(ctx, b, n)
			total += int64(m)
			if err != nil {
				return total, err
			}
		} else {
			b.release()
		}
		size, short = nextRead(len(room), n, short)
		if rerr == io.EOF {
			return total, nil
		} else if rerr != nil {
			return total, rerr
		}
	}
}

// nextRead is how much to read next time: a fast stream gets large frames, a
// slow one holds little memory. One short read says nothing: of a body that is
// read through a buffer, now and then a few bytes are left in that.
func nextRead(room, n int, wasShort bool) (size int, short bool) {
	switch {
	case n == room:
		return min(room*4, maxPayload), false
	case n >= room/4:
		return room, false
	case !wasShort:
		return room, true
	default:
		return max(2*n, firstRead), true
	}
}

// Flush waits until the runner's process has everything accepted so far.
func (in *Input) Flush(ctx context.Context) error {
	s := in.s
	target := in.Accepted()
	for {
		s.mu.Lock()
		if s.in.acked >= target {
			s.mu.Unlock()
			return nil
		}
		if err := s.ended; err != nil {
			s.mu.Unlock()
			return err
		}
		moved := s.in.moved.wait()
		s.mu.Unlock()
		if err := await(ctx, moved); err != nil {
			return err
		}
	}
}

// End ends the stream; later Writes fail with ErrEnded. Idempotent. It waits
// for Writes under way.
func (in *Input) End(ctx context.Context) error {
	if in.Ended() {
		return nil
	}
	if err := in.lock(ctx); err != nil {
		return err
	}
	defer in.unlock()
	s := in.s
	s.mu.Lock()
	if s.ended != nil {
		defer s.mu.Unlock()
		return s.ended
	}
	s.in.ended = true
	s.in.moved.fire()
	s.mu.Unlock()
	s.push()
	return nil
}

func (in *Input) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case in.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (in *Input) unlock() { <-in.turn }

// credit waits until something may be sent and returns how many bytes.
func (in *Input) credit(ctx context.Context) (int, error) {
	s := in.s
	for {
		s.mu.Lock()
		if err := s.inputClosed(); err != nil {
			s.mu.Unlock()
			return 0, err
		}
		if n := s.in.credit(); n > 0 {
			s.mu.Unlock()
			return n, ctx.Err()
		}
		moved := s.in.moved.wait()
		s.mu.Unlock()
		if err := await(ctx, moved); err != nil {
			return 0, err
		}
	}
}

// addRead adds the n bytes read into b, with no one between, and takes b over.
func (in *Input) addRead(ctx context.Context, b *buffer, n int) (int, error) {
	if err := in.lock(ctx); err != nil {
		b.release()
		return 0, err
	}
	defer in.unlock()
	return in.add(ctx, b.room()[:n], b)
}

// add appends p to the stream as credit comes. It takes over the buffer that p
// is in, when given, and keeps that instead of a copy if p fills half of it
// and fits at once.
func (in *Input) add(ctx context.Context, p []byte, b *buffer) (int, error) {
	defer func() {
		if b != nil {
			b.release()
		}
	}()
	total := 0
	for len(p) > 0 {
		credit, err := in.credit(ctx)
		if err != nil {
			return total, err
		}
		piece := p[:min(len(p), credit, maxPayload)]
		c := chunk{n: len(piece)}
		switch {
		case b != nil && total == 0 && len(piece) == len(p) && len(p) >= len(b.room())/2:
			c.buf, b = b, nil
		case len(piece) > copyMax:
			c.buf = getBuffer(len(piece))
			copy(c.buf.room(), piece)
		}
		if err := in.s.addInput(c, piece); err != nil {
			return total, err
		}
		total += len(piece)
		p = p[len(piece):]
	}
	return total, nil
}

// addInput appends a chunk that holds p, or a copy of p when it has no buffer
// of its own, and sends it.
func (s *Session) addInput(c chunk, p []byte) error {
	s.mu.Lock()
	if err := s.inputClosed(); err != nil {
		s.mu.Unlock()
		if c.buf != nil {
			c.buf.release()
		}
		return err
	}
	if c.buf != nil {
		c.start = s.in.accepted
		s.in.kept.push(c)
	} else {
		s.in.copyIn(p)
	}
	s.in.accepted += uint64(len(p))
	l := s.link
	if l == nil || l.writing {
		s.mu.Unlock()
		return nil
	}
	l.writing = true
	s.writeLocked(l)
	return nil
}

func (s *Session) inputClosed() error {
	switch {
	case s.ended != nil:
		return s.ended
	case s.in.ended:
		return ErrEnded
	}
	return nil
}
