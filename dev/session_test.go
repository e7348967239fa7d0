package dev

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider"
	"waverider/client"
	"waverider/internal/testbin"
	"waverider/localhub"
)

const patience = 30 * time.Second

// screen keeps what is shown.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
	read    int // how far until has looked
}

func newScreen() *screen { return &screen{changed: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.text.Write(p)
	s.mu.Unlock()
	signal(s.changed)
	return len(p), nil
}

// until waits for a line with word behind what it has found before.
func (s *screen) until(t *testing.T, word string) {
	t.Helper()
	limit := time.After(patience)
	for {
		s.mu.Lock()
		text := s.text.String()
		at := strings.Index(text[s.read:], word)
		if at >= 0 {
			s.read += at + len(word)
		}
		s.mu.Unlock()
		if at >= 0 {
			return
		}
		select {
		case <-s.changed:
		case <-limit:
			t.Fatalf("%q never came:\n%s", word, text)
		}
	}
}

// write makes or replaces files of a folder, as an editor does: all at once.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name+"~", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+"~", name); err != nil {
			t.Fatal(err)
		}
	}
}

const manifest = `{"name":"mine","version":"1.0.0","type":"module","main":"index.js"}`

// waiting is a program that says something and waits for its end.
func waiting(word string) string {
	return `export default async function* () {
  const end = new Promise((go) => this.addStopHandler(go));
  const alive = setInterval(() => {}, 1000);
  yield ` + "`${'" + word + "'}`" + `;
  await end;
  clearInterval(alive);
}`
}

type rig struct {
	*screen
	hub   *client.Client
	dir   string
	leave func() error
}

// work starts a session on a Hub of its own.
func work(t *testing.T, files map[string]string, change func(*Config)) *rig {
	t.Helper()
	hub, err := localhub.Start(t.Context(), localhub.Config{Binary: testbin.WithNode(t)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: hub.URL()})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{screen: newScreen(), hub: c, dir: t.TempDir()}
	write(t, r.dir, files)
	cfg := Config{Dir: r.dir, Hub: c, Out: r.screen, Request: waverider.StartRequest{Restart: waverider.RestartNever}}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	left := sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	r.leave = left
	t.Cleanup(func() {
		if err := left(); err != nil {
			t.Errorf("end of the session: %v\n%s", err, &r.text)
		}
		c.Close()
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestChangesAreBroughtToTheHub(t *testing.T) {
	r := work(t, map[string]string{"package.json": manifest, "index.js": waiting("first")}, nil)
	r.until(t, "revision 1 of mine runs as")
	r.until(t, "output │ \"first\"")

	write(t, r.dir, map[string]string{"index.js": waiting("second")})
	r.until(t, "revision 2 of mine runs as")
	r.until(t, "\"second\"")

	list, err := r.hub.Instances(t.Context())
	if err != nil || len(list) != 1 || list[0].Revision != 2 || list[0].Status != waverider.StatusRunning {
		t.Errorf("Instances on the Hub: %+v, %v", list, err)
	}
	if err := r.leave(); err != nil {
		t.Fatal(err)
	}
	r.until(t, "taken off the Hub")
	sequences, err := r.hub.Sequences(t.Context())
	if err != nil || len(sequences) != 0 {
		t.Errorf("Sequences left: %+v, %v", sequences, err)
	}
	if list, err = r.hub.Instances(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("Instances left: %+v, %v", list, err)
	}
}

func TestFaultsAreShownAndEndNothing(t *testing.T) {
	r := work(t, map[string]string{"package.json": manifest, "index.js": "export default function ( {"}, nil)
	r.until(t, "syntax error: index.js:1")
	r.until(t, "waiting for a change")

	write(t, r.dir, map[string]string{"index.js": "import './lib/boom.js'; export default () => 1;", "lib/boom.js": "throw new Error('no sensor');"})
	r.until(t, "boom.js:1:")
	r.until(t, "no sensor")

	write(t, r.dir, map[string]string{"lib/boom.js": "", "index.js": waiting("well")})
	r.until(t, "\"well\"")

	write(t, r.dir, map[string]string{"package.json": `{"main": 7}`})
	r.until(t, "main: found the number 7")
	r.until(t, "runs on; waiting for a change")

	write(t, r.dir, map[string]string{"package.json": manifest, "index.js": "export default async function* () { yield 1; throw new Error('later'); }"})
	r.until(t, "the program has ended with exit code 23: later")
}

func TestSavedStateOutlivesAChange(t *testing.T) {
	code := func(word string) string {
		return "export default async function* () { const { runs = 0 } = (await this.load()) ?? {}; await this.save({ runs: runs + 1 });" +
			" yield `" + word + " ${runs}`; }"
	}
	r := work(t, map[string]string{"package.json": manifest, "index.js": code("first")}, nil)
	r.until(t, "output │ \"first 0\"")
	r.until(t, "the program has ended")
	write(t, r.dir, map[string]string{"index.js": "export default function ( {"})
	r.until(t, "syntax error")
	write(t, r.dir, map[string]string{"index.js": code("second")})
	r.until(t, "output │ \"second 1\"")
}

func TestFileIsFedToEachStart(t *testing.T) {
	input := filepath.Join(t.TempDir(), "in.ndjson")
	if err := os.WriteFile(input, []byte("{\"n\":20}\n{\"n\":21}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code := func(factor string) string {
		return "export default async function* (input) { for await (const { n } of input) yield n * " + factor + "; }"
	}
	r := work(t, map[string]string{"package.json": manifest, "index.js": code("2")}, func(c *Config) { c.Input.File = input })
	r.until(t, "output │ 42")
	r.until(t, "the program has ended")
	write(t, r.dir, map[string]string{"index.js": code("3")})
	r.until(t, "output │ 63")
}

func TestTypedLinesGoToWhoRuns(t *testing.T) {
	in, typed := io.Pipe()
	code := func(word string) string {
		return "export default async function* (input) { for await (const s of input) yield '" + word + " ' + s.trim(); }"
	}
	r := work(t, map[string]string{"package.json": manifest, "index.js": code("hello")}, func(c *Config) { c.Input = Input{File: "-", Live: in} })
	line := func(s string) {
		if _, err := io.WriteString(typed, s+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	line("you")
	r.until(t, "hello you")
	write(t, r.dir, map[string]string{"index.js": code("bye")})
	r.until(t, "revision 2")
	line("you")
	r.until(t, "bye you")
	if err := typed.Close(); err != nil {
		t.Fatal(err)
	}
	r.until(t, "the program has ended")
}

func TestFolderWithoutPackageIsRefused(t *testing.T) {
	err := Run(t.Context(), Config{Dir: t.TempDir(), Out: io.Discard})
	if waverider.KindOf(err) != waverider.NotFound || !strings.Contains(err.Error(), "waverider init") {
		t.Errorf("got %v", err)
	}
}
