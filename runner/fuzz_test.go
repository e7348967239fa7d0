package runner_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"testing"

	"waverider/runner"
)

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
	f.Add(runner.Mark{Offset: 3, Exact: true}.Append(append(data.Append(nil), "abc"...)))
	f.Add(runner.Mark{N: 1}.Append(runner.Mark{N: 2}.Append(nil)))
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
		var last runner.Mark
		for at := 0; ; {
			c, marks, err := s.Output().NextMarked(t.Context())
			if err != nil {
				break
			}
			for _, m := range marks {
				if m.Offset > c.Offset+uint64(len(c.Data)) || m.Offset < last.Offset || m.Done != 0 || m.N < last.N {
					t.Fatalf("%+v behind %+v, output up to %d", m, last, c.Offset+uint64(len(c.Data)))
				}
				last = m
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
