package client_test

import (
	"context"
	"encoding/json"
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

	"waverider"
	"waverider/client"
)

// fake answers as a Hub would; each test has its own routes.
func fake(t *testing.T, routes map[string]http.HandlerFunc) *client.Client {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.HandleFunc(pattern, h)
	}
	srv := httptest.NewServer(mux)
	c, err := client.New(client.Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); srv.Close() })
	return c
}

func TestURLs(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "http://127.0.0.1:8000/api/v1",
		"http://10.0.0.7:8000":         "http://10.0.0.7:8000/api/v1",
		"http://10.0.0.7:8000/":        "http://10.0.0.7:8000/api/v1",
		"10.0.0.7:8000":                "http://10.0.0.7:8000/api/v1",
		"https://x.example/api/v1/":    "https://x.example/api/v1",
		"https://x.example/hub/api/v1": "https://x.example/hub/api/v1",
	} {
		c, err := client.New(client.Config{URL: text})
		if err != nil || c.URL() != want {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
	for _, text := range []string{"ftp://x", "http://", "http://user:secret@x", "http://x?a=1", "http://%zz", "http://[::1"} {
		if _, err := client.New(client.Config{URL: text}); err == nil || strings.Contains(err.Error(), "%!") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestIdsAreEscaped(t *testing.T) {
	c := fake(t, map[string]http.HandlerFunc{
		"GET /api/v1/sequence/{id}": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"id":%q}`, r.PathValue("id"))
		},
	})
	for _, id := range []string{"plain", "name@1.0", "a/b", "a b?c#d", "%2F", "ü"} {
		s, err := c.Sequence(t.Context(), id)
		if err != nil || string(s.ID) != id {
			t.Errorf("%q came as %q, %v", id, s.ID, err)
		}
	}
}

func TestErrorsComeBackAsTheyWere(t *testing.T) {
	c := fake(t, map[string]http.HandlerFunc{
		"GET /api/v1/sequence/x": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(409)
			fmt.Fprint(w, `{"error":"two have that name","kind":"conflict","candidates":["a","b"]}`)
		},
	})
	_, err := c.Sequence(t.Context(), "x")
	var e *waverider.Error
	if !errors.As(err, &e) || e.Kind != waverider.Conflict || e.Message != "two have that name" || len(e.Detail["candidates"].([]any)) != 2 {
		t.Errorf("%#v", err)
	}
	if _, err := c.Sequence(t.Context(), "y"); waverider.KindOf(err) != waverider.NotFound {
		t.Errorf("a plain 404: %v", err)
	}
}

func TestNobodyThereIsItsOwnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	c, err := client.New(client.Config{URL: addr})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Version(t.Context())
	var away *client.UnreachableError
	if !errors.As(err, &away) || !strings.Contains(err.Error(), "cannot reach the Hub at http://"+addr) || strings.Count(err.Error(), addr) != 2 {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Version(ctx); !errors.Is(err, context.Canceled) || errors.As(err, &away) {
		t.Errorf("given up: %v", err)
	}
}

func TestNoHubAtTheOtherEnd(t *testing.T) {
	c := fake(t, map[string]http.HandlerFunc{
		"GET /api/v1/version": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
	})
	if _, err := c.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "not what a Hub sends") {
		t.Errorf("%v", err)
	}
}

func TestTokenIsReadFromItsFile(t *testing.T) {
	got := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Authorization")
		fmt.Fprint(w, "{}")
	}))
	defer srv.Close()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("abc.def.ghi\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: srv.URL, TokenFile: path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sent := <-got; sent != "Bearer abc.def.ghi" {
		t.Errorf("sent %q", sent)
	}
	if _, err := client.New(client.Config{TokenFile: path + "x"}); err == nil {
		t.Error("a token file that is not there was no error")
	}
}

func TestUploadTellsItsSizeAndProgress(t *testing.T) {
	const size = 3 << 20
	c := fake(t, map[string]http.HandlerFunc{
		"POST /api/v1/sequence": func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			if n != size || r.ContentLength != size {
				http.Error(w, fmt.Sprintf("%d of %d", n, r.ContentLength), 400)
				return
			}
			fmt.Fprint(w, `{"id":"made"}`)
		},
	})
	var told []int64
	id, err := c.SendSequence(t.Context(), client.Package{Body: strings.NewReader(strings.Repeat("x", size)), Size: size,
		Progress: func(sent int64) { told = append(told, sent) }})
	if err != nil || id != "made" {
		t.Fatalf("%q, %v", id, err)
	}
	for i := 1; i < len(told); i++ {
		if told[i] < told[i-1] {
			t.Fatalf("progress went back: %v", told)
		}
	}
	if len(told) < 2 || told[len(told)-1] != size {
		t.Errorf("%d reports, the last %v", len(told), told[len(told)-1:])
	}
}

// endless is a body that must not be sent.
type endless struct{ t *testing.T }

func (e endless) Read(p []byte) (int, error) {
	e.t.Error("the package was read though the Hub had refused it")
	return len(p), nil
}

func TestRefusedUploadIsNotSent(t *testing.T) {
	c := fake(t, map[string]http.HandlerFunc{
		"PUT /api/v1/sequence/x": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			fmt.Fprint(w, `{"error":"Sequence x not found"}`)
		},
	})
	_, err := c.UpdateSequence(t.Context(), "x", client.Package{Body: endless{t}})
	if waverider.KindOf(err) != waverider.NotFound {
		t.Errorf("%v", err)
	}
}

func TestObjectsAreKeptWhole(t *testing.T) {
	const text = `{"id":"i","status":"running","later":{"field":[1,2]},"input":{"offset":5}}`
	c := fake(t, map[string]http.HandlerFunc{
		"GET /api/v1/instances": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "[%s]", text) },
	})
	list, err := c.Instances(t.Context())
	if err != nil || len(list) != 1 || list[0].Status != waverider.StatusRunning || list[0].Input.Offset != 5 {
		t.Fatalf("%+v, %v", list, err)
	}
	if out, err := json.Marshal(list[0]); err != nil || string(out) != text {
		t.Errorf("%s, %v", out, err)
	}
}

func TestInputIsDoneWhenTheHubHasItAll(t *testing.T) {
	var got strings.Builder
	c := fake(t, map[string]http.HandlerFunc{
		"POST /api/v1/instance/i/input": func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			_ = rc.EnableFullDuplex()
			fmt.Fprintf(&got, "%s %s:", r.Header.Get("Content-Type"), r.Header.Get("X-End-Stream"))
			w.WriteHeader(202) // before the body, as Scramjet does
			_ = rc.Flush()
			_, _ = io.Copy(&got, r.Body)
		},
		"POST /api/v1/instance/dead/input": func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			_ = rc.EnableFullDuplex()
			w.WriteHeader(202)
			_ = rc.Flush()
			_, _ = io.CopyN(io.Discard, r.Body, 10)
			_ = rc.SetReadDeadline(time.Unix(1, 0)) // the standard server waits for the body otherwise
			panic(http.ErrAbortHandler)
		},
	})
	body := strings.Repeat("line\n", 100_000)
	err := c.WriteInput(t.Context(), "i", io.MultiReader(strings.NewReader(body)), client.InputOptions{ContentType: "text/plain", KeepOpen: true})
	if err != nil || got.String() != "text/plain false:"+body {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	r, w := io.Pipe()
	go func() { _, _ = io.WriteString(w, "0123456789") }()
	err = c.WriteInput(t.Context(), "dead", r, client.InputOptions{})
	if waverider.KindOf(err) != waverider.Gone {
		t.Errorf("an Instance that dies: %v", err)
	}
	_ = w.Close()
}

func TestStreamEndsWithItsContextAndShowsACut(t *testing.T) {
	c := fake(t, map[string]http.HandlerFunc{
		"GET /api/v1/instance/i/log": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Waverider-Offset", "42")
			fmt.Fprintf(w, "%s\n", r.URL.RawQuery)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"GET /api/v1/instance/i/output": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	text, err := c.Read(ctx, "i", client.Log, client.ReadOptions{From: "start", Once: true})
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("follow=false&from=start\n"))
	if _, err := io.ReadFull(text, line); err != nil || string(line) != "follow=false&from=start\n" || text.Offset != 42 {
		t.Errorf("%q at %d, %v", line, text.Offset, err)
	}
	cancel()
	if _, err := io.ReadAll(text); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
	_ = text.Close()
	text, err = c.ReadOutput(t.Context(), "i", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	if got, err := io.ReadAll(text); string(got) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", got, err)
	}
}
