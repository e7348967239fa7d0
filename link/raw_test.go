package link_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"waverider/auth"
	"waverider/internal/rawlink"
	"waverider/link"

	"github.com/libp2p/go-yamux/v5"
)

func (s *space) url() string { return "https://" + s.addr }

func newKey(t testing.TB) *auth.Key {
	t.Helper()
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// raw is a Hub that is in, and does with its connection what a test wants.
func (s *space) raw(t testing.TB) (*rawlink.Conn, *link.Session) {
	t.Helper()
	c, r, err := rawlink.Enter(t.Context(), s.url(), newKey(t), nil)
	if err != nil || r.Welcome == nil {
		t.Fatalf("%+v %v", r, err)
	}
	t.Cleanup(func() { _ = c.WS.Close() })
	return c, <-s.sessions
}

// ended waits for the end of a session and answers its cause.
func ended(t testing.TB, s *link.Session) error {
	t.Helper()
	select {
	case <-s.Done():
		return context.Cause(s.Context())
	case <-time.After(20 * time.Second):
		t.Fatal("the session goes on")
		return nil
	}
}

func asBreach(err error) (b *link.Breach, ok bool) { return b, errors.As(err, &b) }

func wantBreach(t testing.TB, s *link.Session, what string) {
	t.Helper()
	err := ended(t, s)
	if b, ok := asBreach(err); !ok || !strings.Contains(b.What, what) {
		t.Fatalf("got %v, want a breach with %q", err, what)
	}
}

func TestWhatIsNoFrameIsABreach(t *testing.T) {
	for name, frame := range map[string][]byte{
		"version":          {7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"type":             rawlink.Frame(9, 0, 0, 0, nil),
		"duplicate stream": append(rawlink.Frame(1, 1, 1, 0, nil), rawlink.Frame(1, 1, 1, 0, nil)...),
		"both":             rawlink.Frame(1, 1, 2, 0, nil),
		"window":           append(rawlink.Frame(0, 1, 1, 300<<20, nil), 'T'),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpace(t, link.Handlers{})
			c, here := s.raw(t)
			if _, err := c.Bytes().Write(frame); err != nil {
				t.Fatal(err)
			}
			wantBreach(t, here, name)
		})
	}
}

func TestGarbageAfterTheHelloIsABreach(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	c, here := s.raw(t)
	if err := c.WS.WriteMessage(1, []byte("hello?")); err != nil {
		t.Fatal(err)
	}
	wantBreach(t, here, "text")
	c, here = s.raw(t)
	_ = c.WS.WriteMessage(2, make([]byte, 1<<20))
	wantBreach(t, here, "message of more than")
}

// firstStream is the first stream of a raw Hub, of which nothing was said yet.
func (s *space) firstStream(t *testing.T) (*yamux.Stream, *link.Session) {
	t.Helper()
	c, here := s.raw(t)
	mux, err := c.Session()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mux.Close() })
	first, err := mux.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return first, here
}

func TestALineWithoutEndIsABreach(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	control, here := s.firstStream(t)
	_, _ = control.Write([]byte("C"))
	line := []byte(strings.Repeat("x", 64<<10))
	for range 1 << 14 { // 1 GB
		if _, err := control.Write(line); err != nil {
			break
		}
	}
	wantBreach(t, here, "more than")
}

func TestWhatIsNoMessageIsABreach(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	control, here := s.firstStream(t)
	_, _ = control.Write([]byte("Cnothing\n"))
	wantBreach(t, here, "cannot be read")
}

// heap is what lives now.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A Hub that asks for answers and never reads any.
func TestAPeerThatAsksAndDoesNotReadIsCut(t *testing.T) {
	s, gates := gated(t, link.Handlers{})
	c, here := s.raw(t)
	g := <-gates
	g.shut() // as if the peer's window were full
	before := heap()
	pings := []byte{}
	for range 4000 {
		pings = append(pings, rawlink.Frame(2, 1, 0, 7, nil)...)
	}
	bytes := c.Bytes()
	for here.Context().Err() == nil {
		if _, err := bytes.Write(pings); err != nil {
			break
		}
	}
	wantBreach(t, here, "answers")
	if after := heap(); after > before+64<<20 {
		t.Errorf("%d MB are held", (after-before)>>20)
	}
}

