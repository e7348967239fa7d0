package space_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider/auth"
	"waverider/internal/rawlink"
	"waverider/internal/testbin"
	"waverider/internal/testhub"
	"waverider/internal/testspace"
	"waverider/link"
)

// memoryMost is what a Space may take while one Hub does its worst.
const memoryMost = 700 << 20

// TestHostileHubs lets Hubs that have joined do their worst to a Space in a
// process of its own: it stays small, other Hubs are served, and those who break
// the rules are cut and told of.
func TestHostileHubs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	s, err := testspace.Open(t.Context(), testhub.Options{Binary: testbin.Path(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bystander{t: t, space: s}
	b.join()
	for _, attack := range []struct {
		name   string
		run    func(t *testing.T, h *hostile)
		breach string // in the audit; "" where the Hub only wastes its own time
	}{
		{"streams without a kind", streamsWithoutKind, ""},
		{"streams that are opened and reset", streamsReset, ""},
		{"pings and nothing is read", pings, "more answers than it takes"},
		{"more than a window takes, in one line", overWindow, "receive window exceeded|more than 1048576 bytes"},
		{"streams of Topics with nothing in them", emptyTopics, ""},
		{"streams of Topics that are garbage", garbageTopics, "line"},
		{"calls that nobody reads the answers of", calls, ""},
		{"answers without end", endlessAnswers, ""},
		{"heads without end", endlessHeads, ""},
		{"frames that are none", noFrames, "invalid protocol version"},
	} {
		t.Run(attack.name, func(t *testing.T) {
			h := newHostile(t, s)
			watch := b.watch(t)
			attack.run(t, h)
			watch()
			if attack.breach != "" {
				h.reported(t, attack.breach)
			}
		})
	}
}

// hostile is a Hub that is in.
type hostile struct {
	*rawlink.Conn
	space *testspace.Space
	key   *auth.Key
}

func newHostile(t *testing.T, s *testspace.Space) *hostile {
	t.Helper()
	text, err := s.Token(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := link.ParseJoinToken(text)
	if err != nil {
		t.Fatal(err)
	}
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	c, r, err := rawlink.Enter(t.Context(), s.URL(), key, map[string]any{"join": token.Answer()})
	if err != nil || r.Welcome == nil {
		t.Fatal(r, err)
	}
	t.Cleanup(func() { _ = c.WS.Close() })
	return &hostile{c, s, key}
}

func (h *hostile) id() string { return h.key.ID() }

// reported waits until the Space tells what was wrong.
func (h *hostile) reported(t *testing.T, what string) {
	t.Helper()
	var audit string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		audit = h.audit(t)
		for line := range strings.Lines(audit) {
			if strings.Contains(line, `"breach"`) && strings.Contains(line, h.id()) && regexp.MustCompile(what).MatchString(line) {
				return
			}
		}
	}
	t.Errorf("the audit tells no breach with %q:\n%s", what, audit[max(0, len(audit)-2000):])
}

func (h *hostile) audit(t *testing.T) string {
	text, err := h.space.Do(t.Context(), http.MethodGet, "/audit?follow=false", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// flood writes for some seconds, or until it is cut.
func (h *hostile) flood(make func(i int) []byte) {
	w := h.Bytes()
	defer time.AfterFunc(3*time.Second, func() { _ = h.Net.Close() }).Stop()
	for i := 0; ; i++ {
		if _, err := w.Write(make(i)); err != nil {
			return
		}
	}
}

func (h *hostile) discard() {
	go func() { _, _ = io.Copy(io.Discard, h.Bytes()) }()
}

func streamsWithoutKind(_ *testing.T, h *hostile) {
	h.discard()
	h.flood(func(i int) []byte { return rawlink.Frame(1, 1, uint32(2*i+1), 0, nil) })
}

func streamsReset(_ *testing.T, h *hostile) {
	h.discard()
	h.flood(func(i int) []byte {
		id := uint32(2*i + 1)
		return append(rawlink.Frame(0, 1, id, 1, []byte("H")), rawlink.Frame(1, 8, id, 0, nil)...)
	})
}

func pings(_ *testing.T, h *hostile) {
	many := bytes.Repeat(rawlink.Frame(2, 1, 0, 7, nil), 4000)
	w := h.Bytes()
	for { // it is cut
		if _, err := w.Write(many); err != nil {
			return
		}
	}
}

func overWindow(_ *testing.T, h *hostile) {
	h.discard()
	part := rawlink.Frame(0, 0, 1, 32<<10, bytes.Repeat([]byte("x"), 32<<10))
	h.flood(func(i int) []byte {
		if i == 0 {
			return rawlink.Frame(0, 1, 1, 1, []byte("C"))
		}
		return part
	})
}

func emptyTopics(_ *testing.T, h *hostile) {
	h.discard()
	h.flood(func(i int) []byte { return rawlink.Frame(0, 1, uint32(2*i+1), 1, []byte("T")) })
}

func garbageTopics(_ *testing.T, h *hostile) {
	h.discard()
	rest := bytes.Repeat([]byte("garbage\n\x00\xff"), 3000)
	h.flood(func(i int) []byte {
		hello := fmt.Sprintf(`T{"topic":"junk-%d","contentType":"text/plain","config":{},"epoch":1,"next":1,"oldest":1,"max":1000000}`+"\n", i%50)
		body := append([]byte(hello), rest...)
		return rawlink.Frame(0, 1, uint32(2*i+1), uint32(len(body)), body)
	})
}

func calls(_ *testing.T, h *hostile) {
	call := []byte("HGET /api/v1/list HTTP/1.1\r\nHost: x\r\n\r\n")
	for range 100 {
		call = append(call, "GET /api/v1/list HTTP/1.1\r\nHost: x\r\n\r\n"...)
	}
	h.flood(func(i int) []byte { return rawlink.Frame(0, 1, uint32(2*i+1), uint32(len(call)), call) })
}

// answering serves what the Space asks, until the test ends.
func (h *hostile) answering(t *testing.T, serve func(c net.Conn)) {
	mux, err := h.Session()
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := mux.AcceptStream()
			if err != nil {
				return
			}
			group.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() { _ = mux.Close(); group.Wait() })
}

// callers ask the Hub, and read nothing of what it answers.
func (h *hostile) callers(t *testing.T, n int) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			out, err := h.space.Get(ctx, "/sth/"+h.id()+"/api/v1/version")
			if err == nil {
				<-ctx.Done()
				_ = out.Close()
			}
		})
	}
	group.Wait()
}

