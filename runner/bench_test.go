package runner_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"sort"
	"testing"
	"time"

	"waverider/runner"
	"waverider/runner/runnertest"
)

// echoFast sends every input frame back as output and keeps nothing: the peer
// must not be what a benchmark measures. The credit of the output becomes that
// of the input, so that what comes in may always go out.
func echoFast(raw *runnertest.Raw) error {
	buf := make([]byte, 256<<10)
	var end uint64
	for {
		h, err := raw.Frames.Next()
		if err != nil {
			return nil
		}
		switch h.Type {
		case runner.FrameData:
			n, err := io.ReadFull(raw.Frames, buf[runner.HeaderSize:runner.HeaderSize+int(h.Length)])
			if err != nil {
				return err
			}
			h.Stream = runner.StreamOutput
			h.Append(buf[:0])
			if _, err := raw.Conn.Write(buf[:runner.HeaderSize+n]); err != nil {
				return err
			}
			end = h.Number + uint64(n)
		case runner.FrameWindow:
			var p [8]byte
			io.ReadFull(raw.Frames, p[:])
			if h.Stream == runner.StreamOutput {
				if err := raw.Window(end, binary.BigEndian.Uint64(p[:])); err != nil {
					return err
				}
			}
		}
	}
}

// endless is a source that costs no more than a copy.
type endless struct {
	left int64
	src  []byte
}

func (r *endless) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), r.left)], r.src)
	r.left -= int64(n)
	return n, nil
}

func take(b *testing.B, s *runner.Session, n uint64) {
	for got := s.Output().Acked(); got < n; {
		c, err := s.Output().Next(context.Background())
		if err != nil {
			b.Error(err)
			return
		}
		got = c.Offset + uint64(len(c.Data))
		c.Release()
		s.Output().Ack(got)
	}
}

// BenchmarkEcho256MB has bytes go to a peer and back over the Unix socket.
func BenchmarkEcho256MB(b *testing.B) {
	const size = 256 << 20
	t := newBench(b)
	t.s.Output().SetWindow(4 << 20)
	raw := t.raw()
	go echoFast(raw)
	b.SetBytes(size)
	b.ReportAllocs()
	src := make([]byte, 256<<10)
	total := uint64(0)
	for b.Loop() {
		total += size
		done := make(chan struct{})
		go func() {
			defer close(done)
			take(b, t.s, total)
		}()
		if _, err := t.s.Input().ReadFrom(context.Background(), &endless{size, src}); err != nil {
			b.Fatal(err)
		}
		<-done
	}
}

