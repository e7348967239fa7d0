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
	return pack(name, "index.js", map[string]string{"node": ">=18"}, code, more)
}

// PackPython does the same for a Python program: code is main.py.
func PackPython(name, code string, more map[string][]byte) ([]byte, error) {
	return pack(name, "main.py", map[string]string{"python3": ">=3.9"}, code, more)
}

func pack(name, main string, engines map[string]string, code string, more map[string][]byte) ([]byte, error) {
	manifest, err := json.Marshal(map[string]any{"name": name, "version": "1.0.0", "main": main, "engines": engines})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"package.json": manifest, main: []byte(code)}
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
