package runnertest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"waverider/runner"
)

// run connects, again and again, until the Runner is closed.
func (r *Runner) run(ctx context.Context) {
	defer close(r.done)
	for ctx.Err() == nil {
		r.connection(ctx)
		select {
		case <-time.After(r.cfg.Retry):
		case <-ctx.Done():
		}
	}
}

// connection lives as long as one connection does.
func (r *Runner) connection(ctx context.Context) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", r.cfg.Path)
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if r.cfg.Wrap != nil {
		conn = r.cfg.Wrap(conn)
	}
	f := runner.NewFrameReader(conn)
	defer f.Release()
	hello := r.hello()
	w, err := greet(conn, f, hello)
	if err != nil {
		return
	}
	t, err := r.attach(conn, hello, w)
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	// Acks that came before the connection broke are read even when writing
	// fails: else the next Hub would be sent what has been acked.
	wg.Go(func() { r.write(conn, t) })
	r.read(f, t)
	conn.Close()
	r.mu.Lock()
	t.over = true
	r.conn = nil
	r.changed.Broadcast()
	r.mu.Unlock()
	wg.Wait()
}

// told is what one connection has carried. Runner.mu guards it.
type told struct {
	over     bool
	out      uint64
	end      bool
	msg      uint64
	received uint64
	limit    uint64
	inEnd    bool
	handled  uint64
	marks    int // how many of all
}

func (r *Runner) hello() runner.Hello {
	r.mu.Lock()
	defer r.mu.Unlock()
	// What has come stays here: the Hub that is greeted may be another process,
	// which does not know of it.
	r.msgs.handled = r.msgs.got
	return runner.Hello{
		Version: runner.Version, Key: r.cfg.Key, Language: r.cfg.Language, LanguageVersion: "1",
		PID: os.Getpid(), Instance: r.cfg.Instance,
		Input: runner.HelloInput{
			Received: r.in.received, Limit: r.in.consumed + uint64(r.cfg.Window),
			Ended: r.in.ended, ContentType: r.in.contentType,
		},
		Output:   runner.HelloOutput{Acked: r.out.acked, Next: r.out.next, Ended: r.out.ended},
		Messages: runner.HelloMessages{Received: r.msgs.handled, Next: r.msgs.acked + 1},
	}
}

// greet says hello and returns the Hub's answer.
func greet(conn net.Conn, f *runner.FrameReader, hello runner.Hello) (runner.Welcome, error) {
	var w runner.Welcome
	body, err := json.Marshal(hello)
	if err != nil {
		return w, err
	}
	h := runner.Header{Type: runner.FrameHello, Length: uint32(len(body))}
	if _, err := conn.Write(append(h.Append(nil), body...)); err != nil {
		return w, err
	}
	if h, err = f.Next(); err != nil {
		return w, err
	}
	if h.Type != runner.FrameWelcome {
		return w, fmt.Errorf("runnertest: %s instead of WELCOME", h.Type)
	}
	if body, err = io.ReadAll(f); err != nil {
		return w, err
	}
	return w, json.Unmarshal(body, &w)
}

func (r *Runner) attach(conn net.Conn, hello runner.Hello, w runner.Welcome) (*told, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, ErrClosed
	case w.Output.Received < r.out.acked || w.Output.Received > r.out.next:
		panic(fmt.Sprintf("runnertest: WELCOME wants output from %d, kept are %d to %d", w.Output.Received, r.out.acked, r.out.next))
	case w.Messages.Received < r.msgs.acked || w.Messages.Next > r.msgs.handled+1:
		panic(fmt.Sprintf("runnertest: WELCOME has messages %+v, acked %d, handled %d", w.Messages, r.msgs.acked, r.msgs.handled))
	}
	r.conn, r.welcome = conn, w
	r.connect++
	r.out.limit = w.Output.Limit
	r.changed.Broadcast()
	return &told{
		out: w.Output.Received, msg: w.Messages.Received,
		received: hello.Input.Received, limit: hello.Input.Limit,
		inEnd: hello.Input.Ended, handled: hello.Messages.Received,
	}, nil
}

// write sends what is due until the connection ends.
func (r *Runner) write(conn net.Conn, t *told) {
	for {
		r.mu.Lock()
		var b []byte
		for {
			if b = r.next(t); b != nil || t.over || r.closed {
				break
			}
			r.changed.Wait()
		}
		r.mu.Unlock()
		if b == nil {
			return
		}
		if _, err := conn.Write(b); err != nil {
			return
		}
	}
}

