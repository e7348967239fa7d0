package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"waverider"
	"waverider/client"
	"waverider/hub"
)

// defaultSequencesRoot is where sth keeps its Sequences, below the home folder.
const defaultSequencesRoot = ".scramjet_sequences"

// identify makes a Sequence of each package that stands unpacked in a folder of
// root. The folder's name is its id. What is no package is passed over; links
// are not followed.
func identify(ctx context.Context, core *hub.Hub, root string, log *slog.Logger) error {
	if root == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return fmt.Errorf("identify Sequences: %w; name a folder with --sequences-root", err)
		}
		root = filepath.Join(home, defaultSequencesRoot)
	}
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		log.Warn("no Sequences identified: the folder does not exist; --sequences-root names another", "folder", root)
		return nil
	} else if err != nil {
		return fmt.Errorf("identify Sequences: %w", err)
	}
	found := 0
	for _, e := range entries {
		name := e.Name()
		dir := filepath.Join(root, name)
		if strings.HasPrefix(name, ".") {
			continue
		}
		if e.Type() == fs.ModeSymlink {
			log.Warn("not identified: it is a link, and links are not followed", "folder", dir)
			continue
		}
		// A file and nothing else: a pipe, say, would be waited for.
		info, err := os.Lstat(filepath.Join(dir, "package.json"))
		if errors.Is(err, fs.ErrPermission) {
			log.Warn("not identified", "folder", dir, "err", err)
			continue
		}
		if !e.IsDir() || err != nil || !info.Mode().IsRegular() {
			log.Debug("not identified: no folder with a package.json", "path", dir)
			continue
		}
		if err := identifyOne(ctx, core, dir, name); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			log.Warn("not identified", "folder", dir, "err", err)
			continue
		}
		found++
	}
	log.Info("Sequences identified", "folder", root, "sequences", found)
	return nil
}

// identifyOne packs a folder into the Hub.
func identifyOne(ctx context.Context, core *hub.Hub, dir, id string) error {
	r, w := io.Pipe()
	packed := make(chan error)
	go func() {
		_, err := client.Pack(ctx, dir, w, client.PackOptions{Whole: true})
		_ = w.CloseWithError(err)
		packed <- err
	}()
	_, _, err := core.Identify(ctx, waverider.SequenceID(id), r)
	_ = r.Close()
	// What is wrong with the folder looks to the Hub like an upload that was cut
	// off; and who wants no more closes the pipe.
	if cause := <-packed; cause != nil && !errors.Is(cause, io.ErrClosedPipe) {
		return cause
	}
	return err
}
