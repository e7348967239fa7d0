package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"waverider/runner"
	"waverider/runner/runnertest"
)

// TestBrokenRulesEndTheConnection sends one wrong frame after a right start;
// the Session must see why, stay in shape, and take the runner back.
func TestBrokenRulesEndTheConnection(t *testing.T) {
	long := runner.Header{Type: runner.FrameMessage, Length: runner.MaxLength + 1, Number: 1}
	header := func(h runner.Header) []byte { return h.Append(nil) }
	frame := func(typ runner.FrameType, stream uint16, number uint64, payload string) []byte {
		h := runner.Header{Type: typ, Stream: stream, Length: uint32(len(payload)), Number: number}
		return append(h.Append(nil), payload...)
	}
	window := func(acked, limit uint64) []byte {
		h := runner.Header{Type: runner.FrameWindow, Stream: 1, Length: 8, Number: acked}
		return append(h.Append(nil), byte(limit>>56), byte(limit>>48), byte(limit>>40), byte(limit>>32),
			byte(limit>>24), byte(limit>>16), byte(limit>>8), byte(limit))
	}
	for name, c := range map[string]struct {
		frames []byte
		want   string
	}{
		"unknown type":           {frame(9, 0, 0, ""), "unexpected frame of type 9"},
		"type zero":              {frame(0, 0, 0, ""), "unexpected frame of type 0"},
		"hello again":            {frame(runner.FrameHello, 0, 0, "{}"), "unexpected HELLO"},
		"welcome":                {frame(runner.FrameWelcome, 0, 0, "{}"), "unexpected WELCOME"},
		"length":                 {header(long), "over the limit"},
		"data on input":          {frame(runner.FrameData, 1, 4, "x"), "DATA on stream 1"},
		"data without a byte":    {frame(runner.FrameData, 2, 4, ""), "without a byte"},
		"data behind":            {frame(runner.FrameData, 2, 3, "x"), "DATA at 3, expected 4"},
		"data ahead":             {frame(runner.FrameData, 2, 5, "x"), "DATA at 5, expected 4"},
		"data over the limit":    {header(runner.Header{Type: runner.FrameData, Stream: 2, Length: 64 << 10, Number: 4}), "passes the limit"},
		"data after end":         {append(frame(runner.FrameEnd, 2, 4, ""), frame(runner.FrameData, 2, 4, "x")...), "DATA after END"},
		"end elsewhere":          {frame(runner.FrameEnd, 2, 5, ""), "END at 5, expected 4"},
		"end of input":           {frame(runner.FrameEnd, 1, 4, ""), "END on stream 1"},
		"end with payload":       {frame(runner.FrameEnd, 2, 4, "x"), "END with a payload"},
		"ack of unsent input":    {window(9, 4<<20), "WINDOW acks 9"},
		"ack goes back":          {append(window(3, 4<<20), window(2, 4<<20)...), "WINDOW acks 2"},
		"limit goes back":        {window(3, 1), "limit goes back"},
		"window of output":       {frame(runner.FrameWindow, 2, 0, "12345678"), "WINDOW on stream 2"},
		"short window":           {frame(runner.FrameWindow, 1, 0, "1234"), "WINDOW of 4 bytes"},
		"window 0 with payload":  {frame(runner.FrameWindow, 0, 0, "12345678"), "WINDOW of 8 bytes"},
		"ack of unsent message":  {frame(runner.FrameWindow, 0, 7, ""), "WINDOW acks message 7"},
		"message skipped":        {frame(runner.FrameMessage, 0, 2, `{"type":"x"}`), "MESSAGE 2, expected 1"},
		"message on a stream":    {frame(runner.FrameMessage, 1, 1, `{"type":"x"}`), "MESSAGE 1 on stream 1"},
		"message without number": {frame(runner.FrameMessage, 0, 0, `{"type":"x"}`), "MESSAGE 0"},
		"message not JSON":       {frame(runner.FrameMessage, 0, 1, `{"type":`), "MESSAGE 1"},
		"message not an object":  {frame(runner.FrameMessage, 0, 1, `["type"]`), "MESSAGE 1"},
		"message without type":   {frame(runner.FrameMessage, 0, 1, `{"a":1}`), "no type"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			raw := b.raw()
			b.write("abc")
			_, _, err := raw.Next()
			b.ok(err)
			b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 0, []byte("good")))
			_, err = raw.Conn.Write(c.frames)
			b.ok(err)
			for err == nil { // the Hub hangs up
				_, _, err = raw.Next()
			}
			var broken *runner.ProtocolError
			if got := lastError(b); !errors.As(got, &broken) || !strings.Contains(got.Error(), c.want) {
				t.Errorf("LastError = %v, not %q", got, c.want)
			}
			if got := b.read(4); got != "good" {
				t.Errorf("output before it: %q", got)
			}
			again(b)
		})
	}
}