// BenchmarkSocket256MB is what the socket alone gives for the same way.
func BenchmarkSocket256MB(b *testing.B) {
	const size = 256 << 20
	path := b.TempDir() + "/s"
	ln, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 256<<10)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if _, err := c.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	c, err := net.Dial("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.SetBytes(size)
	out, in := make([]byte, 256<<10), make([]byte, 256<<10)
	for b.Loop() {
		done := make(chan error, 1)
		go func() {
			_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(struct{ io.Reader }{c}, size), in)
			done <- err
		}()
		for left := size; left > 0; left -= len(out) {
			if _, err := c.Write(out); err != nil {
				b.Fatal(err)
			}
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPingPong is one 100-byte line in and out again.
func BenchmarkPingPong(b *testing.B) {
	t := newBench(b)
	t.s.Output().SetWindow(4 << 20)
	raw := t.raw()
	go echoFast(raw)
	pingPong(b, t.ctx, t.s)
}

func pingPong(b *testing.B, ctx context.Context, s *runner.Session) {
	line := make([]byte, 100)
	total := uint64(0)
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		if _, err := s.Input().Write(ctx, line); err != nil {
			b.Fatal(err)
		}
		total += 100
		take(b, s, total)
		took = append(took, time.Since(start))
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
}

// BenchmarkSmallWrites sends 100 bytes at a time to a peer that only reads.
func BenchmarkSmallWrites(b *testing.B) {
	t := newBench(b)
	raw := t.raw()
	go func() {
		for acked := uint64(0); ; {
			h, err := raw.Frames.Next()
			if err != nil {
				return
			}
			if end := h.Number + uint64(h.Length); h.Type == runner.FrameData && end-acked > 1<<20 {
				acked = end
				// The payload is not read yet, but it is in the socket.
				raw.Window(acked, acked+4<<20)
			}
		}
	}()
	line := make([]byte, 100)
	b.SetBytes(100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.s.Input().Write(context.Background(), line); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSmallFrames takes in output that comes in frames of 100 bytes.
func BenchmarkSmallFrames(b *testing.B) {
	t := newBench(b)
	raw := t.raw()
	t.s.Output().SetWindow(4 << 20)
	const each = 500
	total := uint64(0)
	b.SetBytes(each * 100)
	go func() {
		for {
			if _, _, err := raw.Next(); err != nil {
				return
			}
		}
	}()
	p := make([]byte, each*(runner.HeaderSize+100))
	for b.Loop() {
		for i := range uint64(each) {
			h := runner.Header{Type: runner.FrameData, Stream: runner.StreamOutput, Length: 100, Number: total + i*100}
			h.Append(p[i*(runner.HeaderSize+100):][:0])
		}
		if _, err := raw.Conn.Write(p); err != nil {
			b.Fatal(err)
		}
		total += each * 100
		take(b, t.s, total)
	}
}

// BenchmarkIdleSession reports what a connected Session holds that does nothing.
func BenchmarkIdleSession(b *testing.B) {
	l := listen(b)
	const sessions = 200
	for b.Loop() {
		memory := func() (m runtime.MemStats) {
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m
		}
		before := memory()
		goroutines := runtime.NumGoroutine()
		all := make([]*runner.Session, sessions)
		conns := make([]net.Conn, sessions)
		for i := range all {
			key := runner.NewKey()
			all[i] = runner.NewSession(runner.SessionConfig{Key: key})
			l.Expect(all[i])
			raw, err := runnertest.DialRaw(l.Path(), runner.Hello{Key: key})
			if err != nil {
				b.Fatal(err)
			}
			raw.Frames.Release()
			conns[i] = raw.Conn
			<-all[i].Connected()
		}
		after := memory()
		heap := float64(after.HeapAlloc-before.HeapAlloc) / sessions
		stack := float64(after.StackInuse-before.StackInuse) / sessions
		b.ReportMetric(heap, "heap-B/session")
		b.ReportMetric(stack, "stack-B/session")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/sessions, "goroutines/session")
		for i, s := range all {
			conns[i].Close()
			s.Close()
			l.Forget(s)
		}
	}
}

// benchPrograms runs bench with each real runner and a program that passes on
// what it is given.
func benchPrograms(b *testing.B, bench func(b *testing.B, p *process, s *runner.Session)) {
	for _, l := range languages() {
		b.Run(l.name, func(b *testing.B) {
			p, start := newProcess(b, l, passThrough.in(l))
			s, end := p.hub(false)
			p.spawn()
			b.Cleanup(func() { end(false) })
			s.Output().SetWindow(4 << 20)
			go receiveAll(p.ctx, s)
			p.ok(s.Send(p.ctx, "start", start))
			p.ok(s.Send(p.ctx, "input", map[string]string{"contentType": "application/octet-stream"}))
			bench(b, p, s)
		})
	}
}

// BenchmarkProgram256MB has bytes go through a program.
func BenchmarkProgram256MB(b *testing.B) {
	benchPrograms(b, func(b *testing.B, p *process, s *runner.Session) {
		const size = 256 << 20
		b.SetBytes(size)
		src := make([]byte, 256<<10)
		total := uint64(0)
		for b.Loop() {
			total += size
			done := make(chan struct{})
			go func() {
				defer close(done)
				take(b, s, total)
			}()
			if _, err := s.Input().ReadFrom(p.ctx, &endless{size, src}); err != nil {
				b.Fatal(err)
			}
			<-done
		}
	})
}

// BenchmarkProgramPingPong is one 100-byte line through a program.
func BenchmarkProgramPingPong(b *testing.B) {
	benchPrograms(b, func(b *testing.B, p *process, s *runner.Session) { pingPong(b, p.ctx, s) })
}
