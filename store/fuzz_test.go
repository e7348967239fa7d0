package store_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waverider"
	"waverider/store"
)

// FuzzArchive feeds the reader with anything: bare bytes, and the same as the
// tar inside a sound gzip. It refuses with words, or unpacks a package that
// verifies and has no link out of its folder.
func FuzzArchive(f *testing.F) {
	f.Add(tarOf(f, program(file{name: "d/l", typ: tar.TypeSymlink, target: "../index.js"}, file{name: "h", typ: tar.TypeLink, target: "index.js"})))
	f.Add(tarOf(f, program(file{name: "../x"}, file{name: "d/", typ: tar.TypeDir})))
	f.Add(tarOf(f, []file{{name: "p/package.json", body: manifest}, {name: "p/index.js"}, {name: "p/a", typ: tar.TypeSymlink, target: "."}}))
	f.Add(archive(f, program()...))
	f.Add([]byte("this is not a tar"))
	s, err := store.Open(f.TempDir(), store.Limits{Archive: 1 << 20, Unpacked: 4 << 20, Entries: 1000})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var wrapped bytes.Buffer
		w, _ := gzip.NewWriterLevel(&wrapped, gzip.NoCompression)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, upload := range [][]byte{data, wrapped.Bytes()} {
			p, err := s.Put(t.Context(), bytes.NewReader(upload), nil)
			if err != nil {
				if k := waverider.KindOf(err); k != waverider.Unprocessable && k != waverider.TooLarge {
					t.Errorf("an error of kind %s: %v", k, err)
				}
				continue
			}
			checkPackage(t, s, p)
			if err := s.Remove(p.Digest, nil); err != nil {
				t.Error(err)
			}
		}
	})
}

func checkPackage(t *testing.T, s *store.Store, p store.Package) {
	t.Helper()
	if err := s.Verify(p.Digest); err != nil {
		t.Error(err)
	}
	home, err := filepath.EvalSymlinks(p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(p.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() != fs.ModeSymlink {
			if err == nil && !d.IsDir() && !d.Type().IsRegular() {
				t.Errorf("%s is a %v", name, d.Type())
			}
			return err
		}
		end, err := filepath.EvalSymlinks(name) // the file system's own word
		if err == nil && end != home && !strings.HasPrefix(end, home+"/") {
			t.Errorf("%s leads out, to %s", name, end)
		}
		if target, _ := os.Readlink(name); filepath.IsAbs(target) {
			t.Errorf("%s leads to %s", name, target)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
