package client

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"waverider"
)

// PackageName is the name that the package.json of a folder or of a package
// says; empty when it says none.
func PackageName(ctx context.Context, file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("read package: %w", err)
	}
	var text []byte
	if info.IsDir() {
		text, err = os.ReadFile(filepath.Join(file, "package.json"))
	} else {
		text, err = manifestInside(ctx, file)
	}
	if err != nil {
		return "", fmt.Errorf("read package.json of %s: %w", file, err)
	}
	m, err := waverider.ParseManifest(text)
	return m.Name, err
}

func manifestInside(ctx context.Context, file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for archive := tar.NewReader(unzipped); ctx.Err() == nil; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("there is none")
		}
		if err != nil {
			return nil, err
		}
		if path.Clean(h.Name) == "package.json" {
			return io.ReadAll(io.LimitReader(archive, waverider.MaxManifest))
		}
	}
	return nil, ctx.Err()
}
