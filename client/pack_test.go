package client_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/client"
	"waverider/store"
)

// folderOf makes a folder with files; a body that begins with "->" is a link.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, isLink := strings.CutPrefix(body, "->"); isLink {
			err = os.Symlink(target, name)
		} else {
			err = os.WriteFile(name, []byte(body), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func with(more map[string]string) map[string]string {
	files := map[string]string{"package.json": `{"name":"demo","main":"index.js"}`, "index.js": "1"}
	for name, body := range more {
		files[name] = body
	}
	return files
}

func pack(t *testing.T, dir string, opts client.PackOptions) (client.Packed, []byte) {
	t.Helper()
	var b bytes.Buffer
	p, err := client.Pack(t.Context(), dir, &b, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p, b.Bytes()
}

func namesIn(t *testing.T, archive []byte) []string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeDir {
			names = append(names, h.Name)
		}
	}
}

func TestPackedFolderComesOutOfTheStore(t *testing.T) {
	dir := folderOf(t, with(map[string]string{
		"lib/a/deep.js": "deep", "node_modules/x/cli.js": "cli", "node_modules/.bin/x": "->../x/cli.js", "empty": "",
		"big.bin": strings.Repeat("0123456789abcdef", 100_000), "nowhere": "->lib/none",
	}))
	if err := os.Chmod(filepath.Join(dir, "node_modules/x/cli.js"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "void"), 0o700); err != nil {
		t.Fatal(err)
	}
	packed, archive := pack(t, dir, client.PackOptions{})
	s, err := store.Open(t.TempDir(), store.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Put(t.Context(), bytes.NewReader(archive), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Digest != packed.Digest || p.Size != packed.Size || p.Unpacked != packed.Unpacked || p.Manifest.Name != packed.Manifest.Name {
		t.Errorf("packed %+v, stored %+v", packed, p)
	}
	if info, err := os.Stat(filepath.Join(p.Dir, "void")); err != nil || !info.IsDir() {
		t.Errorf("an empty folder: %v", err)
	}
	if packed.Files != 6 {
		t.Errorf("%d files", packed.Files)
	}
	if err := os.CopyFS(t.TempDir(), os.DirFS(p.Dir)); err != nil { // all of it can be read
		t.Error(err)
	}
	for name, want := range map[string]string{"lib/a/deep.js": "deep", "node_modules/.bin/x": "cli", "empty": ""} {
		if got, err := os.ReadFile(filepath.Join(p.Dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if info, err := os.Stat(filepath.Join(p.Dir, "node_modules/x/cli.js")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode of an executable: %v, %v", info, err)
	}
}

func TestPackOfTheSameFolderIsTheSame(t *testing.T) {
	files := with(map[string]string{"b": "2", "a/c": "3", "a-b": "4", "l": "->b"})
	one, two := folderOf(t, files), folderOf(t, files)
	if err := os.Chtimes(filepath.Join(two, "b"), time.Unix(1, 0), time.Unix(2, 0)); err != nil {
		t.Fatal(err)
	}
	first, a := pack(t, one, client.PackOptions{})
	second, b := pack(t, two, client.PackOptions{})
	if !bytes.Equal(a, b) || first.Digest != second.Digest {
		t.Errorf("%s and %s differ", first.Digest, second.Digest)
	}
	if err := os.WriteFile(filepath.Join(two, "b"), []byte("5"), 0o644); err != nil {
		t.Fatal(err)
	}
	if third, _ := pack(t, two, client.PackOptions{}); third.Digest == first.Digest {
		t.Error("another content has the same digest")
	}
}

func TestPackLeavesOutWhatIsIgnored(t *testing.T) {
	tree := map[string]string{
		"a.log": "", "keep.log": "", "src/b.log": "", "src/x.ts": "", "src/build/o.js": "", "build/o.js": "",
		"doc/a/b/c.md": "", ".env": "", "tmp": "", "sub/tmp/f": "", "{x}": "",
		".git/config": "", "vendor/.git": "gitdir", "vendor/v.js": "",
	}
	for name, c := range map[string]struct {
		git, si string
		exclude []string
		gone    []string
	}{
		"nothing named":        {},
		"all but the manifest": {git: "*.json\n*.log", gone: []string{"a.log", "keep.log", "src/b.log"}},
		"bare name everywhere": {git: "*.log\n", gone: []string{"a.log", "keep.log", "src/b.log"}},
		"kept again":           {git: "# logs\n*.log\n!keep.log\n", gone: []string{"a.log", "src/b.log"}},
		"anchored":             {git: "/build\r\n", gone: []string{"build/o.js"}},
		"anchored by slash":    {git: "src/build", gone: []string{"src/build/o.js"}},
		"only folders":         {git: "tmp/  ", gone: []string{"sub/tmp/f"}},
		"two stars":            {git: "doc/**/*.md", gone: []string{"doc/a/b/c.md"}},
		"not below what went":  {git: "src/\n!src/x.ts", gone: []string{"src/b.log", "src/build/o.js", "src/x.ts"}},
		"braces are letters":   {git: "{x}\n{a,keep}.log", gone: []string{"{x}"}},
		"si top level":         {si: "*.log\nbuild/\n", gone: []string{"a.log", "keep.log", "build/o.js"}},
		"si comment":           {si: "# all\nsrc # sources\n", gone: []string{"src/b.log", "src/build/o.js", "src/x.ts"}},
		"si hidden":            {si: "*env\n"},
		"si hidden by name":    {si: ".env\n", gone: []string{".env"}},
		"si braces":            {si: "{a,keep}.log", gone: []string{"a.log", "keep.log"}},
		"excluded by caller":   {exclude: []string{"tmp"}, gone: []string{"tmp"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := with(tree)
			if c.git != "" {
				files[".waveriderignore"] = c.git
			}
			if c.si != "" {
				files[".siignore"] = c.si
			}
			dir := folderOf(t, files)
			var opts client.PackOptions
			for _, e := range c.exclude {
				opts.Exclude = append(opts.Exclude, filepath.Join(dir, e))
			}
			var want []string
			for name := range with(tree) {
				if !slices.Contains(c.gone, name) && !strings.Contains(name, ".git") {
					want = append(want, name)
				}
			}
			slices.Sort(want)
			if _, archive := pack(t, dir, opts); !slices.Equal(namesIn(t, archive), want) {
				t.Errorf("packed %q\nwant   %q", namesIn(t, archive), want)
			}
		})
	}
}

func TestPackOfAWholeFolderIgnoresNothing(t *testing.T) {
	dir := folderOf(t, with(map[string]string{".siignore": "lib", ".waveriderignore": "*.js", "lib/a.js": "", ".git/config": ""}))
	_, archive := pack(t, dir, client.PackOptions{Whole: true})
	for _, name := range []string{"lib/a.js", "index.js"} {
		if !slices.Contains(namesIn(t, archive), name) {
			t.Errorf("%s is missing in %q", name, namesIn(t, archive))
		}
	}
}

func TestWhatAWholeFolderMayNotHaveIsNotLeftOut(t *testing.T) {
	dir := folderOf(t, with(map[string]string{"l": "->../../etc/passwd"}))
	for whole, want := range map[bool]string{false: "; remove it or name it in .waveriderignore", true: "; remove it"} {
		if _, err := client.Pack(t.Context(), dir, io.Discard, client.PackOptions{Whole: whole}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("whole %t: %v, want %q", whole, err, want)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	outside := folderOf(t, map[string]string{"secret": "s"})
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no package.json":     {map[string]string{"index.js": ""}, "package.json: missing in "},
		"bad manifest":        {map[string]string{"package.json": `{"main":7}`}, "main: found the number 7"},
		"no main":             {map[string]string{"package.json": `{"main":"index"}`}, `main: "index" is not in `},
		"main is ignored":     {with(map[string]string{".waveriderignore": "*.js"}), `main: "index.js" is kept out of the package by .waveriderignore`},
		"link out":            {with(map[string]string{"l": "->../../etc/passwd"}), "l is a link out of the folder"},
		"absolute link out":   {with(map[string]string{"l": "->" + outside}), "l is a link out of the folder"},
		"link through a link": {with(map[string]string{"a": "->.", "b": "->a/../.."}), "b is a link out of the folder"},
		"link in a circle":    {with(map[string]string{"a": "->b", "b": "->a"}), "is a link that leads in a circle"},
		"bad pattern":         {with(map[string]string{".waveriderignore": "ok\n[a"}), ".waveriderignore, line 2: "},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			_, err := client.Pack(t.Context(), folderOf(t, c.files), &b, client.PackOptions{})
			if waverider.KindOf(err) != waverider.Unprocessable || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if b.Len() > 0 {
				t.Errorf("%d bytes were written before the fault was found", b.Len())
			}
		})
	}
	if _, err := client.Pack(t.Context(), filepath.Join(outside, "secret"), io.Discard, client.PackOptions{}); waverider.KindOf(err) != waverider.NotFound {
		t.Errorf("a file as folder: %v", err)
	}
}

func TestPackRefusesSockets(t *testing.T) {
	dir := folderOf(t, with(nil))
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = client.Pack(t.Context(), dir, io.Discard, client.PackOptions{})
	if err == nil || !strings.Contains(err.Error(), "s is neither a file nor a folder nor a link") {
		t.Error(err)
	}
}

func TestPackKeepsLinksInside(t *testing.T) {
	files := with(map[string]string{"lib/x.js": "x", "bin/x": "->../lib/x.js"})
	dir := folderOf(t, files)
	if err := os.Symlink(filepath.Join(dir, "lib"), filepath.Join(dir, "absolute")); err != nil {
		t.Fatal(err)
	}
	_, archive := pack(t, dir, client.PackOptions{})
	s, err := store.Open(t.TempDir(), store.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Put(t.Context(), bytes.NewReader(archive), nil)
	if err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(p.Dir, "absolute")); err != nil || target != "lib" {
		t.Errorf("a link by its absolute name became %q, %v", target, err)
	}
}

func TestPackStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Pack(ctx, folderOf(t, with(nil)), io.Discard, client.PackOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	full := errors.New("no space")
	if _, err := client.Pack(t.Context(), folderOf(t, with(nil)), failingWriter{full}, client.PackOptions{}); !errors.Is(err, full) {
		t.Error(err)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }
