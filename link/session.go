package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-yamux/v5"

	"waverider/auth"
)

// Limits of a session. What a peer may make the other side hold lies in windows
// of streams, which grow only as they are read (see held).
const (
	maxStreams   = 20480
	windowFirst  = 1 << 20  // a far Topic should not take many round trips to come up to speed
	windowAtMost = 16 << 20 // of one stream
	sessionRead  = 512      // more is read past the buffer
)

// Session is one connection of a Hub and a Space.
type Session struct {
	ID      string
	Peer    string // id of the other side
	Key     auth.PublicKey
	Remote  string // address of the other side
	Welcome Welcome
	Began   time.Time

	log    *slog.Logger
	socket *socket
	shaper *shaper
	held   held
	mux    *yamux.Session
	hub    bool // this side is the Hub's
	remote net.Addr

	ctx     context.Context // ends with the session; its cause says why
	end     context.CancelCauseFunc
	tasks   sync.WaitGroup
	http    *listener
	serving sync.Once
	ctl     control
}

func newSession(ws *socket, hub bool, w Welcome, peer string, key auth.PublicKey, remote string, log *slog.Logger) (*Session, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Session{ID: w.Session, Peer: peer, Key: key, Remote: remote, Welcome: w, Began: time.Now(),
		log: log, socket: ws, hub: hub, remote: where(remote)}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	ws.ws.SetReadLimit(messageMax)
	most := heldMost
	if hub {
		most = 0 // it trusts its Space
	}
	s.held = held{most: most, streams: map[uint32]*heldStream{}}
	s.shaper = newShaper(s.socket, &s.held)
	s.http = newListener(s.remote)
	cfg := &yamux.Config{
		AcceptBacklog: 256, PingBacklog: 8, EnableKeepAlive: false, KeepAliveInterval: time.Minute,
		MeasureRTTInterval: 30 * time.Second, ConnectionWriteTimeout: time.Hour, // the shaper never makes it wait
		MaxIncomingStreams: maxStreams, InitialStreamWindowSize: windowFirst, MaxStreamWindowSize: windowAtMost,
		LogOutput: io.Discard, ReadBufSize: 0, MaxMessageSize: writeMax,
	}
	open := yamux.Server
	if hub {
		open = yamux.Client
	}
	var err error
	s.mux, err = open(&pipe{shaper: s.shaper, in: newIntake(s.socket, &s.held), local: where("here"), remote: s.remote}, cfg, s.held.span)
	if err != nil {
		return nil, errors.Join(err, s.shaper.Close())
	}
	return s, nil
}

// Handlers are what a side does with what the other one opens.
type Handlers struct {
	Topic   func(ctx context.Context, c *Stream) // the replication of a Topic; nil: none is taken
	Message func(m Message) error                // called one after the other; an error ends the session
	Serve   func(l net.Listener)                 // called when the first stream of kind HTTP comes, with all that come
}

// Run serves the session until it ends, and says why it did. Streams of kind
// HTTP come out of HTTP, if Serve is not there to take them.
func (s *Session) Run(ctx context.Context, h Handlers) error {
	stop := context.AfterFunc(ctx, func() { s.Close(context.Cause(ctx)) })
	defer stop()
	s.tasks.Go(func() { s.beat() })
	if s.hub {
		s.tasks.Go(func() {
			if err := s.openControl(); err != nil {
				s.Close(fmt.Errorf("open the control stream: %w", err))
				return
			}
			s.Close(s.listen(h))
		})
	}
	for {
		c, err := s.mux.AcceptStream()
		if err != nil {
			s.Close(fmt.Errorf("the connection ended: %w", sessionError(err)))
			break
		}
		s.tasks.Go(func() { s.dispatch(c, h) })
	}
	s.tasks.Wait()
	s.shaper.tasks.Wait()
	return context.Cause(s.ctx)
}

// dispatch hands a stream on by its kind.
func (s *Session) dispatch(c *yamux.Stream, h Handlers) {
	_ = c.SetReadDeadline(time.Now().Add(kindTimeout))
	var kind [1]byte
	if _, err := io.ReadFull(c, kind[:]); err != nil {
		_ = c.Reset()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	s.held.read(c.StreamID(), 1)
	switch k := Kind(kind[0]); {
	case k == KindHTTP:
		if h.Serve != nil {
			s.serving.Do(func() { s.tasks.Go(func() { h.Serve(s.http) }) })
		}
		s.http.put(s.stream(c, k))
	case k == KindTopic && h.Topic != nil:
		st := s.stream(c, k)
		defer st.Close()
		h.Topic(s.ctx, st)
	case k == kindControl && !s.hub && s.takeControl(c):
		s.Close(s.listen(h))
	default:
		_ = c.Reset() // of a later version, or not in its place
	}
}

// Open opens a stream of a kind.
func (s *Session) Open(ctx context.Context, kind Kind) (*Stream, error) {
	c, err := s.mux.OpenStream(ctx)
	if err != nil {
		return nil, streamError(err)
	}
	s.held.open(c.StreamID())
	st := s.stream(c, kind)
	if _, err := c.Write([]byte{byte(kind)}); err != nil {
		_ = st.Abort()
		return nil, streamError(err)
	}
	return st, nil
}

// HTTP is where the peer's requests come in. It ends with the session.
func (s *Session) HTTP() net.Listener { return s.http }

// Close ends the session and says why; the first who does is believed.
func (s *Session) Close(why error) {
	if why == nil {
		why = net.ErrClosed
	}
	s.end(why)
	_ = s.http.Close()
	_ = s.mux.Close()
	_ = s.shaper.Close()
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.ctx.Done() }

// Lost is closed when the connection has ended, also before Run.
func (s *Session) Lost() <-chan struct{} { return s.mux.CloseChan() }

// Context ends with the session.
func (s *Session) Context() context.Context { return s.ctx }

// Traffic is how many bytes came in and went out.
func (s *Session) Traffic() (in, out uint64) { return s.socket.in.Load(), s.socket.out.Load() }

// RTT is the round trip time as last measured, 0 before.
func (s *Session) RTT() time.Duration { return s.ctl.rtt() }

// Audience is for whom a Space signs who calls a Hub: only that Hub takes it, and
// only in the session it is for.
func Audience(hub, session string) string { return hub + "/" + session }

// where is an address that is known as text only.
type where string

func (where) Network() string  { return "link" }
func (w where) String() string { return string(w) }
