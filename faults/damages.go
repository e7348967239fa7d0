package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// damage is something that happens to the files of a stream. stream is a
// pattern of its name.
type damage struct {
	name  string
	loses bool // records may be gone
	to    func(dir, stream string) error
}

var damages = []damage{
	{"a flipped bit in the middle", true, func(dir, stream string) error {
		return onBlock(dir, stream, middle, flip)
	}},
	{"a flipped bit in the newest record", true, func(dir, stream string) error {
		return onBlock(dir, stream, last, func(path string, size int64) error { return flipAt(path, size-40) })
	}},
	{"a flipped bit in the last file", true, func(dir, stream string) error {
		return onBlock(dir, stream, last, flip)
	}},
	{"the last file cut by half", true, func(dir, stream string) error {
		return onBlock(dir, stream, last, func(path string, size int64) error { return os.Truncate(path, size/2) })
	}},
	{"the last file ends in zeros", true, func(dir, stream string) error {
		return onBlock(dir, stream, last, func(path string, size int64) error {
			return errors.Join(os.Truncate(path, size-size/4), os.Truncate(path, size))
		})
	}},
	{"no index", false, func(dir, stream string) error { return eachFile(dir, stream, "msgs/index.db", os.Remove) }},
	{"a broken index", false, func(dir, stream string) error { return eachFile(dir, stream, "msgs/index.db", scramble) }},
	{"no first file", true, func(dir, stream string) error { return onBlock(dir, stream, first, remove) }},
	{"no middle file", true, func(dir, stream string) error { return onBlock(dir, stream, middle, remove) }},
	{"no last file", true, func(dir, stream string) error { return onBlock(dir, stream, last, remove) }},
	{"a broken description", false, func(dir, stream string) error { return eachFile(dir, stream, "meta.inf", scramble) }},
}

// Which of the files with records.
const (
	first = iota
	middle
	last
)

// onBlock harms one of the files with records.
func onBlock(dir, stream string, which int, harm func(path string, size int64) error) error {
	paths, err := streamFiles(dir, stream, "msgs/*.blk")
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("stream %s has no files", stream)
	}
	slices.SortFunc(paths, func(a, b string) int { return blockNumber(a) - blockNumber(b) })
	path := paths[[]int{0, (len(paths) - 1) / 2, len(paths) - 1}[which]]
	if which == last { // an empty one follows a full one
		for i := len(paths) - 1; i > 0 && sizeOf(path) == 0; i-- {
			path = paths[i-1]
		}
	}
	return harm(path, sizeOf(path))
}

func blockNumber(path string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".blk")) // the engine names them so
	return n
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func streamFiles(dir, stream, file string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, "topics", "streams", "jetstream", "*", "streams", stream, file))
}

// eachFile harms a file of every stream the pattern matches; one that is not
// there can't be harmed.
func eachFile(dir, stream, file string, harm func(path string) error) error {
	paths, err := streamFiles(dir, stream, file)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := harm(path); err != nil {
			return err
		}
	}
	return nil
}

func remove(path string, _ int64) error { return os.Remove(path) }

func flip(path string, size int64) error { return flipAt(path, size/2) }

func flipAt(path string, offset int64) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[offset] ^= 0x10
	return os.WriteFile(path, data, 0o600)
}

// copyDir copies folders and plain files: a Hub makes its sockets anew.
func copyDir(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
}

// scramble keeps the size.
func scramble(path string) error {
	return os.WriteFile(path, bytes.Repeat([]byte("damage! "), int(sizeOf(path)/8)), 0o600)
}
