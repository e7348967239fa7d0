package wire

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"waverider"
)

// Guard keeps web pages from driving a Hub through the browser of someone who
// can reach it: by a foreign Origin, or by a name of theirs that points here
// (DNS rebinding).
type Guard struct {
	Listen net.Addr // where the server really listens
	Hosts  []string // other names of this Hub: --host
	CORS   []string // origins of web pages that may call: --cors
	// AnyHost lets callers use whatever name leads here. It is for servers that
	// want a token of everyone: a page that has none gets nothing by a name.
	AnyHost bool
}

// check refuses what a browser was tricked into sending. It reports done when
// the request was a CORS preflight and is answered.
func (g *Guard) check(w http.ResponseWriter, r *http.Request) (done bool, err error) {
	if !g.AnyHost && !g.knownHost(r) {
		return false, waverider.Errorf(waverider.Forbidden,
			"this Hub does not answer to the name %q: start it with --host %s if it should", hostName(r.Host), hostName(r.Host))
	}
	origin := r.Header.Get("Origin")
	switch {
	case origin != "" && g.allowed(origin):
		return g.cors(w, r, origin), nil
	case origin != "" && !sameOrigin(origin, r.Host):
		return false, foreignPage(origin)
	case origin == "" && foreignFetch(r):
		return false, waverider.Errorf(waverider.Forbidden, "another web page may not call this Hub")
	}
	return false, nil
}

// knownHost reports whether the Host header names this Hub. An address cannot
// be rebound, so where the server listens on all, all addresses are good.
func (g *Guard) knownHost(r *http.Request) bool {
	name := hostName(r.Host)
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true // browsers always send a Host
	}
	if slices.ContainsFunc(g.Hosts, func(h string) bool { return strings.EqualFold(hostName(h), name) }) {
		return true
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	if addr.Unmap().IsLoopback() {
		return true
	}
	tcp, ok := g.Listen.(*net.TCPAddr)
	if !ok {
		return false
	}
	listen := tcp.AddrPort().Addr().Unmap().WithZone("")
	return listen.IsUnspecified() || listen == addr.Unmap().WithZone("")
}

// hostName is a Host header without its port, in lower case, without the
// brackets of an IPv6 address and the dot that may end a name.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// sameOrigin reports that a page came from the very address it calls. The
// scheme is not compared: a proxy in front may have taken the TLS off.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false // "null" too: a sandboxed or local page
	}
	if strings.EqualFold(u.Host, host) {
		return true
	}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return u.Port() == "" && strings.EqualFold(net.JoinHostPort(u.Hostname(), port), host)
}

// foreignFetch reports a request that a page of another site made without an
// Origin header, such as an image. A link into the dashboard is a visit, not
// a call; the API is not for visiting, reading there may move a cursor.
func foreignFetch(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if site != "cross-site" && site != "same-site" {
		return false
	}
	visit := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" &&
		r.Method == http.MethodGet && !underAPI(r.URL.Path)
	return !visit
}

func underAPI(path string) bool {
	return strings.HasPrefix(strings.ToLower(path), "/api/")
}

func (g *Guard) allowed(origin string) bool {
	return slices.ContainsFunc(g.CORS, func(o string) bool {
		return o == "*" || strings.EqualFold(strings.TrimSuffix(o, "/"), origin)
	})
}

// foreignPage says how to let a page in, where that can be done: there is no
// naming a local or sandboxed one.
func foreignPage(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return waverider.Errorf(waverider.Forbidden, "pages of %q may not call this Hub", origin)
	}
	return waverider.Errorf(waverider.Forbidden,
		"pages of %q may not call this Hub: start it with --cors %s if they should", origin, origin)
}

// cors lets a page of an allowed origin read the answer; a preflight is
// answered here.
func (g *Guard) cors(w http.ResponseWriter, r *http.Request, origin string) (done bool) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Expose-Headers", "Content-Type, "+OffsetHeader+", "+CursorHeader)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, X-End-Stream, X-Seq-Kill-Inst, "+OffsetHeader)
	h.Set("Access-Control-Max-Age", "600")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
