package runner_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

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
	mark := func(offset, done, n uint64) []byte {
		return runner.Mark{Offset: offset, Done: done, N: n}.Append(nil)
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
		"mark ahead of output":   {mark(5, 1, 0), "MARK at 5, output has come up to 4"},
		"mark of the input":      {frame(runner.FrameMark, 1, 4, strings.Repeat("\x00", 24)), "MARK of 24 bytes on stream 1"},
		"mark of no stream":      {frame(runner.FrameMark, 0, 4, strings.Repeat("\x00", 24)), "MARK of 24 bytes on stream 0"},
		"short mark":             {frame(runner.FrameMark, 2, 4, "12345678"), "MARK of 8 bytes"},
		"long mark":              {frame(runner.FrameMark, 2, 4, strings.Repeat("x", 25)), "MARK of 25 bytes"},
		"more done than sent":    {mark(4, 4, 0), "MARK has 4 records done of 3 bytes"},
		"mark out of range":      {mark(4, 1, 1<<60), "out of range"},
		"done goes back":         {append(mark(4, 2, 0), mark(4, 1, 7)...), "MARK goes back"},
		"n goes back":            {append(mark(4, 2, 2), mark(4, 2, 1)...), "MARK goes back"},
		"mark's offset back":     {append(mark(4, 2, 0), mark(3, 3, 0)...), "MARK goes back"},
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
