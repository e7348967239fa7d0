package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"waverider"
)

// smallUpload is what is taken into memory before anything is written. One that
// is here already then costs no write, and any other is synced while it is
// unpacked.
const smallUpload = 256 << 10

// Put takes in an upload, a tar.gz, and answers with its package. A package
// that is there already is left as it is. On error nothing is left behind; what
// is wrong with the upload is a *waverider.Error.
//
// Before it returns, Put calls keep, which writes down who uses the package:
// until keep has returned no Remove takes it away. An error of keep is Put's.
// keep must not call the Store; nil does nothing.
func (s *Store) Put(ctx context.Context, r io.Reader, keep func(Package) error) (Package, error) {
	head, err := readHead(r)
	switch {
	case err == io.EOF: //nolint:errorlint // wrapped, the upload was cut off
		return s.putSmall(ctx, head, keep)
	case err != nil:
		return Package{}, cutOff(err)
	}
	u, err := s.newUpload()
	if err != nil {
		return Package{}, err
	}
	defer u.discard()
	if err := u.stream(ctx, io.MultiReader(bytes.NewReader(head), r)); err != nil {
		return Package{}, err
	}
	return s.commit(ctx, u, keep)
}

// readHead reads the first smallUpload bytes of r, and io.EOF when r has no
// more. It grows with what comes, since there may be many slow clients.
func readHead(r io.Reader) ([]byte, error) {
	head := make([]byte, 0, 8<<10)
	for {
		n, err := fill(r, head[len(head):cap(head)])
		head = head[:len(head)+n]
		if err != nil || len(head) == smallUpload {
			return head, err
		}
		grown := make([]byte, len(head), min(4*cap(head), smallUpload))
		copy(grown, head)
		head = grown
	}
}

func (s *Store) putSmall(ctx context.Context, archive []byte, keep func(Package) error) (Package, error) {
	if len(archive) == 0 {
		return Package{}, badArchive("the upload is empty")
	}
	sum := sha256.Sum256(archive)
	digest := waverider.Digest("sha256:" + hex.EncodeToString(sum[:]))
	if _, err := s.Get(digest); err == nil { // settled, else as good as not there
		p, known, err := s.keepKnown(ctx, digest, keep)
		if known || err != nil {
			return p, err
		}
	}
	u, err := s.newUpload()
	if err != nil {
		return Package{}, err
	}
	defer u.discard()
	u.hash.Write(archive)
	if err := u.write(archive); err != nil {
		return Package{}, err
	}
	synced := make(chan error, 1)
	go func() { synced <- u.sync() }()
	err = u.unpack(ctx, bytes.NewReader(archive), false)
	if syncErr := <-synced; err == nil {
		err = syncErr
	}
	if err != nil {
		return Package{}, err
	}
	return s.commit(ctx, u, keep)
}

// upload is a package on its way in, in a folder of its own below tmp/.
type upload struct {
	store   *Store
	dir     string
	archive *os.File
	hash    hash.Hash
	size    int64 // what the receiving side took of the disk limit

	unpacked int64 // what the unpacking side took
	contents contents
}

func (s *Store) newUpload() (*upload, error) {
	dir, err := os.MkdirTemp(s.temp(), "put-")
	if err != nil {
		return nil, fmt.Errorf("store package: %w", onDisk(err))
	}
	u := &upload{store: s, dir: dir, hash: sha256.New()}
	if u.archive, err = os.Create(filepath.Join(dir, archiveFile)); err != nil {
		u.discard()
		return nil, fmt.Errorf("store package: %w", onDisk(err))
	}
	return u, nil
}

// discard removes what was not committed and gives its room back.
func (u *upload) discard() {
	if u.archive != nil {
		u.archive.Close() // synced before, or not wanted
	}
	if u.dir != "" {
		os.RemoveAll(u.dir) // what stays, Open removes
	}
	u.store.giveBack(u.size + u.unpacked)
}

// kept makes discard leave the folder and its room alone.
func (u *upload) kept() { u.dir, u.size, u.unpacked = "", 0, 0 }