// lastError waits until the connection is over and returns what was wrong.
func lastError(b *bench) error {
	for b.s.Live() {
		runtime.Gosched()
	}
	for b.s.LastError() == nil && b.ctx.Err() == nil {
		runtime.Gosched()
	}
	return b.s.LastError()
}

// again has the runner come back, well-behaved.
func again(b *bench) {
	b.Helper()
	raw, err := runnertest.DialRaw(b.l.Path(), runner.Hello{
		Key:    b.key,
		Input:  runner.HelloInput{Received: 3, Limit: 4 << 20},
		Output: runner.HelloOutput{Next: 4},
	})
	b.ok(err)
	defer raw.Close()
	if raw.Welcome.Output.Received != 4 {
		b.Errorf("WELCOME after the offence: %+v", raw.Welcome)
	}
}

// TestContradictingHellosAreRefused shows a Session a HELLO that cannot be of
// the runner it has talked to.
func TestContradictingHellosAreRefused(t *testing.T) {
	good := runner.Hello{
		Input:    runner.HelloInput{Received: 3, Limit: 4 << 20},
		Output:   runner.HelloOutput{Acked: 0, Next: 4},
		Messages: runner.HelloMessages{Received: 1, Next: 1},
	}
	for name, edit := range map[string]func(*runner.Hello){
		"version":                 func(h *runner.Hello) { h.Version = 2 },
		"more input than sent":    func(h *runner.Hello) { h.Input.Received = 4 },
		"input forgotten":         func(h *runner.Hello) { h.Input.Received = 1 },
		"limit goes back":         func(h *runner.Hello) { h.Input.Limit = 100 },
		"limit before position":   func(h *runner.Hello) { h.Input.Limit = 1 },
		"input ended":             func(h *runner.Hello) { h.Input.Ended = true },
		"output acked by nobody":  func(h *runner.Hello) { h.Output.Acked = 2; h.Output.Next = 4 },
		"output forgotten":        func(h *runner.Hello) { h.Output.Next = 2 },
		"output backwards":        func(h *runner.Hello) { h.Output.Acked, h.Output.Next = 5, 4 },
		"messages from nowhere":   func(h *runner.Hello) { h.Messages.Received = 2 },
		"messages forgotten":      func(h *runner.Hello) { h.Messages.Received = 0 },
		"messages of ours missed": func(h *runner.Hello) { h.Messages.Next = 3 },
		"huge position":           func(h *runner.Hello) { h.Output.Next = 1 << 60 },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			raw := b.raw()
			b.write("abc")
			b.ok(b.s.Send(b.ctx, "m", nil))
			for range 2 {
				_, _, err := raw.Next()
				b.ok(err)
			}
			b.ok(raw.Window(2, 4<<20))
			b.ok(raw.Send(runner.FrameWindow, 0, 1, nil))
			b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 0, []byte("good")))
			if c, err := b.s.Output().Next(b.ctx); err != nil || string(c.Data) != "good" {
				t.Fatalf("%q, %v", c.Data, err)
			}
			hello := good
			hello.Key = b.key
			edit(&hello)
			if bad, err := runnertest.DialRaw(b.l.Path(), hello); err == nil {
				bad.Close()
				t.Fatalf("welcomed: %+v", bad.Welcome)
			}
			var broken *runner.ProtocolError
			if err := b.s.LastError(); !errors.As(err, &broken) {
				t.Errorf("LastError: %v", err)
			}
			// The real one is still there.
			b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 4, []byte("!")))
			if c, err := b.s.Output().Next(b.ctx); err != nil || string(c.Data) != "!" {
				t.Errorf("%q, %v", c.Data, err)
			}
			hello = good
			hello.Key = b.key
			hello.Output.Next = 5
			right, err := runnertest.DialRaw(b.l.Path(), hello)
			b.ok(err)
			right.Close()
		})
	}
}

func TestNewRunnerCannotClaimAPast(t *testing.T) {
	b := newBench(t)
	raw, err := runnertest.DialRaw(b.l.Path(), runner.Hello{
		Key: b.key, Input: runner.HelloInput{Received: 5, Limit: 100}})
	if err == nil {
		raw.Close()
		t.Fatal("welcomed")
	}
}

