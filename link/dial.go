package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"waverider/auth"
	"waverider/wire"
)

// Times of a dial. An attempt whose first packet was lost waits for the system
// to send it again, ever more rarely: so another is begun beside it while none
// has got an answer.
const (
	attemptAtOnce = 8
	attemptTime   = 20 * time.Second // all of one, also on a line with seconds of delay
	connectTime   = 8 * time.Second
)

var attemptEvery = time.Second

// Dialer is a Hub's end of Links to come.
type Dialer struct {
	URL   string // of the Space: https://host:port, with or without a path
	Space string // id of the Space
	Key   *auth.Key
	Trust Trust
	Log   *slog.Logger
	Proxy func(*http.Request) (*url.URL, error) // nil: as the environment says
}

// Dial makes one session. hello gets the pin of the certificate that was seen,
// and is called once.
func (d *Dialer) Dial(ctx context.Context, hello func(pin string) Hello) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	won, err := d.race(ctx)
	if err != nil {
		return nil, d.explain(err)
	}
	greeting, done := context.WithTimeout(ctx, helloTimeout)
	defer done()
	h := hello(won.pin)
	h.TLSPin = won.pin
	w, key, err := helloOfHub(greeting, won.socket, d.Key, d.Space, h, won.challenge)
	if err != nil {
		_ = won.socket.Close()
		return nil, d.explain(err)
	}
	return newSession(won.socket, true, w, d.Space, key, won.remote, d.Log)
}

// attempt is a websocket that was opened, and how.
type attempt struct {
	socket    *socket
	challenge []byte
	pin       string
	remote    string
}

// race opens the websocket. While no attempt has reached the other side another
// one begins each second; the first that is through wins.
func (d *Dialer) race(ctx context.Context) (attempt, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		attempt
		err error
	}
	var wg sync.WaitGroup
	results := make(chan result)
	var last error
	begun, over := 0, 0
	reached := make(chan struct{}, attemptTime/attemptEvery+1)
	begin := func() {
		begun++
		wg.Go(func() {
			a, err := d.open(ctx, func() { reached <- struct{}{} })
			select {
			case results <- result{a, err}:
			case <-ctx.Done():
				if err == nil {
					_ = a.socket.Close()
				}
			}
		})
	}
	defer wg.Wait()
	defer cancel()
	begin()
	tick := time.NewTicker(attemptEvery)
	defer tick.Stop()
	more := tick.C
	for {
		select {
		case r := <-results:
			if r.err == nil {
				return r.attempt, nil
			}
			last = r.err
			if over++; over == begun {
				return attempt{}, r.err
			}
		case <-reached:
			more = nil // the way is there, and only slow
		case <-more:
			if begun-over < attemptAtOnce {
				begin()
			}
		case <-ctx.Done():
			return attempt{}, errors.Join(last, context.Cause(ctx))
		}
	}
}

// open makes one attempt.
func (d *Dialer) open(ctx context.Context, reached func()) (a attempt, err error) {
	target, err := d.target()
	if err != nil {
		return a, err
	}
	proxy := d.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	dialer := &net.Dialer{Timeout: connectTime, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second}}
	var below wire.Corked
	keep := func() bool { return true }
	ws := &websocket.Dialer{
		Proxy: proxy, HandshakeTimeout: attemptTime, WriteBufferSize: messageSize, WriteBufferPool: &writeBuffers, ReadBufferSize: 4 << 10,
		NetDialContext: func(dialing context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(dialing, network, addr)
			if err != nil {
				return nil, err
			}
			reached()
			a.remote = c.RemoteAddr().String()
			tune(c)
			keep = context.AfterFunc(ctx, func() { _ = c.Close() }) // the handshake does not look at ctx
			below = wire.Cork(c)
			return below, nil
		},
		TLSClientConfig: d.Trust.config(target.Hostname(), func(pin string) { a.pin = pin }),
	}
	target.Scheme = map[string]string{"https": "wss", "http": "ws"}[target.Scheme]
	a.challenge = newChallenge()
	conn, answer, err := ws.DialContext(ctx, target.String(), helloHeader(a.challenge))
	if err != nil {
		return a, refusedBy(answer, err)
	}
	if !keep() {
		return a, errors.Join(context.Cause(ctx), conn.Close())
	}
	conn.SetReadLimit(helloMax)
	a.socket = socketOf(conn, below)
	return a, nil
}

// target is the URL of the websocket.
func (d *Dialer) target() (*url.URL, error) {
	u, err := ParseURL(d.URL)
	if err != nil {
		return nil, err
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + Path
	return u, nil
}

// ParseURL reads the address of a Space: https://HOST[:PORT], or http:// where
// a closed network or a proxy sees to privacy.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("address of the Space %q: want https://HOST:PORT", text)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	u.Path = strings.TrimSuffix(u.Path, "/api/v1")
	return u, nil
}

// refusedBy says what an answer that is not a websocket means.
func refusedBy(answer *http.Response, err error) error {
	if answer == nil || answer.StatusCode == http.StatusSwitchingProtocols {
		return err
	}
	var body struct{ Error string }
	if answer.Body != nil {
		_ = decodeLimited(answer.Body, &body)
	}
	if body.Error != "" {
		return fmt.Errorf("the Space answers %s: %s", answer.Status, body.Error)
	}
	return fmt.Errorf("the Space answers %s: is there a Space at this address?", answer.Status)
}

// explain adds where.
func (d *Dialer) explain(err error) error {
	var r *Refused
	if errors.As(err, &r) {
		return err
	}
	return fmt.Errorf("reach Space at %s: %w", d.URL, err)
}
