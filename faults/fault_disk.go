package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"waverider/internal/testhub"
)

const diskSize = "160m"

// diskFull runs a Hub on a disk that gets full.
func diskFull(ctx context.Context, r *rig) error {
	dir, err := r.smallDisk(diskSize)
	if err != nil {
		return err
	}
	r.logLimit = 16
	if err := r.open(ctx, filepath.Join(dir, "data"), "--log-limit", "16"); err != nil {
		return err
	}
	l, err := newLoad(ctx, r)
	if err != nil {
		return err
	}
	for i := range r.rounds {
		if err := l.fill(ctx, filepath.Join(dir, "ballast")); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		r.samePIDs(ctx, l.pids, fmt.Sprintf("after full disk %d", i+1))
		r.res.round()
	}
	return l.finish(ctx)
}

// smallDisk mounts a file system that is soon full.
func (r *rig) smallDisk(size string) (string, error) {
	dir, err := os.MkdirTemp("", "wr-disk-")
	if err != nil {
		return "", err
	}
	r.defers(func() { _ = os.Remove(dir) }) // an empty folder
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		return "", skipped(fmt.Sprintf("can't mount a small disk: %v", err))
	}
	r.defers(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			r.res.failf("unmount: %v", err)
		}
	})
	return dir, nil
}

// fill is one round: the disk gets full while everything flows, the Hub dies
// on it, and then there is room again.
func (l *load) fill(ctx context.Context, ballast string) error {
	if err := l.flood(ctx); err != nil {
		return err
	}
	if err := fillDisk(ballast, 0); err != nil {
		return err
	}
	l.refusals(ctx)
	for _, f := range l.followers() { // what is running goes on
		at := f.offset()
		if err := f.until(ctx, "byte on a full disk", func() bool { return f.got > at }); err != nil {
			return err
		}
	}
	if err := l.r.kill9(ctx); err != nil {
		return err
	}
	l.startOnFullDisk(ctx)
	if err := os.Remove(ballast); err != nil {
		return err
	}
	down := time.Now()
	if l.r.hub.PID() == 0 {
		return l.back2life(ctx, down)
	}
	if err := l.halt(ctx); err != nil { // the logs go on where they paused
		return err
	}
	if err := l.r.kill9(ctx); err != nil {
		return err
	}
	if err := l.flowAfterRestart(ctx); err != nil {
		return err
	}
	return l.accepts(ctx)
}

func (l *load) flowAfterRestart(ctx context.Context) error {
	down := time.Now()
	if err := l.r.hub.Start(ctx); err != nil {
		return err
	}
	at, err := l.flowsAgain(ctx, down)
	l.r.res.recovered(at.Sub(down))
	return err
}

// refusals notes requests that need room and are not refused with words.
func (l *load) refusals(ctx context.Context) {
	_, err := l.r.upload(ctx, "crash")
	l.wantFull("upload", err)
	_, err = l.r.hub.StartInstance(ctx, l.r.sequences["identity"], testhub.Start{})
	l.wantFull("start", err)
	if _, err := l.r.hub.Instances(ctx); err != nil {
		l.r.res.failf("on a full disk the API does not answer: %v", err)
	}
}

func (l *load) wantFull(what string, err error) {
	const insufficientStorage = 507
	var status *testhub.StatusError
	switch {
	case err == nil:
		l.r.res.failf("%s on a full disk: accepted", what)
	case !errors.As(err, &status):
		l.r.res.failf("%s on a full disk: no answer: %v", what, err)
	case status.Status != insufficientStorage:
		l.r.res.failf("%s on a full disk: want 507, got %v", what, err)
	case status.Field("error") == nil || status.Field("error") == "":
		l.r.res.failf("%s on a full disk: no words: %v", what, err)
	}
}

// startOnFullDisk lets a Hub start where it can't write: it may refuse, with
// words, but must not hang or spoil anything.
func (l *load) startOnFullDisk(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := l.r.hub.Start(ctx); err != nil && l.r.hub.PID() != 0 {
		l.r.res.failf("start on a full disk: neither up nor down: %v", err)
		_ = l.r.kill9(context.WithoutCancel(ctx))
	}
}

// accepts is the proof that all is well again.
func (l *load) accepts(ctx context.Context) error {
	list, err := l.r.hub.Instances(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, in := range list {
		known[in.ID] = true
	}
	seq, err := l.r.upload(ctx, "crash")
	if err != nil {
		return fmt.Errorf("upload after the disk was full: %w", err)
	}
	id, err := l.r.hub.StartInstance(ctx, l.r.sequences["identity"], testhub.Start{})
	if err != nil {
		return fmt.Errorf("start after the disk was full: %w", err)
	}
	if known[id] {
		return fmt.Errorf("the new instance has the id of another: %s", id)
	}
	if err := l.r.hub.Kill(ctx, id, true); err != nil {
		return err
	}
	return l.r.hub.JSON(ctx, "DELETE", "/sequence/"+seq, nil, nil)
}
