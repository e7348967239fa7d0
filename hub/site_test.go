package hub_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider/auth"
	"waverider/hub"
	"waverider/wire"
)

// site is a Hub that answers over HTTP, on a fake machine. It can be closed
// and opened again on the same data dir.
type site struct {
	t    *testing.T
	dir  string
	cfg  hub.Config
	on   *machine
	hub  *hub.Hub
	url  string
	stop func() // ends server and Hub, leaves the programs running

	mu      sync.Mutex
	changed *sync.Cond
	serving int // requests under way
}

// count keeps the number of requests that are being served.
func (s *site) count(next http.Handler) http.Handler {
	add := func(n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.serving += n
		s.changed.Broadcast()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		add(1)
		defer add(-1)
		next.ServeHTTP(w, r)
	})
}

// quiet waits until the Hub serves no request.
func (s *site) quiet() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.serving > 0 {
		s.changed.Wait()
	}
}

// newSite opens a Hub until the test ends.
func newSite(t *testing.T, change ...func(*hub.Config)) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), on: newMachine(t), cfg: hub.Config{ID: "hub-1", Build: "test"}}
	s.changed = sync.NewCond(&s.mu)
	for _, f := range change {
		f(&s.cfg)
	}
	s.stop = func() {}
	t.Cleanup(func() { s.stop() })
	s.open()
	return s
}

func (s *site) open() {
	s.t.Helper()
	data, err := hub.OpenDataDir(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	s.stop = func() { _ = data.Close() }
	cfg := s.cfg
	cfg.DataDir, cfg.Runtime = data, s.on
	ctx, cancel := context.WithCancel(context.Background())
	h, err := hub.Open(ctx, cfg)
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	mux := wire.NewMux(slog.New(slog.DiscardHandler))
	h.Routes(mux)
	l, err := wire.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	srv := &wire.Server{Handler: s.count(mux.Serve(wire.Access{Gate: &auth.Gate{Open: true}})), Log: slog.New(slog.DiscardHandler)}
	var tasks sync.WaitGroup
	fail := func(what string, err error) {
		if err != nil {
			s.t.Errorf("%s: %v", what, err)
		}
	}
	tasks.Go(func() { fail("server", srv.Run(ctx, l)) })
	tasks.Go(func() { fail("hub", h.Run(ctx)) })
	s.hub, s.url = h, "http://"+l.Addr().String()+"/api/v1"
	s.stop = sync.OnceFunc(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		tasks.Wait()
		fail("close hub", h.Close(false, 0))
		fail("close data dir", data.Close())
	})
}

// reopen is a Hub that went and came back under its programs.
func (s *site) reopen() {
	s.t.Helper()
	s.stop()
	s.open()
}

// answer is a whole response.
type answer struct {
	status int
	header http.Header
	body   string
}

// into reads the body as JSON.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
}

// field is one top field of a JSON body, as text.
func (a answer) field(t *testing.T, name string) string {
	t.Helper()
	var all map[string]json.RawMessage
	a.into(t, &all)
	var text string
	if json.Unmarshal(all[name], &text) == nil {
		return text
	}
	return string(all[name])
}

// open sends a request and leaves the body to the caller, who need not close it.
func (s *site) stream(method, path string, body io.Reader, headers ...string) *http.Response {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cancel()
		_ = resp.Body.Close()
	})
	return resp
}

// call sends a request and reads the whole answer.
func (s *site) call(method, path, body string, headers ...string) answer {
	s.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	resp := s.stream(method, path, r, headers...)
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v after %q", method, path, err, text)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// want is call with the status it must have.
func (s *site) want(status int, method, path, body string, headers ...string) answer {
	s.t.Helper()
	a := s.call(method, path, body, headers...)
	if a.status != status {
		s.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

func (s *site) get(path string) answer {
	s.t.Helper()
	return s.want(http.StatusOK, "GET", path, "")
}

// pack is a package.
func pack(t *testing.T, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, name := range slices.Sorted(maps.Keys(files)) { // the same files are the same package
		body := files[name]
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// program is a package that runs what the machine has under main.
func (s *site) program(name, version, main string, fields ...string) string {
	s.t.Helper()
	manifest := map[string]any{"name": name, "version": version, "main": main}
	for i := 0; i+1 < len(fields); i += 2 {
		manifest[fields[i]] = json.RawMessage(fields[i+1])
	}
	data, err := json.Marshal(manifest)
	if err != nil {
		s.t.Fatal(err)
	}
	return pack(s.t, map[string]string{"package.json": string(data), main: "// " + version})
}

// upload adds a Sequence and answers its id.
func (s *site) upload(name, version, main string, fields ...string) string {
	s.t.Helper()
	a := s.want(http.StatusOK, "POST", "/sequence", s.program(name, version, main, fields...), "Content-Type", "application/octet-stream")
	return a.field(s.t, "id")
}

// start starts a Sequence and answers the Instance's id.
func (s *site) start(seq, body string) string {
	s.t.Helper()
	return s.want(http.StatusOK, "POST", "/sequence/"+seq+"/start", body, "Content-Type", "application/json").field(s.t, "id")
}

// run uploads a program and starts it.
func (s *site) run(main string, p program, body string) string {
	s.t.Helper()
	s.on.on(main, p)
	return s.start(s.upload("", "", main), body)
}

// info is the Instance object.
func (s *site) info(id string) (v struct {
	ID         string
	Status     string
	Terminated *struct {
		ExitCode int `json:"exitcode"`
		Reason   string
	}
	Error    string
	Revision int
	Restarts int
	Epoch    int
	Restart  string
	Args     json.RawMessage
	Input    struct {
		Offset      uint64
		ContentType string
		Ended       bool
	}
	Output struct {
		Offset      uint64
		ContentType string
	}
	Ended time.Time
}) {
	s.t.Helper()
	s.get("/instance/"+id).into(s.t, &v)
	return v
}

// ended waits until the Instance has ended: its stdout does then.
func (s *site) ended(id string) {
	s.t.Helper()
	s.get("/instance/" + id + "/stdout?from=end")
}