func endlessAnswers(t *testing.T, h *hostile) {
	block := make([]byte, 64<<10)
	h.answering(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
	h.callers(t, 20)
}

func endlessHeads(t *testing.T, h *hostile) {
	line := "X-" + strings.Repeat("x", 60000) + ": y\r\n"
	h.answering(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		for {
			if _, err := io.WriteString(c, line); err != nil {
				return
			}
		}
	})
	h.callers(t, 20)
}

func noFrames(_ *testing.T, h *hostile) {
	h.discard()
	h.flood(func(int) []byte { return bytes.Repeat([]byte{1, 2, 3, 4}, 1000) })
}

// bystander is a good Hub of the same Space.
type bystander struct {
	t     *testing.T
	space *testspace.Space
	key   *auth.Key
}

func (b *bystander) join() {
	text, err := b.space.Token(b.t.Context(), "good")
	if err != nil {
		b.t.Fatal(err)
	}
	token, err := link.ParseJoinToken(text)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.key, err = auth.NewKey(); err != nil {
		b.t.Fatal(err)
	}
	d := &link.Dialer{URL: b.space.URL(), Space: token.Space, Key: b.key, Trust: link.Trust{Pin: token.Pin}}
	l, err := d.Dial(b.t.Context(), func(string) link.Hello { return link.Hello{Join: token.Answer()} })
	if err != nil {
		b.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode("good") })}
	done := make(chan error, 1)
	go func() {
		done <- l.Run(context.Background(), link.Handlers{Serve: func(in net.Listener) { _ = server.Serve(in) }})
	}()
	b.t.Cleanup(func() {
		if l.Context().Err() != nil {
			b.t.Errorf("the good Hub was cut: %v", context.Cause(l.Context()))
		}
		l.Close(nil)
		_ = server.Close()
		<-done
	})
}

// watch calls the good Hub and looks at the memory of the Space until the answer
// is called.
func (b *bystander) watch(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var most int64
	var slowest time.Duration
	calls := 0
	group.Go(func() {
		for ctx.Err() == nil {
			began := time.Now()
			var got string
			if err := b.space.JSON(ctx, http.MethodGet, "/sth/good/api/v1/version", nil, &got); err != nil && ctx.Err() == nil || err == nil && got != "good" {
				t.Errorf("the good Hub: %q %v", got, err)
				return
			}
			calls++
			slowest = max(slowest, time.Since(began))
			if n, err := testhub.RSS(b.space.PID()); err == nil {
				most = max(most, n)
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		group.Wait()
		t.Logf("at most %d MB; %d calls of another, %v at most", most>>20, calls, slowest.Round(time.Millisecond))
		if most > memoryMost {
			t.Errorf("the Space took %d MB", most>>20)
		}
		if slowest > 5*time.Second {
			t.Errorf("a call to the good Hub took %v", slowest)
		}
	}
}
