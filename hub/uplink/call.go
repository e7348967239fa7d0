package uplink

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"waverider"
	"waverider/link"
	"waverider/wire"
)

// caller hands calls on to the Space, over one session.
type caller struct {
	transport *http.Transport
	reverse   *httputil.ReverseProxy
}

// Sizes and times of calls to the Space.
const (
	callIdle     = 8
	callIdleTime = 15 * time.Second
	callHeader   = 128 << 10 // of an answer
)

// hung is a connection whose end the Space sees at once.
type hung struct{ *link.Stream }

func (c hung) Close() error { return c.Abort() }

func newCaller(s *link.Session) *caller {
	c := &caller{transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			st, err := s.Open(ctx, link.KindHTTP)
			if err != nil {
				return nil, err
			}
			return hung{st}, nil
		},
		MaxResponseHeaderBytes: callHeader, MaxIdleConns: callIdle, MaxIdleConnsPerHost: callIdle, IdleConnTimeout: callIdleTime, DisableCompression: true,
	}}
	c.reverse = &httputil.ReverseProxy{Rewrite: rewrite, Transport: c.transport, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) { callOf(r).err = err }}
	return c
}

// call is one on its way.
type call struct {
	path, rawPath string
	err           error
}

type callKey struct{}

func callOf(r *http.Request) *call { return r.Context().Value(callKey{}).(*call) }

// Call hands a call on to the Space: rest is the escaped path below its API. The
// Space knows this Hub, and no more of who asks.
func (u *Uplink) Call(w http.ResponseWriter, r *http.Request, rest string) error {
	u.mu.Lock()
	far, problem := u.caller, u.problem
	u.mu.Unlock()
	if far == nil {
		why := ""
		if problem != nil {
			why = fmt.Sprintf(" (%.300v)", problem)
		}
		return waverider.Errorf(waverider.Unavailable, "the Space cannot be reached now%s; the Hub works on without it, try again when it is back", why)
	}
	plain, err := url.PathUnescape(rest)
	if err != nil {
		return waverider.Errorf(waverider.NotFound, "there is no such path in the Space")
	}
	c := &call{path: wire.Base + "/" + plain, rawPath: wire.Base + "/" + rest}
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	far.reverse.ServeHTTP(w, r.WithContext(context.WithValue(ctx, callKey{}, c)))
	if c.err != nil && ctx.Err() == nil {
		return &waverider.Error{Kind: waverider.Unavailable, Message: "the connection to the Space ended before it answered; try again when it is back", Err: c.err}
	}
	return c.err
}

func rewrite(r *httputil.ProxyRequest) {
	c := callOf(r.In)
	to := *r.In.URL
	to.Scheme, to.Host, to.Path, to.RawPath = "http", "space", c.path, c.rawPath
	r.Out.URL, r.Out.Host = &to, "space"
	for name := range r.Out.Header {
		switch name {
		case "Authorization", "Connection", "Upgrade", "Cookie", "Origin", "Referer", "X-Mw-Billable":
			r.Out.Header.Del(name)
		}
		if strings.HasPrefix(name, "Sec-Fetch-") || strings.HasPrefix(name, "Access-Control-") {
			r.Out.Header.Del(name)
		}
	}
}
