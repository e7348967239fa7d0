package store

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"waverider"
)

// contents is what unpacking an archive has shown.
type contents struct {
	manifest waverider.Manifest
	unpacked int64
	tree     *tree
}

// unpackInto unpacks an archive to dir/package and checks that it is a
// package: its manifest, its main file, its links.
func unpackInto(ctx context.Context, dir string, archive io.Reader, limits Limits, grow func(int64) error, ahead bool) (contents, error) {
	staging := filepath.Join(dir, "unpacked")
	if err := os.Mkdir(staging, 0o755); err != nil {
		return contents{}, onDisk(err)
	}
	root, err := os.OpenRoot(staging)
	if err != nil {
		return contents{}, onDisk(err)
	}
	defer root.Close()
	everything, unpacked, err := unpack(ctx, archive, root, limits, grow, ahead)
	if err != nil {
		return contents{}, err
	}
	top, err := everything.packageRoot()
	if err != nil {
		return contents{}, err
	}
	c := contents{unpacked: unpacked, tree: everything.below(top)}
	place, err := root.OpenRoot(filepath.Join(".", top))
	if err != nil {
		return contents{}, onDisk(err)
	}
	defer place.Close()
	if err := c.check(place); err != nil {
		return contents{}, err
	}
	if err := c.tree.makeLinks(place); err != nil {
		return contents{}, err
	}
	return c, onDisk(os.Rename(filepath.Join(staging, top), filepath.Join(dir, packageDir)))
}

func (c *contents) check(place *os.Root) error {
	if err := c.tree.checkLinks(); err != nil {
		return err
	}
	if !c.tree.kinds["package.json"].isFile() {
		return waverider.Errorf(waverider.Unprocessable, "package.json: it is not a file")
	}
	f, err := place.Open("package.json")
	if err != nil {
		return fmt.Errorf("read package.json: %w", err)
	}
	defer f.Close()
	// One byte more than allowed, so that ParseManifest sees that it is too long.
	data, err := io.ReadAll(io.LimitReader(f, waverider.MaxManifest+1))
	if err != nil {
		return fmt.Errorf("read package.json: %w", err)
	}
	if c.manifest, err = waverider.ParseManifest(data); err != nil {
		return err
	}
	return c.tree.checkMain(c.manifest)
}
