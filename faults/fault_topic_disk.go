package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

const (
	topicDiskSize = "224m"
	topicDiskFree = 48 // MiB the Hub keeps free
	refusedWithin = time.Second
	resumesWithin = 10 * time.Second
	underPressure = 1500 * time.Millisecond // how long the disk stays full
)

// topicDiskFull fills the disk under Topics from outside: once so that the Hub
// sees it come, once so that the engine meets the end of the disk.
func topicDiskFull(ctx context.Context, r *rig) error {
	dir, err := r.smallDisk(topicDiskSize)
	if err != nil {
		return err
	}
	if err := r.open(ctx, filepath.Join(dir, "data"), "--warm-pool", "0", "--min-free-disk", fmt.Sprint(topicDiskFree)); err != nil {
		return err
	}
	ballast := filepath.Join(dir, "ballast")
	for i := range r.rounds {
		for _, leave := range []int64{topicDiskFree / 2 << 20, 0} {
			d := &diskRound{r: r, ballast: ballast, leave: leave, name: fmt.Sprintf("%d-%d", i, leave>>20)}
			if err := d.run(ctx); err != nil {
				return fmt.Errorf("round %d, %d MiB left: %w", i+1, leave>>20, err)
			}
			r.res.round()
		}
	}
	return r.deadOnFullDisk(ctx, ballast)
}

// diskRound is one time the disk gets full.
type diskRound struct {
	r       *rig
	ballast string
	leave   int64 // bytes left free
	name    string
	topics  []*topic
	full    time.Time // when the disk was
}

func (d *diskRound) run(ctx context.Context) error {
	for _, durability := range []string{"sync", "async"} {
		t, err := d.r.newTopic(ctx, testhub.Topic{ID: "disk-" + durability + "-" + d.name, Durability: durability})
		if err != nil {
			return err
		}
		t.produce(ctx, 300, 4*time.Millisecond, sendSmall)
		t.produce(ctx, 1000, 4*time.Millisecond, sendLong)
		t.produce(ctx, 1000, 4*time.Millisecond, sendAcked)
		t.read(ctx, "?from=start")
		d.topics = append(d.topics, t)
	}
	if err := d.flows(ctx, time.Time{}, waitFlow); err != nil {
		return err
	}
	for _, t := range d.topics {
		t.expectRefusals(true)
	}
	if err := fillDisk(d.ballast, d.leave); err != nil {
		return err
	}
	d.full = time.Now()
	if err := d.whileFull(ctx, d.full); err != nil {
		return err
	}
	if err := os.Remove(d.ballast); err != nil {
		return err
	}
	freed := time.Now()
	if err := d.flows(ctx, freed, resumesWithin); err != nil {
		return fmt.Errorf("after there was room again: %w", err)
	}
	d.r.res.recovered(time.Since(freed))
	return d.check(ctx)
}

// flows waits until every producer's Topic takes records that were sent after a
// moment.
func (d *diskRound) flows(ctx context.Context, after time.Time, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, t := range d.topics {
		if _, err := t.awaitAck(ctx, after); err != nil {
			return err
		}
	}
	return nil
}

