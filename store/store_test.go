package store_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider"
	"waverider/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file is an entry of a test archive; a type of 0 is a regular file.
type file struct {
	name, body, target string
	typ                byte
	mode               int64
}

const manifest = `{"name":"demo","version":"1.0.0","main":"index.js"}`

func program(more ...file) []file {
	return append([]file{{name: "package.json", body: manifest}, {name: "index.js", body: "module.exports = 1"}}, more...)
}

func tarOf(t testing.TB, files []file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{
			Name: f.name, Typeflag: f.typ, Linkname: f.target, Mode: f.mode,
			Size: int64(len(f.body)), ModTime: time.Unix(0, 0),
		}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zip(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func archive(t testing.TB, files ...file) []byte { return zip(t, tarOf(t, files)) }

func open(t testing.TB, dir string, limits store.Limits) *store.Store {
	t.Helper()
	s, err := store.Open(dir, limits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s *store.Store, data []byte) store.Package {
	t.Helper()
	p, err := s.Put(t.Context(), bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func digestOf(data []byte) waverider.Digest {
	sum := sha256.Sum256(data)
	return waverider.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// nothingLeft fails when the store's folder holds more than the packages named.
func nothingLeft(t *testing.T, dir string, packages ...store.Package) {
	t.Helper()
	want := map[string]bool{"tmp": true}
	for _, p := range packages {
		want[filepath.Base(filepath.Dir(p.Dir))] = true
	}
	for _, sub := range []string{".", "tmp"} {
		found, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if sub == "tmp" || !want[f.Name()] {
				t.Errorf("left behind: %s/%s", sub, f.Name())
			}
		}
	}
}

func TestPutUnpacksWhatWasUploaded(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Limits{})
	data := archive(t, program(
		file{name: "lib/a/b.txt", body: "deep"},
		file{name: "bin/run", body: "#!/bin/sh", mode: 0o6755},
		file{name: "bin/go", typ: tar.TypeSymlink, target: "../bin/run"},
		file{name: "lib/same", typ: tar.TypeLink, target: "lib/a/b.txt"},
	)...)
	p := put(t, s, data)

	if p.Digest != digestOf(data) || p.Size != int64(len(data)) || p.Manifest.Name != "demo" {
		t.Errorf("package is %+v", p)
	}
	for name, want := range map[string]string{
		"index.js": "module.exports = 1", "lib/a/b.txt": "deep", "bin/go": "#!/bin/sh", "lib/same": "deep",
	} {
		if got := read(t, filepath.Join(p.Dir, name)); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	info, err := os.Stat(filepath.Join(p.Dir, "bin/run"))
	if err != nil || info.Mode() != 0o755 {
		t.Errorf("mode of an executable with setuid is %v, %v", info.Mode(), err)
	}
	if got, err := s.Get(p.Digest); err != nil || got.Dir != p.Dir {
		t.Errorf("get: %+v, %v", got, err)
	}
	back, err := s.Archive(p.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if kept, err := io.ReadAll(back); err != nil || !bytes.Equal(kept, data) {
		t.Errorf("the archive came back with %d bytes, %v", len(kept), err)
	}
	if err := s.Verify(p.Digest); err != nil {
		t.Error(err)
	}
	nothingLeft(t, dir, p)
}

func TestPutAcceptsTheArchivesToolsMake(t *testing.T) {
	for name, files := range map[string][]file{
		"dot slash":        {{name: "./", typ: tar.TypeDir, mode: 0o755}, {name: "./package.json", body: manifest}, {name: "./index.js"}},
		"npm pack":         {{name: "package/package.json", body: manifest}, {name: "package/index.js"}},
		"top folder entry": {{name: "x/", typ: tar.TypeDir, mode: 0o755}, {name: "x/package.json", body: manifest}, {name: "x/index.js"}},
		"folders twice":    append(program(), file{name: "a/", typ: tar.TypeDir}, file{name: "a", typ: tar.TypeDir}),
		"file then folder": append(program(), file{name: "a/f"}, file{name: "a/", typ: tar.TypeDir}),
		"link before file": append(program(), file{name: ".bin/x", typ: tar.TypeSymlink, target: "../x/cli.js"}, file{name: "x/cli.js"}),
		"npm pack link":    {{name: "p/a", typ: tar.TypeSymlink, target: "index.js"}, {name: "p/package.json", body: manifest}, {name: "p/index.js"}},
		"long pax name":    append(program(), file{name: strings.Repeat("long/", 50) + "é"}),
		"main without js":  {{name: "package.json", body: `{"main":"./lib/index"}`}, {name: "lib/index.js"}},
		"main is a link":   {{name: "package.json", body: `{"main":"a"}`}, {name: "a.js", typ: tar.TypeSymlink, target: "b.js"}, {name: "b.js"}},
		"python":           {{name: "package.json", body: `{"main":"main.py","engines":{"python3":"3.9.0"}}`}, {name: "main.py"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), store.Limits{})
			p := put(t, s, archive(t, files...))
			if _, err := os.Stat(filepath.Join(p.Dir, "package.json")); err != nil {
				t.Error(err)
			}
			if err := s.Verify(p.Digest); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSamePackageAgainAndAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Limits{})
	small := archive(t, program()...)
	large := archive(t, program(file{name: "noise", body: noise(1 << 20)})...)
	var wg sync.WaitGroup
	for range 8 {
		for _, data := range [][]byte{small, large} {
			wg.Go(func() {
				if p, err := s.Put(context.Background(), bytes.NewReader(data), nil); err != nil || p.Digest != digestOf(data) {
					t.Errorf("%+v, %v", p, err)
				}
			})
		}
	}
	wg.Wait()
	list := s.List()
	if len(list) != 2 {
		t.Fatalf("%d packages, want 2", len(list))
	}
	nothingLeft(t, dir, list...)
}

func TestPackagesOutliveTheStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Limits{})
	p := put(t, s, archive(t, program()...))
	if err := os.MkdirAll(filepath.Join(dir, "tmp/put-1/unpacked"), 0o755); err != nil { // what a crash leaves
		t.Fatal(err)
	}
	again := open(t, dir, store.Limits{})
	got, err := again.Get(p.Digest)
	if err != nil || got.Manifest.Main != "index.js" || got.Dir != p.Dir || got.Size != p.Size || got.Unpacked != p.Unpacked {
		t.Errorf("after open: %+v, %v", got, err)
	}
	nothingLeft(t, dir, p)
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Limits{Disk: 4000})
	data := archive(t, program(file{name: "fill", body: noise(1500)})...)
	for range 3 { // only fits when the one before gave its room back
		p := put(t, s, data)
		if err := s.Remove(p.Digest, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(p.Digest); waverider.KindOf(err) != waverider.NotFound {
			t.Errorf("get after remove: %v", err)
		}
		if err := s.Remove(p.Digest, nil); waverider.KindOf(err) != waverider.NotFound {
			t.Errorf("second remove: %v", err)
		}
		nothingLeft(t, dir)
	}
}

func TestPutEndsWithItsUpload(t *testing.T) {
	large := archive(t, program(file{name: "noise", body: noise(2 << 20)})...)
	for name, data := range map[string][]byte{"small": large[:1000], "large": large[:1<<20]} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, store.Limits{})
			broken := errors.New("connection reset")
			_, err := s.Put(t.Context(), io.MultiReader(bytes.NewReader(data), failing{broken}), nil)
			if !errors.Is(err, broken) || waverider.KindOf(err) != waverider.Invalid {
				t.Errorf("connection lost: %v", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := s.Put(ctx, bytes.NewReader(large), nil); !errors.Is(err, context.Canceled) {
				t.Errorf("canceled: %v", err)
			}
			nothingLeft(t, dir)
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// noise is n bytes that do not compress, the same each time.
func noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return string(b)
}