// stream receives r: it writes and hashes what comes while another goroutine
// unpacks it.
func (u *upload) stream(ctx context.Context, r io.Reader) error {
	belt := newConveyor()
	unpacked := make(chan error, 1)
	go func() {
		err := u.unpack(ctx, belt, true)
		belt.close()
		unpacked <- err
	}()
	received := u.receive(ctx, r, belt)
	if received == nil {
		received = u.sync() // meanwhile the rest is unpacked
	}
	err := <-unpacked
	belt.recycle()
	if received != nil {
		return received
	}
	return err
}

// receive ends without an error also when the unpacker has left early: that
// one knows why.
func (u *upload) receive(ctx context.Context, r io.Reader, belt *conveyor) (err error) {
	defer func() {
		if err != nil {
			belt.end(fmt.Errorf("%w: %w", errUpload, err))
			return
		}
		belt.end(io.EOF)
	}()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf := belt.buffer()
		if buf == nil {
			return nil
		}
		n, err := fill(r, buf)
		u.hash.Write(buf[:n])
		if writeErr := u.write(buf[:n]); writeErr != nil {
			return writeErr
		}
		belt.send(buf, n)
		if err == io.EOF { //nolint:errorlint // wrapped, the upload was cut off
			return nil
		}
		if err != nil {
			return cutOff(err)
		}
	}
}

// write appends to the archive.
func (u *upload) write(p []byte) error {
	n := int64(len(p))
	if limit := u.store.limits.Archive; u.size+n > limit {
		return tooLarge("the package is more than %d bytes", limit)
	}
	if err := u.store.take(n); err != nil {
		return err
	}
	u.size += n
	if _, err := u.archive.Write(p); err != nil {
		return fmt.Errorf("store package: %w", onDisk(err))
	}
	return nil
}

// sync makes the archive and its name durable.
func (u *upload) sync() error {
	err := u.archive.Sync()
	if err == nil {
		err = syncDir(u.dir)
	}
	if err != nil {
		return fmt.Errorf("store package: %w", onDisk(err))
	}
	return nil
}

// unpack fills package/ and learns what the package is.
func (u *upload) unpack(ctx context.Context, archive io.Reader, ahead bool) (err error) {
	take := func(n int64) error {
		if err := u.store.take(n); err != nil {
			return err
		}
		u.unpacked += n
		return nil
	}
	u.contents, err = unpackInto(ctx, u.dir, archive, u.store.limits, take, ahead)
	return err
}

// commit puts the upload in its place, unless the same is there already.
func (s *Store) commit(ctx context.Context, u *upload, keep func(Package) error) (Package, error) {
	digest := waverider.Digest("sha256:" + hex.EncodeToString(u.hash.Sum(nil)))
	e := newEntry(Package{
		Digest: digest, Size: u.size, Unpacked: u.unpacked,
		Dir: filepath.Join(s.home(digest), packageDir), Manifest: u.contents.manifest,
	})
	if err := writeRecord(u.dir, e, u.contents.tree.list()); err != nil {
		return Package{}, fmt.Errorf("store package: %w", err)
	}
	release, err := s.claim(ctx, digest)
	if err != nil {
		return Package{}, err
	}
	defer release()
	old, exists := s.lookup(digest)
	if exists && old.damage == nil {
		return old.Package, kept(keep, old.Package)
	}
	if exists {
		if err := s.bury(&old); err != nil {
			return Package{}, fmt.Errorf("store package: replace a damaged one: %w", err)
		}
	}
	if err := os.Rename(u.dir, s.home(digest)); err != nil {
		return Package{}, fmt.Errorf("store package: %w", onDisk(err))
	}
	u.kept()
	s.keep(e)
	if err := syncDir(s.dir); err != nil {
		return Package{}, fmt.Errorf("store package: %w", onDisk(errors.Join(err, s.bury(e))))
	}
	if err := kept(keep, e.Package); err != nil {
		if buryErr := s.bury(e); buryErr != nil {
			return Package{}, fmt.Errorf("remove package that is not wanted: %w", errors.Join(err, buryErr))
		}
		return Package{}, err
	}
	return e.Package, nil
}

// cutOff is the answer when the sender has not sent everything.
func cutOff(err error) error {
	var known *waverider.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &waverider.Error{
		Kind: waverider.Invalid, Message: "the upload was cut off; send it again", Err: fmt.Errorf("read upload: %w", err),
	}
}
