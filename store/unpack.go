package store

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"sync"

	"github.com/klauspost/compress/gzip"

	"waverider"
)

type sum [sha256.Size]byte

// unpacker writes the entries of one archive below root. It trusts nothing in
// the archive: tree decides what is allowed, and root makes the kernel refuse
// whatever tree should have missed.
type unpacker struct {
	root   *os.Root
	tree   *tree
	limits Limits
	grow   func(n int64) error // asks for room on disk

	packed  *counter // what was read of the archive
	written int64
	hash    hash.Hash
	buf     []byte

	dir     *os.Root // the folder written to last: entries come folder by folder
	dirName string
}

var copyBuffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// unpack reads a tar.gz and writes what is in it below root, but for symbolic
// links: those are made by makeLinks once all of them are known, so that
// nothing is ever written through one. ahead decompresses in a goroutine of
// its own, which pays for itself above some hundred KiB.
func unpack(ctx context.Context, archive io.Reader, root *os.Root, limits Limits, grow func(int64) error, ahead bool) (*tree, int64, error) {
	u := &unpacker{root: root, tree: newTree(limits), limits: limits, grow: grow, hash: sha256.New()}
	buf := copyBuffers.Get().(*[128 << 10]byte)
	defer copyBuffers.Put(buf)
	u.buf = buf[:]
	defer u.leaveDir()

	packed := &counter{r: archive}
	u.packed = packed
	var buffered io.Reader = packed
	if _, ok := archive.(*bytes.Reader); !ok {
		buffered = bufio.NewReaderSize(packed, 64<<10)
	}
	zip, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, 0, readError(err, "not compressed with gzip")
	}
	var plain io.Reader = &bounded{r: zip, packed: packed, limits: limits}
	if ahead {
		a := readAhead(plain)
		defer a.stop()
		plain = a
	}
	if err := u.entries(ctx, plain); err != nil {
		return nil, 0, err
	}
	return u.tree, u.written, nil
}

func (u *unpacker) entries(ctx context.Context, plain io.Reader) error {
	archive := tar.NewReader(plain)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		header, err := archive.Next()
		if err == io.EOF { //nolint:errorlint // wrapped, it is a truncated file
			return drain(plain)
		}
		if err != nil {
			return readError(err, "not a tar file inside, or damaged")
		}
		if err := u.entry(ctx, header, archive); err != nil {
			return err
		}
	}
}

// drain reads on to the end of the file, which must hold nothing but the
// zeros that tar pads with, so that gzip's checksum is looked at.
func drain(r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		for _, b := range buf[:n] {
			if b != 0 {
				return badArchive("there is more after the end of the tar file")
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return readError(err, "damaged after the end of the tar file")
		}
	}
}

func (u *unpacker) entry(ctx context.Context, h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // a remark of `git archive`
	}
	name, err := u.tree.clean(h.Name)
	if err != nil {
		return err
	}
	if name == "" {
		if h.Typeflag == tar.TypeDir {
			return nil
		}
		return badEntry(h.Name, "it would replace the package's own folder")
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return u.folder(name)
	case tar.TypeReg, tar.TypeGNUSparse:
		return u.file(ctx, name, h, content)
	case tar.TypeSymlink:
		return u.tree.addLink(name, h.Linkname)
	case tar.TypeLink:
		return u.hardLink(name, h.Linkname)
	case tar.TypeChar, tar.TypeBlock:
		return badEntry(h.Name, "device files are not allowed")
	case tar.TypeFifo:
		return badEntry(h.Name, "named pipes are not allowed")
	}
	return badEntry(h.Name, "entries of type %q are not allowed", string(h.Typeflag))
}

func (u *unpacker) folder(name string) error {
	if err := u.tree.add(name, folder); err != nil {
		return err
	}
	return onDisk(u.root.MkdirAll(name, 0o755))
}

func (u *unpacker) file(ctx context.Context, name string, h *tar.Header, content io.Reader) error {
	k, mode := plain, os.FileMode(0o644) // no other bit of the mode survives
	if h.Mode&0o100 != 0 {
		k, mode = executable, 0o755
	}
	if err := u.tree.add(name, k); err != nil {
		return err
	}
	dir, err := u.enterDir(path.Dir(name))
	if err != nil {
		return onDisk(err)
	}
	f, err := dir.OpenFile(path.Base(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return onDisk(err)
	}
	err = u.copy(ctx, f, content)
	if closeErr := f.Close(); err == nil {
		err = onDisk(closeErr)
	}
	if err != nil {
		return err
	}
	var s sum
	u.hash.Sum(s[:0])
	u.tree.sums[name] = s
	return nil
}

// copy writes content to f and hashes it.
func (u *unpacker) copy(ctx context.Context, f *os.File, content io.Reader) error {
	u.hash.Reset()
	for {
		n, err := content.Read(u.buf)
		if n > 0 {
			// Counted here and not only in the tar stream, since a sparse file is
			// larger than its data.
			if u.written += int64(n); u.written > u.limits.Unpacked {
				return tooLarge("the package unpacks to more than %d bytes", u.limits.Unpacked)
			}
			if err := u.limits.inProportion(u.written, u.packed); err != nil {
				return err
			}
			if err := u.grow(int64(n)); err != nil {
				return err
			}
			u.hash.Write(u.buf[:n])
			if _, err := f.Write(u.buf[:n]); err != nil {
				return onDisk(err)
			}
		}
		if err == io.EOF { //nolint:errorlint // wrapped, it is a truncated file
			return nil
		}
		if err != nil {
			return readError(err, "damaged")
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (u *unpacker) hardLink(name, target string) error {
	old, err := u.tree.clean(target)
	if err != nil {
		return err
	}
	k := u.tree.kinds[old]
	if !k.isFile() {
		return badEntry(name, "it is a hard link to %.120q, which is not a file before it in the package", target)
	}
	if err := u.tree.add(name, k); err != nil {
		return err
	}
	u.tree.sums[name] = u.tree.sums[old]
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return onDisk(err)
	}
	return onDisk(u.root.Link(old, name))
}

// enterDir opens a folder, made if need be, and keeps it open for the next
// entry: os.Root walks a path segment by segment.
func (u *unpacker) enterDir(name string) (*os.Root, error) {
	if name == "." {
		return u.root, nil
	}
	if u.dir != nil && u.dirName == name {
		return u.dir, nil
	}
	u.leaveDir()
	if err := u.root.MkdirAll(name, 0o755); err != nil {
		return nil, err
	}
	dir, err := u.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	u.dir, u.dirName = dir, name
	return dir, nil
}

func (u *unpacker) leaveDir() {
	if u.dir != nil {
		u.dir.Close() // only ever used to look up names
		u.dir = nil
	}
}

// makeLinks makes the symbolic links of a tree whose links were checked.
func (t *tree) makeLinks(root *os.Root) error {
	for name, target := range t.links {
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return onDisk(err)
		}
		if err := root.Symlink(target, name); err != nil {
			return onDisk(err)
		}
	}
	return nil
}

// readError tells a damaged archive from an error that has been named already.
func readError(err error, what string) error {
	var known *waverider.Error
	switch {
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, errUpload):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		what = "it ends in the middle; was it cut off on the way?"
	}
	bad := badArchive("%s", what)
	bad.Err = fmt.Errorf("unpack: %w", err)
	return bad
}
