package runner

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The last pattern takes js/hub always and js/vendor when it was built; tests
// and benchmarks of the runner stay out.
//
//go:embed js/*.js js/package.json js/[hv]*
var nodeFiles embed.FS

const scramjetBundle = "vendor/scramjet.js"

// NodeRunner is where the Node runner lies on disk.
type NodeRunner struct {
	Main     string // the file to start node with
	Scramjet string // the bundled scramjet library, "" when this binary has none
}

// InstallNode writes the embedded Node runner once below dir, in a folder named
// by its content, and returns where it is. Runners of other versions, which
// may still be in use, are left alone. Safe to call from several processes.
func InstallNode(dir string) (NodeRunner, error) {
	files, err := readEmbedded(nodeFiles, "js")
	if err != nil {
		return NodeRunner{}, fmt.Errorf("read embedded node runner: %w", err)
	}
	folder, err := files.layOut(dir)
	if err != nil {
		return NodeRunner{}, fmt.Errorf("install node runner: %w", err)
	}
	n := NodeRunner{Main: filepath.Join(folder, "main.js")}
	if files.has(scramjetBundle) {
		n.Scramjet = filepath.Join(folder, filepath.FromSlash(scramjetBundle))
	}
	return n, nil
}

// embedded is files by slash-separated name, sorted by it.
type embedded []struct {
	name string
	data []byte
}

func readEmbedded(fsys fs.FS, root string) (embedded, error) {
	var files embedded
	err := fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		rel := name[len(root)+1:]
		files = append(files, struct {
			name string
			data []byte
		}{rel, data})
		return nil
	})
	return files, err
}

// layOut writes the files below dir unless they are there, and returns their
// folder.
func (files embedded) layOut(dir string) (string, error) {
	folder := filepath.Join(dir, files.digest())
	if files.sameAs(folder) {
		return folder, nil
	}
	return folder, files.install(folder)
}

func (files embedded) has(name string) bool {
	for _, f := range files {
		if f.name == name {
			return true
		}
	}
	return false
}

func (files embedded) digest() string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s\x00%d\x00", f.name, len(f.data))
		h.Write(f.data)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// sameAs tells whether folder holds exactly what it should; a file may have
// been damaged or edited since.
func (files embedded) sameAs(folder string) bool {
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(f.name)))
		if err != nil || !bytes.Equal(data, f.data) {
			return false
		}
	}
	return true
}

// install builds the folder aside and renames it into place.
func (files embedded) install(folder string) error {
	parent := filepath.Dir(folder)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o755); err != nil { // runners may have another user
		return err
	}
	for _, f := range files {
		if err := writeSynced(filepath.Join(temp, filepath.FromSlash(f.name)), f.data); err != nil {
			return err
		}
	}
	return files.rename(temp, folder)
}

// rename puts temp in the place of folder. When another process was faster
// its work is as good as ours; a damaged folder makes way.
func (files embedded) rename(temp, folder string) error {
	err := os.Rename(temp, folder)
	if err == nil {
		return syncFolder(filepath.Dir(folder))
	}
	if !errors.Is(err, fs.ErrExist) || files.sameAs(folder) {
		return ignoreExist(err)
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.Rename(temp, folder); err != nil {
		return ignoreExist(err)
	}
	return syncFolder(filepath.Dir(folder))
}

func ignoreExist(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func writeSynced(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