// Windows full of what nobody reads, in frames of one byte.
func TestWhatNobodyReadsIsBounded(t *testing.T) {
	link.SetHeldMost(t, 8<<20)
	s := newSpace(t, link.Handlers{Topic: func(ctx context.Context, _ *link.Stream) { <-ctx.Done() }})
	c, here := s.raw(t)
	bytes := c.Bytes()
	before := heap()
	go func() { _, _ = io.Copy(io.Discard, bytes) }()
	for id := uint32(1); here.Context().Err() == nil; id += 2 {
		frames := rawlink.Frame(0, 1, id, 1, []byte("T"))
		for range 4000 {
			frames = append(frames, rawlink.Frame(0, 0, id, 1, []byte("x"))...)
		}
		if _, err := bytes.Write(frames); err != nil {
			break
		}
	}
	if err := ended(t, here); err == nil || !strings.Contains(err.Error(), "more came than is read") {
		t.Fatal(err)
	}
	if after := heap(); after > before+64<<20 {
		t.Errorf("%d MB are held", (after-before)>>20)
	}
}

// What was read, and what ended unread, counts no more.
func TestWhatIsReadCountsNoMore(t *testing.T) {
	link.SetHeldMost(t, 1<<20)
	s := newSpace(t, link.Handlers{Topic: func(_ context.Context, c *link.Stream) {
		first := make([]byte, 1)
		_, _ = io.ReadFull(c, first)
		if first[0] == 'r' {
			_, _ = io.Copy(io.Discard, c)
		}
	}})
	hub, here := s.join(t, link.Handlers{}, nil)
	for i := range 40 {
		c, err := hub.Open(t.Context(), link.KindTopic)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat("-", 100<<10)
		if i%2 == 0 {
			text = strings.Repeat("r", 100<<10)
		}
		_, _ = io.WriteString(c, text)
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
	if err := here.Context().Err(); err != nil {
		t.Fatal(context.Cause(here.Context()))
	}
	if n := link.HeldNow(here); n > 200<<10 {
		t.Errorf("%d bytes count", n)
	}
}

func TestCloseDoesNotWaitForAPeerThatReadsNothing(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	c, here := s.raw(t)
	mux := c.Net
	_ = mux // nobody reads it
	st, err := here.Open(t.Context(), link.KindTopic)
	if err != nil {
		t.Fatal(err)
	}
	var blocked = make(chan struct{})
	go func() {
		defer close(blocked)
		for {
			if _, err := st.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}()
	// The window of the stream ends its writing before the socket's buffers do.
	for range 200 {
		if _, err := here.Open(t.Context(), link.KindTopic); err != nil {
			break
		}
	}
	began := time.Now()
	here.Close(io.ErrClosedPipe)
	if took := time.Since(began); took > time.Second {
		t.Errorf("Close took %v", took)
	}
	<-blocked
}

func TestTheHelloIsChecked(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	admitted := make(chan link.Applicant, 10)
	s.admit = func(a link.Applicant) (link.Welcome, error) {
		admitted <- a
		return link.Welcome{Ticket: "1"}, nil
	}
	key, other := newKey(t), newKey(t)
	open := func() *rawlink.Conn {
		c, err := rawlink.Open(t.Context(), s.url(), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.WS.Close() })
		if _, _, err := c.Hear(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	elsewhere := open() // another session, whose letters are of no use here
	hello := func(change func(map[string]any)) map[string]any {
		h := rawlink.Hello(key)
		change(h)
		return h
	}
	same := func(map[string]any) {}
	for name, letter := range map[string]func(c *rawlink.Conn) rawlink.Letter{
		"forged id": func(c *rawlink.Conn) rawlink.Letter {
			return c.Sign(key, hello(func(h map[string]any) { h["hub"] = other.ID() }))
		},
		"other's key":     func(c *rawlink.Conn) rawlink.Letter { return c.Sign(key, rawlink.Hello(other)) },
		"wrong signature": func(c *rawlink.Conn) rawlink.Letter { l := c.Sign(key, hello(same)); l.Sign[3]++; return l },
		"no signature":    func(c *rawlink.Conn) rawlink.Letter { l := c.Sign(key, hello(same)); l.Sign = nil; return l },
		"replayed":        func(*rawlink.Conn) rawlink.Letter { return elsewhere.Sign(key, hello(same)) },
		"changed": func(c *rawlink.Conn) rawlink.Letter {
			l := c.Sign(key, hello(same))
			l.Body = append(l.Body[:len(l.Body)-1], `,"name":"x"}`...)
			return l
		},
		"no key": func(c *rawlink.Conn) rawlink.Letter {
			return c.Sign(key, hello(func(h map[string]any) { h["key"] = "" }))
		},
		"null":   func(*rawlink.Conn) rawlink.Letter { return rawlink.Letter{Body: json.RawMessage("null")} },
		"a list": func(*rawlink.Conn) rawlink.Letter { return rawlink.Letter{Body: json.RawMessage("[1]")} },
		"huge": func(c *rawlink.Conn) rawlink.Letter {
			return c.Sign(key, hello(func(h map[string]any) { h["name"] = strings.Repeat("x", 100<<10) }))
		},
	} {
		if r, err := open().Say(letter(open())); err == nil && r.Welcome != nil {
			t.Errorf("%s: was taken", name)
		}
		c := open()
		if r, err := c.Say(letter(c)); err == nil && r.Welcome != nil {
			t.Errorf("%s: was taken", name)
		}
	}
	if len(admitted) > 0 {
		t.Errorf("was asked to admit %+v", <-admitted)
	}
	c := open()
	if r, err := c.Say(c.Sign(key, hello(same))); err != nil || r.Welcome == nil {
		t.Errorf("%+v %v", r, err)
	}
	if a := <-admitted; a.ID != key.ID() || a.Direct {
		t.Errorf("%+v", a)
	}
	<-s.sessions
}

func TestTheSpaceProvesWhoItIsForThisDialOnly(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	c, err := rawlink.Open(t.Context(), s.url(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.WS.Close()
	_, l, err := c.Hear()
	if err != nil {
		t.Fatal(err)
	}
	if !s.key.PublicKey().Signed(l.Sign, "waverider link space 1", c.Challenge, l.Body) {
		t.Error("what the Space says is not signed with this side's challenge")
	}
}

func TestVersionsAreNegotiated(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	for header, want := range map[string]string{
		"1-1": "", "1-2": "", "1-99": "",
		"2-3": "too new", "0-1": "400", "": "", "x": "400", "1": "400", "2-1": "400", "-1-1": "400", "1-1-1": "400",
		strings.Repeat("9", 400) + "-1": "400",
	} {
		c, err := rawlink.Open(t.Context(), s.url(), header)
		if err == nil {
			said, _, err2 := c.Hear()
			if err2 != nil || said.Version != link.Version {
				t.Errorf("%q: %+v %v", header, said, err2)
			}
			_ = c.WS.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", header, err)
		}
	}
}

func TestWhoSaysNothingAfterTheWebsocketIsCut(t *testing.T) {
	link.SetHelloTimeout(t, 200*time.Millisecond)
	s := newSpace(t, link.Handlers{})
	c, err := rawlink.Open(t.Context(), s.url(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.WS.Close()
	if _, _, err := c.Hear(); err != nil {
		t.Fatal(err)
	}
	_ = c.Net.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, _, err := c.WS.ReadMessage(); err == nil || isTimeout(err) {
		t.Errorf("got %v", err)
	}
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

// What is small overtakes what is large, but for what the socket has already.
func TestACallDoesNotWaitBehindBulk(t *testing.T) {
	link.SetBeats(t, time.Minute, time.Minute) // this Hub is silent
	s, gates := gated(t, link.Handlers{})
	c, here := s.raw(t)
	g := <-gates
	bulk, err := here.Open(t.Context(), link.KindTopic)
	if err != nil {
		t.Fatal(err)
	}
	call, err := here.Open(t.Context(), link.KindHTTP)
	if err != nil {
		t.Fatal(err)
	}
	bytes := c.Bytes()
	next := func() string { // data of a frame
		head := make([]byte, 12)
		for {
			if _, err := io.ReadFull(bytes, head); err != nil {
				t.Fatal(err)
			}
			if head[1] == 0 {
				data := make([]byte, binary.BigEndian.Uint32(head[8:]))
				if _, err := io.ReadFull(bytes, data); err != nil {
					t.Fatal(err)
				}
				return string(data)
			}
		}
	}
	next()
	next() // the kinds of both
	g.shut()
	full := make(chan struct{})
	go func() {
		defer close(full)
		_, _ = bulk.Write(make([]byte, 240<<10))
	}()
	for (link.Waiting(here) < 128<<10 || g.held.Load() == 0) && here.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if _, err := call.Write([]byte("call")); err != nil {
		t.Fatal(err)
	}
	for !link.Urgent(here) && here.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	g.open()
	before := 0
	for data := next(); data != "call"; data = next() {
		before += len(data)
	}
	if before > 80<<10 {
		t.Errorf("%d bytes of bulk came before the call", before)
	}
	here.Close(nil)
	<-full
}
