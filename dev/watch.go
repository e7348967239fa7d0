package dev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	quietTime = 120 * time.Millisecond // editors write in several steps
	restless  = time.Second            // something that never rests is looked at so often
	pollEvery = time.Second            // where nothing tells of changes
)

// watch sends to changes, which holds one, whenever something in the tree may
// have changed, until ctx ends.
func (t *tree) watch(ctx context.Context, changes chan<- struct{}, show *printer) error {
	w, err := fsnotify.NewWatcher()
	if err == nil {
		if err = t.addFolders(w, t.dir); err == nil {
			err = t.events(ctx, w, changes)
		}
		err = errors.Join(err, w.Close())
	}
	if err != nil && ctx.Err() == nil && exhausted(err) {
		show.say("the system has no room for more file watches; looking once a second instead (see fs.inotify.max_user_watches)")
		return poll(ctx, changes)
	}
	return err
}

// exhausted tells the errors of a system that watches too much already.
func exhausted(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

func poll(ctx context.Context, changes chan<- struct{}) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			signal(changes)
		case <-ctx.Done():
			return nil
		}
	}
}

func signal(changes chan<- struct{}) {
	select {
	case changes <- struct{}{}:
	default: // one is waiting already
	}
}

// addFolders watches a folder and those below.
func (t *tree) addFolders(w *fsnotify.Watcher, from string) error {
	return t.walk(from, func(path string, d fs.DirEntry) error {
		if !d.IsDir() {
			return nil
		}
		if err := w.Add(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("watch %s: %w", path, err)
		}
		return nil
	})
}

// events waits after each until it is quiet, and then tells of all at once.
func (t *tree) events(ctx context.Context, w *fsnotify.Watcher, changes chan<- struct{}) error {
	quiet := time.NewTimer(quietTime)
	quiet.Stop()
	defer quiet.Stop()
	var since time.Time // the first event not told of
	note := func() {
		if since.IsZero() {
			since = time.Now()
		}
		quiet.Reset(min(quietTime, max(restless-time.Since(since), 0)))
	}
	for {
		select {
		case e := <-w.Events:
			if err := t.newFolder(w, e); err != nil {
				return err
			}
			if !e.Has(fsnotify.Chmod) && !t.skipped(e.Name, false) {
				note()
			}
		case err := <-w.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("watch: %w", err)
			}
			note()
		case <-quiet.C:
			since = time.Time{}
			signal(changes)
		case <-ctx.Done():
			return nil
		}
	}
}

// newFolder watches a folder that has come, with what came inside it.
func (t *tree) newFolder(w *fsnotify.Watcher, e fsnotify.Event) error {
	if !e.Has(fsnotify.Create) {
		return nil
	}
	if info, err := os.Stat(e.Name); err != nil || !info.IsDir() {
		return nil // a file, or gone again
	}
	return t.addFolders(w, e.Name)
}