// TestFloodOfMessagesStaysInTheSocket sends messages nobody handles: the Hub
// takes 1,024 and stops reading.
func TestFloodOfMessagesStaysInTheSocket(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	sent := make(chan uint64, 1)
	go func() {
		for i := uint64(1); ; i++ {
			raw.Conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			if err := raw.Send(runner.FrameMessage, 0, i, []byte(`{"type":"flood"}`)); err != nil {
				sent <- i - 1
				return
			}
		}
	}()
	n := <-sent
	if n < runner.MaxMessages {
		t.Fatalf("only %d messages went out", n)
	}
	for i := range n {
		m, err := b.s.Receive(b.ctx)
		b.ok(err)
		if m.Number != i+1 {
			t.Fatalf("message %d comes as number %d", i+1, m.Number)
		}
	}
	// What was not handled cannot have been read: the socket holds some
	// hundred KiB.
	t.Logf("%d messages taken before the socket was full", n)
	if n > 64<<10 {
		t.Errorf("%d messages taken though none was handled", n)
	}
}

func TestLargeMessagesAreBounded(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	const size = 9 << 20
	go func() {
		body := []byte(`{"type":"big","x":"` + strings.Repeat("y", size) + `"}`)
		for i := range uint64(4) {
			if raw.Send(runner.FrameMessage, 0, i+1, body) != nil {
				return
			}
		}
	}()
	for i := range 4 {
		m, err := b.s.Receive(b.ctx)
		b.ok(err)
		if m.Type != "big" || len(m.Data) < size {
			t.Fatalf("message %d: %s of %d bytes", i, m.Type, len(m.Data))
		}
	}
	if err := b.s.Send(b.ctx, "big", map[string]string{"x": strings.Repeat("y", runner.MaxLength)}); err == nil {
		t.Error("Send took a message over the limit")
	}
}

func TestSendBlocksWhenNothingIsAcked(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	for range runner.MaxMessages {
		b.ok(b.s.Send(b.ctx, "m", map[string]any{"n": 1}))
	}
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Millisecond)
	defer cancel()
	if err := b.s.Send(ctx, "m", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("one more: %v", err)
	}
	for i := range runner.MaxMessages {
		h, body, err := raw.Next()
		b.ok(err)
		if h.Number != uint64(i+1) || string(body) != `{"type":"m","n":1}` {
			t.Fatalf("message %d is %s", h.Number, body)
		}
	}
	b.ok(raw.Send(runner.FrameWindow, 0, 1, nil))
	b.ok(b.s.Send(b.ctx, "last", nil))
	if _, body, err := raw.Next(); err != nil || string(body) != `{"type":"last"}` {
		t.Errorf("%s, %v", body, err)
	}
}

func TestSendTakesObjectsOnly(t *testing.T) {
	b := newBench(t)
	for _, v := range []any{[]int{1}, "text", 7, make(chan int)} {
		if err := b.s.Send(b.ctx, "m", v); err == nil {
			t.Errorf("%T was taken", v)
		}
	}
	b.ok(b.s.Send(b.ctx, "m", (*numbered)(nil)))
	b.ok(b.s.Send(b.ctx, "m", struct{}{}))
}

