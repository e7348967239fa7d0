package client

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"waverider"
)

// PackOptions of Pack; the zero value packs all that the folder's ignore files let.
type PackOptions struct {
	Whole   bool     // ignore files leave nothing out: the folder is a package unpacked, not the source of one
	Exclude []string // files that stay out, such as the package itself when it is written into the folder
}

// Packed tells what Pack has written.
type Packed struct {
	Manifest waverider.Manifest
	Digest   waverider.Digest
	Size     int64 // bytes of the package
	Files    int
	Unpacked int64 // bytes of its files
}

// packTime is on every file, so that the same folder makes the same package.
// It is a date that every file system and zip tool can store.
var packTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Pack writes the folder dir to w as a package: a tar.gz that is the same
// whenever the folder is. It leaves out .git and what .waveriderignore (as
// .gitignore) and .siignore say, and refuses what a Hub would refuse: a
// package.json with faults, a missing main file, a link that leads out.
func Pack(ctx context.Context, dir string, w io.Writer, opts PackOptions) (Packed, error) {
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return Packed{}, waverider.Errorf(waverider.NotFound, "no folder %s", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Packed{}, fmt.Errorf("pack: %w", err)
	}
	defer root.Close()
	p := packer{root: root, dir: dir, whole: opts.Whole}
	manifest, err := p.manifest()
	if err != nil {
		return Packed{}, err
	}
	if err := p.find(ctx, opts); err != nil {
		return Packed{}, err
	}
	if err := p.checkMain(manifest); err != nil {
		return Packed{}, err
	}
	hash := sha256.New()
	out := &countingWriter{w: io.MultiWriter(w, hash)}
	if err := p.write(ctx, out); err != nil {
		return Packed{}, err
	}
	return Packed{
		Manifest: manifest, Digest: waverider.Digest("sha256:" + hex.EncodeToString(hash.Sum(nil))),
		Size: out.n, Files: p.files, Unpacked: p.unpacked,
	}, nil
}

type packer struct {
	root     *os.Root
	dir      string
	whole    bool // nothing can be left out
	entries  []packEntry
	files    int
	unpacked int64
}

// packEntry is a file, a folder or a link.
type packEntry struct {
	name   string
	typ    byte // as in tar
	mode   int64
	size   int64
	target string // of a link
}