// whileFull looks at the Hub while the disk is full.
func (d *diskRound) whileFull(ctx context.Context, full time.Time) error {
	for _, t := range d.topics {
		d.r.wantRefusal(ctx, t)
	}
	began := time.Now()
	if _, err := d.r.hub.Topics(ctx); err != nil {
		d.r.res.failf("GET /topics on a full disk: %v", err)
	}
	if err := d.r.hub.JSON(ctx, http.MethodGet, "/status", nil, nil); err != nil {
		d.r.res.failf("GET /status on a full disk: %v", err)
	}
	if took := time.Since(began); took > refusedWithin {
		d.r.res.failf("the control API took %.3f s on a full disk", took.Seconds())
	}
	select {
	case <-time.After(time.Until(full.Add(underPressure))):
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, t := range d.topics {
		producers, at := t.refusals()
		if len(at) < producers {
			d.r.res.failf("topic %s: %d of %d producers were told within %v that the disk is full", t.name, len(at), producers, underPressure)
		}
		for _, when := range at {
			if took := when.Sub(full); took > refusedWithin {
				d.r.res.failf("topic %s: a producer was told only %.3f s after the disk was full", t.name, took.Seconds())
			}
		}
	}
	return nil
}

// wantRefusal posts records until one is refused, soon and with words. The Hub
// looks at its disk four times a second: what it takes until then has room.
func (r *rig) wantRefusal(ctx context.Context, t *topic) {
	const probe = 1000 // a producer of its own
	began := time.Now()
	for i := int64(0); ; i++ {
		_, err := r.hub.PostTopic(ctx, t.name, "", bytes.NewReader(tally.Append(nil, t.book.Write(probe, i), 100)))
		var status *testhub.StatusError
		switch took := time.Since(began); {
		case took > refusedWithin:
			r.res.failf("topic %s: after %.3f s on a full disk: %v", t.name, took.Seconds(), err)
		case err == nil:
			continue
		case !errors.As(err, &status) || status.Status != http.StatusInsufficientStorage || status.Field("error") == "":
			r.res.failf("topic %s on a full disk: want 507 with words, got %v", t.name, err)
		}
		return
	}
}

func (d *diskRound) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitEnd)
	defer cancel()
	for _, t := range d.topics {
		if err := t.finish(ctx); err != nil {
			return err
		}
		t.expectRefusals(false)
		c, err := t.contents(ctx)
		if err != nil {
			return err
		}
		if err := d.judge(ctx, t, c); err != nil {
			return err
		}
		if err := d.r.hub.JSON(ctx, http.MethodDelete, "/topics/"+t.name, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// judge holds a Topic against what its producers know. An async one may have
// lost what was not on disk when that was full, if the Hub says so.
func (d *diskRound) judge(ctx context.Context, t *topic, c tally.Contents) error {
	found, losses := t.book.Check(c)
	if strings.Contains(t.name, "async") && found.Lost > 0 {
		oldest := time.Duration(0)
		for _, l := range losses {
			oldest = max(oldest, d.full.Sub(l.Acked))
		}
		d.r.res.notef("topic %s lost %d records acked at most %.3f s before the disk was full", t.name, found.Lost, oldest.Seconds())
		if oldest > asyncMayLose {
			d.r.res.failf("topic %s lost records acked %.3f s before the disk was full", t.name, oldest.Seconds())
		}
		info, err := d.r.hub.TopicInfo(ctx, t.name)
		if err != nil {
			return err
		}
		if len(info.Damage) == 0 {
			d.r.res.failf("topic %s lost %d records, and the Hub tells of no damage", t.name, found.Lost)
		}
		d.r.res.mayLose(found.Lost)
		found.Lost = 0
		d.r.res.took("topic "+t.name, found)
		return nil
	}
	d.r.res.took("topic "+t.name, found)
	for _, f := range t.readers {
		f.settle(c)
	}
	return nil
}

// deadOnFullDisk kills the Hub on a full disk: with room again it comes up with
// all that was acked.
func (r *rig) deadOnFullDisk(ctx context.Context, ballast string) error {
	t, err := r.newTopic(ctx, testhub.Topic{ID: "dead"})
	if err != nil {
		return err
	}
	t.produce(ctx, 300, 0, sendSmall)
	if _, err := t.awaitAck(ctx, time.Time{}); err != nil {
		return err
	}
	t.expectRefusals(true)
	if err := fillDisk(ballast, 0); err != nil {
		return err
	}
	r.wait(ctx, time.Millisecond, 300*time.Millisecond)
	if err := r.kill9(ctx); err != nil {
		return err
	}
	short, cancel := context.WithTimeout(ctx, waitFlow)
	defer cancel()
	if err := r.hub.Start(short); err == nil {
		r.wantRefusal(ctx, t)
	} else if r.hub.PID() != 0 {
		return fmt.Errorf("start on a full disk: neither up nor down: %w", err)
	} else {
		r.res.notef("a Hub does not start on a disk that is full to the last byte: %s", r.hub.LogTail(1))
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	freed := time.Now()
	if r.hub.PID() == 0 {
		if err := r.hub.Start(ctx); err != nil {
			return err
		}
	}
	if _, err := t.awaitAck(short, freed); err != nil {
		return err
	}
	if err := t.finish(short); err != nil {
		return err
	}
	c, err := t.contents(ctx)
	if err != nil {
		return err
	}
	found, _ := t.book.Check(c)
	r.res.took("topic "+t.name, found)
	return nil
}

// fillDisk writes until only so many bytes are free.
func fillDisk(path string, leave int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for len(block) > 0 {
		var stat syscall.Statfs_t
		if err = syscall.Statfs(path, &stat); err != nil {
			break
		}
		if free := int64(stat.Bavail) * stat.Bsize; leave > 0 && free < leave+int64(len(block)) {
			break
		}
		if _, err = f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block, err = block[:len(block)/2], nil
		} else if err != nil {
			break
		}
	}
	return errors.Join(err, f.Close())
}
