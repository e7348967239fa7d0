package wire_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waverider/auth"
	"waverider/wire"
)

// run serves l until the test ends.
func run(t *testing.T, srv *wire.Server, l net.Listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("server: %v", err)
		}
	})
}

func TestTLSServerSpeaksHTTP1AndLetsGoOfSilentBodies(t *testing.T) {
	borrowed := httptest.NewTLSServer(nil) // for its certificate
	defer borrowed.Close()
	mux := wire.NewMux(discard(io.Discard))
	mux.Handle("POST /early", auth.Run, func(w http.ResponseWriter, r *http.Request) error {
		if r.ProtoMajor != 1 {
			return errors.New("not HTTP/1")
		}
		_, err := io.CopyN(io.Discard, r.Body, 3)
		if err != nil {
			return err
		}
		return wire.WriteJSON(w, 200, "done")
	})
	l, err := wire.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	run(t, &wire.Server{
		Handler: mux.Serve(wire.Access{Gate: &auth.Gate{Open: true}, Guard: &wire.Guard{Listen: l.Addr()}}),
		Log:     discard(io.Discard), TLS: &tls.Config{Certificates: borrowed.TLS.Certificates}, Grace: time.Second,
	}, l)

	cfg := borrowed.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	cfg.NextProtos = []string{"h2", "http/1.1"}
	cfg.ServerName = "example.com"
	c, err := tls.Dial("tcp", l.Addr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "POST /early HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	text, err := io.ReadAll(c)
	if err != nil || !strings.HasSuffix(string(text), "\"done\"\n") {
		t.Errorf("%q, %v", text, err)
	}
}

func TestInstancesCallThroughASocketOfTheirOwn(t *testing.T) {
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.Mint(auth.Claims{Subject: "i-1", Role: auth.RoleInstance})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "api.sock")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // what a killed Hub left
		t.Fatal(err)
	}
	l, err := wire.ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	mux := wire.NewMux(discard(io.Discard))
	mux.Handle("GET /api/v1/me", auth.Run, func(w http.ResponseWriter, r *http.Request) error {
		return wire.WriteJSON(w, 200, wire.IdentityOf(r).Instance())
	})
	gate := &auth.Gate{Key: key, Instances: true}
	run(t, &wire.Server{Handler: mux.Serve(wire.Access{Gate: gate}), Log: discard(io.Discard), Grace: time.Second}, l)

	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	for sent, want := range map[string]string{"": "401", token: "200 \"i-1\"\n"} {
		// The Host is anything: no web page reaches this socket.
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://scramjet-host/api/v1/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		if sent != "" {
			req.Header.Set("Authorization", "Bearer "+sent)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := fmt.Sprintf("%d %s", resp.StatusCode, text); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestSocketPathThatIsTooLongSaysSo(t *testing.T) {
	_, err := wire.ListenUnix("/tmp/" + strings.Repeat("x", 120))
	if err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Error(err)
	}
}