func (p *packer) manifest() (waverider.Manifest, error) {
	f, err := p.root.Open("package.json")
	if errors.Is(err, fs.ErrNotExist) {
		return waverider.Manifest{}, waverider.Errorf(waverider.Unprocessable,
			"package.json: missing in %s; give the folder that holds it, or write one: "+
				`the least it needs is {"name": "my-sequence", "version": "1.0.0", "main": "index.js"}`, p.dir)
	}
	if err != nil {
		return waverider.Manifest{}, fmt.Errorf("read package.json: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, waverider.MaxManifest+1))
	if err != nil {
		return waverider.Manifest{}, fmt.Errorf("read package.json: %w", err)
	}
	return waverider.ParseManifest(data)
}

// find lists what goes into the package, ordered by path.
func (p *packer) find(ctx context.Context, opts PackOptions) error {
	var ignored ignores
	var err error
	if !opts.Whole {
		if ignored, err = readIgnores(p.root); err != nil {
			return err
		}
	}
	excluded, err := p.inside(opts.Exclude)
	if err != nil {
		return err
	}
	err = fs.WalkDir(p.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("pack: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		case name == ".":
			return nil
		case slices.Contains(excluded, name), ignored.skips(name, d.IsDir()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return p.add(name, d)
	})
	slices.SortFunc(p.entries, func(a, b packEntry) int { return strings.Compare(a.name, b.name) })
	return err
}

// inside turns file names into paths of the folder; those elsewhere fall away.
func (p *packer) inside(names []string) ([]string, error) {
	dir, err := filepath.Abs(p.dir)
	if err != nil {
		return nil, err
	}
	var inside []string
	for _, name := range names {
		name, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		if rel, err := filepath.Rel(dir, name); err == nil && filepath.IsLocal(rel) {
			inside = append(inside, filepath.ToSlash(rel))
		}
	}
	return inside, nil
}

func (p *packer) add(name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	e := packEntry{name: name, typ: tar.TypeReg, mode: 0o644}
	switch {
	case info.Mode().IsRegular():
		p.files++
		if e.size = info.Size(); info.Mode()&0o100 != 0 {
			e.mode = 0o755
		}
	case info.IsDir():
		e.name, e.typ, e.mode = name+"/", tar.TypeDir, 0o755
	case info.Mode().Type() == fs.ModeSymlink:
		e.typ, e.mode = tar.TypeSymlink, 0o777
		if e.target, err = p.target(name); err != nil {
			return err
		}
	default:
		return p.refused(name, "is neither a file nor a folder nor a link")
	}
	p.entries = append(p.entries, e)
	p.unpacked += e.size
	return nil
}

// target is where a link leads, relative to it. It must stay in the folder on
// its whole way.
func (p *packer) target(name string) (string, error) {
	target, err := p.root.Readlink(name)
	if err != nil {
		return "", fmt.Errorf("pack: %w", err)
	}
	check := name
	if filepath.IsAbs(target) {
		within, err := p.inside([]string{target})
		if err != nil || len(within) == 0 {
			return "", p.refused(name, "is a link out of the folder, to %q", target)
		}
		check = within[0]
		if target, err = filepath.Rel(path.Dir(name), check); err != nil {
			return "", err
		}
	}
	_, err = p.root.Stat(check)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist): // one that leads nowhere harms nobody
		return filepath.ToSlash(target), nil
	case errors.Is(err, syscall.ELOOP):
		return "", p.refused(name, "is a link that leads in a circle")
	}
	return "", p.refused(name, "is a link out of the folder, to %q", target)
}

func (p *packer) checkMain(m waverider.Manifest) error {
	entry := m.EntryFile()
	// Stat and not the list: main may be, or lie behind, a link.
	info, err := p.root.Stat(entry)
	if err != nil || !info.Mode().IsRegular() {
		return mainError("main: %q is not in %s (looked for %q); build it first, or name another file", m.Main, p.dir, entry)
	}
	for _, e := range p.entries {
		if e.name == entry || e.target != "" && strings.HasPrefix(entry, e.name+"/") {
			return nil
		}
	}
	return mainError("main: %q is kept out of the package by %s or %s", m.Main, ignoreFile, scramjetIgnoreFile)
}

func (p *packer) write(ctx context.Context, w io.Writer) error {
	zip := gzip.NewWriter(w)
	out := tar.NewWriter(zip)
	for _, e := range p.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.writeEntry(ctx, out, e); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	if err := zip.Close(); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return nil
}

func (p *packer) writeEntry(ctx context.Context, out *tar.Writer, e packEntry) error {
	header := &tar.Header{Name: e.name, Typeflag: e.typ, Linkname: e.target, Mode: e.mode, Size: e.size, ModTime: packTime}
	if err := out.WriteHeader(header); err != nil {
		return fmt.Errorf("pack %s: %w", e.name, err)
	}
	if e.typ != tar.TypeReg {
		return nil
	}
	f, err := p.root.Open(e.name)
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	defer f.Close()
	n, err := copyFile(ctx, out, f)
	if errors.Is(err, tar.ErrWriteTooLong) || err == nil && n != e.size {
		return waverider.Errorf(waverider.Conflict, "%s changed while it was being packed; try again", e.name)
	}
	if err != nil {
		return fmt.Errorf("pack %s: %w", e.name, err)
	}
	return nil
}

// copyFile copies until r or ctx ends.
func copyFile(ctx context.Context, w io.Writer, r io.Reader) (n int64, err error) {
	for {
		m, err := io.CopyN(w, r, 1<<20)
		n += m
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return n, err
		}
	}
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (p *packer) refused(name, format string, args ...any) error {
	way := "remove it"
	if !p.whole {
		way += " or name it in " + ignoreFile
	}
	return waverider.Errorf(waverider.Unprocessable, "%s %s; %s", name, fmt.Sprintf(format, args...), way)
}

func mainError(format string, args ...any) error {
	err := waverider.Errorf(waverider.Unprocessable, format, args...)
	err.Detail = map[string]any{"field": "main"}
	return err
}
