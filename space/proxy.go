package space

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/link"
	"waverider/wire"
)

// proxy carries calls to the API of one Hub, over its session.
type proxy struct {
	session   *session
	transport *http.Transport
	reverse   *httputil.ReverseProxy

	mu     sync.Mutex
	tokens map[auth.Identity]string // what the Space vouches for, toward this Hub
}

// Sizes and times of the calls to Hubs.
const (
	copyBuffer = 64 << 10
	idleConns  = 32 // of one Hub
	idleTime   = 15 * time.Second
	maxTokens  = 1000
	maxHeader  = 128 << 10 // of an answer
)

var copyBuffers = bufferPool{sync.Pool{New: func() any { return new([copyBuffer]byte) }}}

type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) Get() []byte  { return p.pool.Get().(*[copyBuffer]byte)[:] }
func (p *bufferPool) Put(b []byte) { p.pool.Put((*[copyBuffer]byte)(b)) }

func newProxy(c *session) *proxy {
	p := &proxy{session: c, tokens: map[auth.Identity]string{}}
	p.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			st, err := c.Open(ctx, link.KindHTTP)
			if err != nil {
				return nil, err
			}
			return caller{st}, nil
		},
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    idleConns, MaxIdleConns: idleConns, IdleConnTimeout: idleTime, DisableCompression: true,
		ReadBufferSize: copyBuffer, WriteBufferSize: 4 << 10, ExpectContinueTimeout: 5 * time.Second,
	}
	p.reverse = &httputil.ReverseProxy{Rewrite: p.rewrite, ModifyResponse: fromHub, Transport: p.transport, FlushInterval: -1, BufferPool: &copyBuffers,
		ErrorHandler: p.failed, ErrorLog: log.New(io.Discard, "", 0)}
	return p
}

// caller is a connection whose end the Hub sees at once: what is on its way when
// it is closed is of no use any more.
type caller struct{ *link.Stream }

func (c caller) Close() error { return c.Abort() }

func (p *proxy) close() { p.transport.CloseIdleConnections() }

// call is one request on its way to a Hub.
type call struct {
	path, rawPath string // at the Hub
	token         string
	status        int // of the answer; 0: there was none
	err           error
}

type callKey struct{}

// serve carries one request, and says what the Hub answered: 0 when it did not.
// The Hub knows who asks, and decides by its own rules; the caller's own token
// stays here.
func (p *proxy) serve(w http.ResponseWriter, r *http.Request, rest string) (status int, err error) {
	plain, err := url.PathUnescape(rest)
	if err != nil {
		return 0, waverider.Errorf(waverider.NotFound, "there is no such path on the Hub")
	}
	token, err := p.token(wire.IdentityOf(r))
	if err != nil {
		return 0, err
	}
	c := &call{path: wire.Base + "/" + plain, rawPath: wire.Base + "/" + rest, token: token}
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(ctx, callKey{}, c)))
	return c.status, c.err
}

func (p *proxy) rewrite(r *httputil.ProxyRequest) {
	c := r.In.Context().Value(callKey{}).(*call)
	u := *r.In.URL
	u.Scheme, u.Host, u.Path, u.RawPath = "http", "hub", c.path, c.rawPath
	r.Out.URL = &u
	r.Out.Host = "hub"
	h := r.Out.Header
	// No route of a Hub speaks another protocol; one that offered to would hear
	// what the caller has for the Space.
	for _, name := range []string{"Connection", "Upgrade", "Cookie", "Origin", "Referer", "X-Mw-Billable"} {
		h.Del(name)
	}
	for name := range h {
		if strings.HasPrefix(name, "Sec-Fetch-") || strings.HasPrefix(name, "Access-Control-") {
			h.Del(name)
		}
	}
	h.Set("Authorization", "Bearer "+c.token)
}

// fromHub takes out of an answer what is for the Space to say. To a browser it is
// the Space that answers: what a Hub sends is no page of it.
func fromHub(r *http.Response) error {
	r.Request.Context().Value(callKey{}).(*call).status = r.StatusCode
	for name := range r.Header {
		switch {
		case strings.HasPrefix(name, "Access-Control-"), strings.HasPrefix(name, "Content-Security-Policy"), strings.HasPrefix(name, "Cross-Origin-"):
			r.Header.Del(name)
		}
	}
	for _, name := range []string{"Set-Cookie", "Strict-Transport-Security", "Clear-Site-Data", "Alt-Svc", "Service-Worker-Allowed", "Refresh", "Link", "Report-To", "Reporting-Endpoints", "Nel"} {
		r.Header.Del(name)
	}
	r.Header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	r.Header.Set("X-Content-Type-Options", "nosniff")
	return nil
}

// failed keeps why no answer came; serve returns it.
func (p *proxy) failed(_ http.ResponseWriter, r *http.Request, err error) {
	c := r.Context().Value(callKey{}).(*call)
	if r.Context().Err() != nil {
		c.err = r.Context().Err()
		return
	}
	c.err = &waverider.Error{Kind: waverider.Unavailable, Message: "the connection to the Hub ended before it answered; try again when it is back", Err: err}
}

// token tells the Hub who asks. It is good in one session only.
func (p *proxy) token(id auth.Identity) (string, error) {
	id.Token = ""
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, ok := p.tokens[id]; ok {
		return t, nil
	}
	if len(p.tokens) >= maxTokens {
		clear(p.tokens)
	}
	s := p.session
	t, err := s.member.space.cfg.Key.Mint(auth.Claims{Subject: id.Subject, Role: id.Role, Audience: link.Audience(s.member.id, s.ID)})
	if err == nil {
		p.tokens[id] = t
	}
	return t, err
}
