package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"waverider/internal/testhub"
)

// benchTopicCount weighs a Hub with many Topics of few records, and takes the
// time that it needs to have them again after its end.
func benchTopicCount(ctx context.Context, g *rig) ([]figure, error) {
	const records = 10
	empty, err := repeat(3, func() (time.Duration, error) { return g.timeReady(ctx) })
	if err != nil {
		return nil, err
	}
	bare, err := g.serverPSS(ctx, 0)
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, c := range []struct {
		topics          int
		name            string
		memory, restart float64 // goals
	}{{1000, "1,000 Topics", 100, 1}, {10_000, "10,000 Topics", 250, 3}} {
		var w topicsWeight
		err := g.withHub(ctx, nil, func(h *testhub.Hub) (err error) {
			w, err = weighTopics(ctx, h, c.topics, records)
			return err
		})
		if err != nil {
			return figures, fmt.Errorf("%d Topics: %w", c.topics, err)
		}
		figures = append(figures,
			figure{Name: "Hub memory, " + c.name, Value: megabytes(w.rss), Unit: "MB", Goal: c.memory, Limit: megabytes(bare), LimitName: "bare Go server",
				Note: fmt.Sprintf("RSS with %d records in each, made at %.0f Topics/s; after a restart %.1f MB, after a kill %.1f; disk %.1f MB",
					records, float64(c.topics)/w.made.Seconds(), megabytes(w.rssEnded), megabytes(w.rssKilled), megabytes(w.disk))},
			figure{Name: "restart to ready, " + c.name, Value: w.ended.Seconds(), Unit: "s", Goal: c.restart,
				Limit: empty.median().Seconds(), LimitName: "start without Topics", Note: "to the list of Topics and the first record of one"},
			figure{Name: "kill -9 to ready, " + c.name, Value: w.killed.Seconds(), Unit: "s", Goal: c.restart,
				Limit: empty.median().Seconds(), LimitName: "start without Topics"})
	}
	return figures, nil
}

type topicsWeight struct {
	rss, rssEnded, rssKilled int64
	made, ended, killed      time.Duration // ended, killed: start to ready after that
	disk                     int64
}

func weighTopics(ctx context.Context, h *testhub.Hub, topics, records int) (w topicsWeight, err error) {
	var made atomic.Int32
	began := time.Now()
	err = together(ctx, topics, 4, func(ctx context.Context) error {
		_, err := h.PostTopic(ctx, fmt.Sprintf("bench.count-%d", made.Add(1)), "", bytes.NewReader(numbered(0, records)))
		return err
	})
	if err != nil {
		return w, err
	}
	w.made = time.Since(began)
	if w.rss, err = restingRSS(ctx, h); err != nil {
		return w, err
	}
	if w.ended, err = timeRestart(ctx, h, syscall.SIGTERM, topics); err != nil {
		return w, fmt.Errorf("restart: %w", err)
	}
	if w.rssEnded, err = restingRSS(ctx, h); err != nil {
		return w, err
	}
	if w.killed, err = timeRestart(ctx, h, syscall.SIGKILL, topics); err != nil {
		return w, fmt.Errorf("after a kill: %w", err)
	}
	if w.rssKilled, err = restingRSS(ctx, h); err != nil {
		return w, err
	}
	w.disk, err = diskUse(topicsDir(h))
	return w, err
}

func restingRSS(ctx context.Context, h *testhub.Hub) (int64, error) {
	if err := pause(ctx, 3*time.Second); err != nil {
		return 0, err
	}
	return testhub.RSS(h.PID())
}

const restartPatience = 30 * time.Second

// timeRestart ends the Hub and takes the time from its new start until it has
// listed its Topics and sent the first record of the last one.
func timeRestart(ctx context.Context, h *testhub.Hub, sig syscall.Signal, topics int) (time.Duration, error) {
	if err := h.End(ctx, sig); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, restartPatience)
	defer cancel()
	began := time.Now()
	if err := h.Start(ctx); err != nil {
		return 0, err
	}
	names, err := h.Topics(ctx)
	if err != nil {
		return 0, err
	}
	if len(names) != topics {
		return 0, fmt.Errorf("%d Topics of %d are there", len(names), topics)
	}
	out, err := h.ReadTopic(ctx, fmt.Sprintf("bench.count-%d", topics), "?from=start&limit=1")
	if err != nil {
		return 0, err
	}
	err = (&checker{}).readRecords(out, 1)
	return time.Since(began), errors.Join(err, out.Close())
}