func TestMessagesAreAckedByTheNextReceive(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	b.ok(raw.Send(runner.FrameMessage, 0, 1, []byte(`{"type":"save","id":1,"state":{}}`)))
	m, err := b.s.Receive(b.ctx)
	b.ok(err)
	var v struct{ ID int }
	if err := m.Decode(&v); err != nil || v.ID != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	b.ok(b.s.Send(b.ctx, "saved", map[string]int{"id": 1}))
	if h, _, err := raw.Next(); err != nil || h.Type != runner.FrameMessage {
		t.Fatalf("%+v, %v: acked before it was handled", h, err)
	}
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	next := make(chan error, 1)
	go func() {
		_, err := b.s.Receive(ctx)
		next <- err
	}()
	if h, _, err := raw.Next(); err != nil || h.Type != runner.FrameWindow || h.Stream != 0 || h.Number != 1 {
		t.Errorf("%+v, %v", h, err)
	}
	cancel()
	if err := <-next; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestHugeLengthTakesNoMemory announces a message of 16 MiB many times over
// and sends a few bytes of each.
func TestHugeLengthTakesNoMemory(t *testing.T) {
	const sessions = 50
	l := listen(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range sessions {
		key := runner.NewKey()
		s := runner.NewSession(runner.SessionConfig{Key: key})
		l.Expect(s)
		raw, err := runnertest.DialRaw(l.Path(), runner.Hello{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		defer raw.Close()
		// A whole message after which we know that the Hub has read so far,
		// then the beginning of a huge one.
		h := runner.Header{Type: runner.FrameMessage, Length: runner.MaxLength, Number: 2}
		if err := raw.Send(runner.FrameMessage, 0, 1, []byte(`{"type":"x"}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Conn.Write(append(h.Append(nil), make([]byte, 1000)...)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if per := int64(after.HeapAlloc-before.HeapAlloc) / sessions; per > 200<<10 {
		t.Errorf("%d bytes for each announced message", per)
	}
}

func FuzzFrame(f *testing.F) {
	hello, _ := json.Marshal(runner.Hello{Version: 1, Key: "k"})
	h := runner.Header{Type: runner.FrameHello, Length: uint32(len(hello))}
	f.Add(append(h.Append(nil), hello...), 7)
	f.Add(runner.Header{Type: runner.FrameData, Stream: 2, Length: 1 << 31, Number: 1 << 63}.Append(nil), 1)
	f.Add(bytes.Repeat(runner.Header{Type: runner.FrameEnd, Stream: 2}.Append(nil), 5), 100)
	f.Fuzz(func(t *testing.T, p []byte, piece int) {
		fr := runner.NewFrameReader(&smallReader{bytes.NewReader(p), 1 + max(0, piece)%5000})
		defer fr.Release()
		at := 0
		for {
			h, err := fr.Next()
			if err != nil {
				if rest := len(p) - at; errors.Is(err, io.EOF) && rest != 0 {
					t.Fatalf("%d bytes are left at %v", rest, err)
				}
				return
			}
			if got := runner.ParseHeader(p[at:]); got != h || !bytes.Equal(h.Append(nil), p[at:at+runner.HeaderSize]) {
				t.Fatalf("header %+v at %d", h, at)
			}
			at += runner.HeaderSize
			body, err := io.ReadAll(fr)
			if !bytes.Equal(body, p[at:at+len(body)]) {
				t.Fatalf("payload at %d", at)
			}
			if err != nil {
				if at+len(body) != len(p) || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("%v at %d", err, at)
				}
				return
			}
			if len(body) != int(h.Length) {
				t.Fatalf("payload of %d bytes is %d long", h.Length, len(body))
			}
			at += len(body)
		}
	})
}

type smallReader struct {
	io.Reader
	n int
}

func (r *smallReader) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), r.n)]) }

// FuzzChannel lets a runner send anything after its HELLO.
func FuzzChannel(f *testing.F) {
	data := runner.Header{Type: runner.FrameData, Stream: 2, Length: 3}
	f.Add(append(data.Append(nil), "abc"...))
	f.Add(append(runner.Header{Type: runner.FrameMessage, Length: 12, Number: 1}.Append(nil), `{"type":"x"}`...))
	f.Add(runner.Header{Type: runner.FrameEnd, Stream: 2}.Append(nil))
	f.Add(append(runner.Header{Type: runner.FrameWindow, Stream: 1, Length: 8}.Append(nil), "\xff\xff\xff\xff\xff\xff\xff\xff"...))
	f.Fuzz(func(t *testing.T, p []byte) {
		s := runner.NewSession(runner.SessionConfig{Key: "k"})
		ours, theirs := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- runner.Serve(s, ours) }()
		go io.Copy(io.Discard, theirs)
		hello, _ := json.Marshal(runner.Hello{Version: 1, Key: "k", Input: runner.HelloInput{Limit: 10}, Messages: runner.HelloMessages{Next: 1}})
		h := runner.Header{Type: runner.FrameHello, Length: uint32(len(hello))}
		theirs.Write(append(h.Append(nil), hello...))
		theirs.Write(p)
		theirs.Close()
		<-served
		s.Close()
		want := outputOf(p)
		for at := 0; ; {
			c, err := s.Output().Next(t.Context())
			if err != nil {
				break
			}
			end := at + len(c.Data)
			if c.Offset != uint64(at) || end > len(want) || !bytes.Equal(c.Data, want[at:end]) {
				t.Fatalf("output at %d: %q, expected of %q", c.Offset, c.Data, want)
			}
			at = end
			c.Release()
		}
	})
}

// outputOf is the most output that may come of frames p: what right DATA
// frames carry, whatever becomes of the frames between them.
func outputOf(p []byte) []byte {
	var out []byte
	for len(p) >= runner.HeaderSize {
		h := runner.ParseHeader(p)
		p = p[runner.HeaderSize:]
		n := min(len(p), int(h.Length))
		if h.Type == runner.FrameData {
			if h.Stream != runner.StreamOutput || h.Number != uint64(len(out)) || len(out)+int(h.Length) > 64<<10 {
				break
			}
			out = append(out, p[:n]...)
		}
		p = p[n:]
	}
	return out
}
