package testhub

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Pack makes a package of a Node program: index.js with the given code, a
// package.json, and more files when there are some.
func Pack(name, code string, more map[string][]byte) ([]byte, error) {
	manifest, err := json.Marshal(map[string]any{
		"name": name, "version": "1.0.0", "main": "index.js", "engines": map[string]string{"node": ">=18"},
	})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"package.json": manifest, "index.js": []byte(code)}
	maps.Copy(files, more)
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	out := tar.NewWriter(zip)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		data := files[path]
		head := &tar.Header{Name: path, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}
		if err := out.WriteHeader(head); err != nil {
			return nil, fmt.Errorf("pack %s: %w", path, err)
		}
		if _, err := out.Write(data); err != nil {
			return nil, fmt.Errorf("pack %s: %w", path, err)
		}
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