// What a Topic may take on disk some time after records were dropped.
const (
	diskPerLive = 2
	diskExtra   = 16 << 20
	diskWithin  = time.Minute
)

// benchTopicDisk drops records in three ways and looks what disk they still take.
func benchTopicDisk(ctx context.Context, g *rig) ([]figure, error) {
	const limit = 32 << 20
	var figures []figure
	for _, c := range []struct {
		name string
		run  func(h *testhub.Hub) (live int64, err error)
	}{
		{"sync, limit 32 MiB, ten times over", func(h *testhub.Hub) (int64, error) { return overwrite(ctx, h, "sync", limit) }},
		{"async, limit 32 MiB, ten times over", func(h *testhub.Hub) (int64, error) { return overwrite(ctx, h, "async", limit) }},
		{"the same, deleted", func(h *testhub.Hub) (int64, error) {
			if _, err := overwrite(ctx, h, "sync", limit); err != nil {
				return 0, err
			}
			return 0, h.DeleteTopic(ctx, overwritten)
		}},
		{"90 of 100 small Topics deleted", func(h *testhub.Hub) (int64, error) { return deleteSmall(ctx, h) }},
	} {
		err := g.withHub(ctx, nil, func(h *testhub.Hub) error {
			empty, err := diskUse(topicsDir(h))
			if err != nil {
				return err
			}
			live, err := c.run(h)
			if err != nil {
				return err
			}
			goal := diskPerLive*live + diskExtra
			first, last, took, err := awaitDisk(ctx, topicsDir(h), goal)
			figures = append(figures, figure{Name: "disk, " + c.name, Value: float64(last) / mega, Unit: "MB",
				Goal: float64(goal) / mega, Limit: float64(max(live, empty)) / mega, LimitName: "live, or of a new Hub",
				Note: fmt.Sprintf("%.0f MB at the end of the work, this much after %.1f s", float64(first)/mega, took.Seconds())})
			return err
		})
		if err != nil {
			return figures, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return figures, nil
}

const overwritten = "bench.overwritten"

// overwrite fills a Topic ten times over and answers what it holds in the end.
func overwrite(ctx context.Context, h *testhub.Hub, durability string, limit int64) (live int64, err error) {
	t := benchTopic(overwritten, durability)
	t.MaxBytes = limit
	if err := h.CreateTopic(ctx, t); err != nil {
		return 0, err
	}
	in, err := h.Produce(ctx, overwritten)
	if err != nil {
		return 0, err
	}
	data := numbered(0, int(limit)/lineSize)
	for range 10 {
		if err := writePieces(in, data); err != nil {
			return 0, errors.Join(err, in.Close())
		}
	}
	if err := in.Finish(); err != nil {
		return 0, err
	}
	info, err := h.TopicInfo(ctx, overwritten)
	if err == nil && (info.Bytes > limit || info.Bytes < limit/2) {
		err = fmt.Errorf("the Topic holds %d bytes, its limit is %d", info.Bytes, limit)
	}
	return info.Bytes, err
}

// deleteSmall makes Topics that share a stream and deletes nine in ten.
func deleteSmall(ctx context.Context, h *testhub.Hub) (live int64, err error) {
	const topics, records = 100, 10_000
	data := numbered(0, records)
	name := func(i int) string { return fmt.Sprintf("bench.small-%d", i) }
	for i := range topics {
		if _, err := h.PostTopic(ctx, name(i), "", bytes.NewReader(data)); err != nil {
			return 0, err
		}
	}
	for i := range topics {
		if i%10 == 0 {
			live += int64(len(data))
		} else if err := h.DeleteTopic(ctx, name(i)); err != nil {
			return 0, err
		}
	}
	return live, nil
}

// awaitDisk waits until a folder takes no more than goal, at most a minute, and
// answers what it took at first and in the end.
func awaitDisk(ctx context.Context, dir string, goal int64) (first, last int64, took time.Duration, err error) {
	began := time.Now()
	for first = -1; ; {
		if last, err = diskUse(dir); err != nil {
			return first, last, took, err
		}
		if first < 0 {
			first = last
		}
		took = time.Since(began)
		if last <= goal || took > diskWithin {
			return first, last, took, nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return first, last, took, err
		}
	}
}

func topicsDir(h *testhub.Hub) string { return filepath.Join(h.DataDir(), "topics") }

// diskUse is what the files below a folder take, in whole blocks.
func diskUse(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while we walk
		}
		if err != nil || d.IsDir() {
			return err
		}
		var stat syscall.Stat_t
		if err := syscall.Lstat(path, &stat); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		total += stat.Blocks * 512
		return nil
	})
	return total, err
}
