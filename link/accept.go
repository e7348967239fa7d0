package link

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"

	"waverider"
	"waverider/auth"
	"waverider/wire"
)

// Acceptor is the Space's end of Links to come.
type Acceptor struct {
	Key    *auth.Key
	Build  string
	TLSPin string // of the Space's own certificate; empty: it has none
	Log    *slog.Logger

	// Admit decides about a Hub. The Ticket in its answer is for the Hub's next
	// session. An Error of Kind Forbidden or Conflict makes the Hub try rarely.
	Admit func(ctx context.Context, a Applicant) (Welcome, error)
	// Serve is called with each session and runs it, until ctx ends at the latest.
	Serve func(ctx context.Context, s *Session, a Applicant) error

	mu      sync.Mutex
	running int           // sessions
	none    chan struct{} // closed when there are none any more; nil: Wait was not called
}

// Wait lets no more Hubs in, and returns when all sessions have ended.
func (a *Acceptor) Wait() {
	a.mu.Lock()
	if a.none == nil {
		a.none = make(chan struct{})
		if a.running == 0 {
			close(a.none)
		}
	}
	none := a.none
	a.mu.Unlock()
	<-none
}

// begin tells whether another session may run. It is over when end is called.
func (a *Acceptor) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.none != nil {
		return false
	}
	a.running++
	return true
}

func (a *Acceptor) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running--; a.running == 0 && a.none != nil {
		close(a.none)
	}
}

var upgrader = websocket.Upgrader{WriteBufferSize: messageSize, WriteBufferPool: &writeBuffers,
	CheckOrigin: func(*http.Request) bool { return true }}

// ServeHTTP takes a Hub in. Its session runs on when this has returned, so that
// nothing of the request is kept for it: until the server begins to stop.
func (a *Acceptor) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	version, err := versionOf(r.Header.Get(versionHeader))
	if err != nil {
		return err
	}
	challenge, err := base64.RawURLEncoding.DecodeString(r.Header.Get(challengeHeader))
	if err != nil || len(challenge) != challengeSize {
		return waverider.Errorf(waverider.Invalid, "header %s: want %d bytes in base64", challengeHeader, challengeSize)
	}
	below, bare := wire.ConnOf(r)
	if bare != nil {
		tune(bare)
	}
	if !a.begin() {
		return waverider.Errorf(waverider.Unavailable, "the Space is stopping")
	}
	taken := false
	defer func() {
		if !taken {
			a.end()
		}
	}()
	// A browser cannot set the headers above: an Origin is no danger here.
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil // Upgrade has answered
	}
	ws.SetReadLimit(helloMax)
	ctx := wire.Stopping(r)
	hello, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	s, who, err := a.greet(hello, socketOf(ws, below), version, challenge, r.RemoteAddr)
	if err != nil {
		a.Log.Debug("hub not taken", "hub", who.ID, "address", r.RemoteAddr, "err", err)
		_ = ws.Close()
		return nil
	}
	taken = true
	go func() {
		defer a.end()
		s.Close(a.Serve(ctx, s, who))
	}()
	return nil
}

func (a *Acceptor) greet(ctx context.Context, ws *socket, version int, challenge []byte, remote string) (*Session, Applicant, error) {
	who, hello, err := helloOfSpace(ctx, ws, a.Key, a.Build, version, challenge)
	if err != nil {
		return nil, who, err
	}
	who.Remote = remote
	who.Direct = a.TLSPin != "" && a.TLSPin == who.Hello.TLSPin
	w, err := a.Admit(ctx, who)
	if err != nil {
		if k := waverider.KindOf(err); k == waverider.Internal {
			a.Log.Error("hub not taken", "hub", who.ID, "err", err)
		}
		return nil, who, errors.Join(err, answer(ctx, ws, a.Key, hello, nil, err))
	}
	w.Session = rand.Text()
	if err := answer(ctx, ws, a.Key, hello, &w, nil); err != nil {
		return nil, who, err
	}
	s, err := newSession(ws, false, w, who.ID, who.Key, remote, a.Log)
	return s, who, err
}