// next returns the frames that are due, nil when none is. Under mu.
func (r *Runner) next(t *told) []byte {
	var b []byte
	limit := r.in.consumed + uint64(r.cfg.Window)
	if r.in.received > t.received || limit-t.limit >= uint64(max(1, r.cfg.Window/4)) || r.in.ended != t.inEnd {
		t.received, t.limit, t.inEnd = r.in.received, limit, r.in.ended
		h := runner.Header{Type: runner.FrameWindow, Stream: runner.StreamInput, Length: 8, Number: t.received}
		b = binary.BigEndian.AppendUint64(h.Append(b), limit)
	}
	if r.msgs.handled > t.handled {
		t.handled = r.msgs.handled
		b = runner.Header{Type: runner.FrameWindow, Number: t.handled}.Append(b)
	}
	for t.msg < r.msgs.acked+uint64(len(r.msgs.sent)) {
		body := r.msgs.sent[t.msg-r.msgs.acked]
		t.msg++
		h := runner.Header{Type: runner.FrameMessage, Length: uint32(len(body)), Number: t.msg}
		b = append(h.Append(b), body...)
	}
	// A new Hub may allow less than the program has written meanwhile with the
	// credit of the one before.
	until := min(r.out.next, r.out.limit)
	for t.marks = max(t.marks, r.out.forgotten); t.marks < r.out.forgotten+len(r.out.marks); t.marks++ {
		m := r.out.marks[t.marks-r.out.forgotten]
		if m.Offset > t.out {
			until = min(until, m.Offset)
			break
		}
		b = m.Append(b)
	}
	if t.out < until {
		p := r.out.kept[t.out-r.out.acked : until-r.out.acked]
		p = p[:min(len(p), 256<<10)]
		h := runner.Header{Type: runner.FrameData, Stream: runner.StreamOutput, Length: uint32(len(p)), Number: t.out}
		b = append(h.Append(b), p...)
		t.out += uint64(len(p))
	}
	if r.out.ended && t.out == r.out.next && !t.end {
		t.end = true
		b = runner.Header{Type: runner.FrameEnd, Stream: runner.StreamOutput, Number: t.out}.Append(b)
	}
	return b
}

// read takes in frames until the connection ends. A Hub that breaks the
// protocol makes it panic: the test is to fail loudly.
func (r *Runner) read(f *runner.FrameReader, t *told) {
	buf := make([]byte, 64<<10)
	for {
		h, err := f.Next()
		if err != nil {
			return
		}
		switch {
		case h.Type == runner.FrameData && h.Stream == runner.StreamInput:
			err = r.readData(f, h, buf)
		case h.Type == runner.FrameEnd && h.Stream == runner.StreamInput:
			r.must(func() bool { return h.Number == r.in.received }, h)
			r.change(func() { r.in.ended = true })
		case h.Type == runner.FrameWindow && h.Stream == runner.StreamOutput:
			err = r.readWindow(f, h, t)
		case h.Type == runner.FrameWindow && h.Stream == runner.StreamControl:
			r.must(func() bool { return h.Number >= r.msgs.acked && h.Number <= t.msg }, h)
			r.change(func() {
				r.msgs.sent = r.msgs.sent[h.Number-r.msgs.acked:]
				r.msgs.acked = h.Number
			})
		case h.Type == runner.FrameMessage && h.Stream == runner.StreamControl:
			err = r.readMessage(f, h)
		default:
			panic(fmt.Sprintf("runnertest: unexpected %+v", h))
		}
		if err != nil {
			return
		}
	}
}

func (r *Runner) readData(f *runner.FrameReader, h runner.Header, buf []byte) error {
	r.must(func() bool {
		return h.Number == r.in.received && !r.in.ended && h.Length > 0 &&
			h.Number+uint64(h.Length) <= r.in.consumed+uint64(r.cfg.Window)
	}, h)
	for {
		n, err := f.Read(buf)
		if n > 0 {
			r.change(func() {
				r.in.buf = append(r.in.buf, buf[:n]...)
				r.in.received += uint64(n)
			})
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (r *Runner) readWindow(f *runner.FrameReader, h runner.Header, t *told) error {
	var limit [8]byte
	if _, err := io.ReadFull(f, limit[:]); err != nil {
		return err
	}
	to := binary.BigEndian.Uint64(limit[:])
	r.must(func() bool { return h.Number >= r.out.acked && h.Number <= t.out && to >= r.out.limit }, h)
	r.change(func() {
		r.out.kept = r.out.kept[h.Number-r.out.acked:]
		r.out.acked = h.Number
		for len(r.out.marks) > 1 && r.out.marks[1].Offset <= h.Number {
			r.out.marks = r.out.marks[1:]
			r.out.forgotten++
		}
		r.out.limit = to
		r.out.endAcked = r.out.endAcked || t.end && h.Number == r.out.next
	})
	return nil
}

func (r *Runner) readMessage(f *runner.FrameReader, h runner.Header) error {
	body, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	var m struct{ Type, ContentType string }
	if err := json.Unmarshal(body, &m); err != nil {
		panic(fmt.Sprintf("runnertest: message %d: %v", h.Number, err))
	}
	r.must(func() bool { return h.Number <= r.msgs.got+1 }, h)
	r.change(func() {
		if h.Number <= r.msgs.got {
			return // sent again: it was here, but not handled, when we said hello
		}
		r.msgs.got = h.Number
		if m.Type == "input" {
			r.in.contentType = m.ContentType
		}
		r.msgs.queued = append(r.msgs.queued, runner.Message{Type: m.Type, Number: h.Number, Data: body})
	})
	return nil
}

func (r *Runner) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	r.changed.Broadcast()
}

func (r *Runner) must(ok func() bool, h runner.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok() {
		panic(fmt.Sprintf("runnertest: the Hub broke the protocol with %+v; input %d, output %d to %d, messages %d",
			h, r.in.received, r.out.acked, r.out.next, r.msgs.got))
	}
}
