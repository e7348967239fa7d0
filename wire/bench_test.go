package wire_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"waverider/auth"
	"waverider/wire"
)

// chunks writes b.N pieces of 64 KiB as an Instance's output is written.
func chunks(b *testing.B, w http.ResponseWriter) error {
	piece := make([]byte, 64<<10)
	rc := http.NewResponseController(w)
	for range b.N {
		if _, err := w.Write(piece); err != nil {
			return err
		}
		if err := rc.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkStream is a stream out of this server, BenchmarkStreamPlain the same
// out of the standard one: the limit.
func BenchmarkStream(b *testing.B) {
	m := wire.NewMux(nil)
	m.Handle("GET /api/v1/stream", auth.Read, func(w http.ResponseWriter, r *http.Request) error {
		if _, err := wire.StreamOut(w, r, "application/octet-stream"); err != nil {
			return err
		}
		return chunks(b, w)
	})
	l, err := wire.Listen(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	h := m.Serve(wire.Access{Gate: &auth.Gate{Open: true}, Guard: &wire.Guard{Listen: l.Addr()}})
	srv := &wire.Server{Handler: h, Log: discard(io.Discard), Grace: time.Second}
	drain(b, l, func() { _ = srv.Run(b.Context(), l) })
}

func BenchmarkStreamPlain(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = chunks(b, w) })}
	drain(b, l, func() { _ = srv.Serve(l) })
	_ = srv.Close()
}

func drain(b *testing.B, l net.Listener, serve func()) {
	go serve()
	b.SetBytes(64 << 10)
	b.ResetTimer()
	resp, err := http.Get("http://" + l.Addr().String() + "/api/v1/stream")
	if err != nil {
		b.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(b.N)*64<<10 {
		b.Fatalf("%d bytes, %v", n, err)
	}
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
}

// BenchmarkRequest is one small request, with everything a route has on it.
func BenchmarkRequest(b *testing.B) {
	m := wire.NewMux(nil)
	routes(m)
	h := m.Serve(wire.Access{Gate: &auth.Gate{Open: true}})
	request(b, h, "/api/v1/instance/6f1c/stdout")
}

func BenchmarkRequestPlain(b *testing.B) {
	m := http.NewServeMux()
	m.HandleFunc("GET /api/v1/instance/{id}/stdout", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Pattern) })
	request(b, m, "/api/v1/instance/6f1c/stdout")
}

// nowhere is a ResponseWriter that drops all.
type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header         { return n.h }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}

func request(b *testing.B, h http.Handler, path string) {
	r, err := http.NewRequest("GET", "http://localhost"+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	w := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
