package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

// marksAreWritten is how long after the last record the Hub knows on disk how
// far each Topic came.
const marksAreWritten = 3500 * time.Millisecond

// damageSet is Topics with known records, in the image of a data dir, to be
// damaged again and again.
type damageSet struct {
	r       *rig
	victims []*topic // in streams that are damaged
	others  []*topic
	ends    map[*topic]string // cursor after the last record of each
	dir     string
}

// topicsDamaged damages files of a Hub that does not run, each kind of file in
// each way, and looks whether it is noticed, told and kept from spreading.
func topicsDamaged(ctx context.Context, r *rig) error {
	dir, err := os.MkdirTemp("", "wr-damage-")
	if err != nil {
		return err
	}
	r.defers(func() { _ = os.RemoveAll(dir) }) // a temporary folder
	s := &damageSet{r: r, ends: map[*topic]string{}, dir: dir}
	if err := s.fill(ctx); err != nil {
		return err
	}
	for i := range r.rounds {
		for j, kind := range damages {
			for _, image := range []string{"killed", "stopped"} {
				if r.short && (image == "killed") != ((i+j)%2 == 0) {
					continue // one of the two will do
				}
				if err := s.damaged(ctx, image, kind); err != nil {
					return fmt.Errorf("%s, %s: %w", image, kind.name, err)
				}
				r.res.round()
			}
		}
		if err := s.ledgerCut(ctx); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
	}
	return nil
}

// on runs a Hub on a copy of an image, which harm may change before.
func (s *damageSet) on(ctx context.Context, image string, harm func(dir string) error, do func() error) (err error) {
	dir := filepath.Join(s.dir, "data")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := copyDir(dir, filepath.Join(s.dir, image)); err != nil {
		return err
	}
	if err := harm(dir); err != nil {
		return fmt.Errorf("do the harm: %w", err)
	}
	h, err := testhub.Open(ctx, testhub.Options{Binary: s.r.binary, DataDir: dir, Args: []string{"--warm-pool", "0"}})
	if err != nil {
		return err
	}
	s.r.hub = h
	defer func() { err = errors.Join(err, h.Close()) }()
	before := len(s.r.res.failures)
	err = do()
	if len(s.r.res.failures) > before || err != nil {
		s.r.res.failf("the Hub's last words:\n%s", h.LogTail(20))
	}
	return err
}

// fill makes the Topics and the images: one of a Hub that was killed, one of a
// Hub that has stopped.
func (s *damageSet) fill(ctx context.Context) error {
	if err := os.Mkdir(filepath.Join(s.dir, "empty"), 0o700); err != nil {
		return err
	}
	return s.on(ctx, "empty", func(string) error { return nil }, func() error {
		for _, t := range []testhub.Topic{{ID: "large", MaxBytes: 1 << 30}, {ID: "small-1"}, {ID: "small-2"},
			{ID: "other", MaxBytes: 1 << 30}, {ID: "async", Durability: "async"}} {
			made, err := s.r.newTopic(ctx, t)
			if err != nil {
				return err
			}
			if len(s.victims) < 3 {
				s.victims = append(s.victims, made)
			} else {
				s.others = append(s.others, made)
			}
		}
		for range 80 { // 20 MiB in the large one: three files
			if err := s.post(ctx, s.victims[0], 64, 4<<10); err != nil {
				return err
			}
			for _, t := range append(s.victims[1:], s.others...) {
				if err := s.post(ctx, t, 10, 1000); err != nil {
					return err
				}
			}
		}
		select {
		case <-time.After(marksAreWritten):
		case <-ctx.Done():
		}
		if err := s.r.kill9(ctx); err != nil {
			return err
		}
		if err := s.keep("killed"); err != nil {
			return err
		}
		if err := s.r.hub.Start(ctx); err != nil {
			return err
		}
		if err := s.r.hub.End(ctx, syscall.SIGINT); err != nil {
			return err
		}
		return s.keep("stopped")
	})
}

func (s *damageSet) keep(image string) error {
	return copyDir(filepath.Join(s.dir, image), s.r.hub.DataDir())
}

// post writes count records of about size bytes.
func (s *damageSet) post(ctx context.Context, t *topic, count, size int) error {
	cursor, _, err := s.r.post(ctx, t, 1, count, size)
	if err == nil {
		s.ends[t] = cursor
	}
	return err
}

// damaged is one kind of damage, done to the streams of the victims.
func (s *damageSet) damaged(ctx context.Context, image string, kind damage) error {
	harm := func(dir string) error {
		for _, stream := range []string{"own-large-*", "sync"} {
			if err := kind.to(dir, stream); err != nil {
				return err
			}
		}
		return nil
	}
	return s.on(ctx, image, harm, func() error {
		what := image + ", " + kind.name
		lost := map[*topic]tally.Contents{}
		for _, t := range append(s.victims, s.others...) {
			c, err := s.look(ctx, t, what, kind.loses)
			if err != nil {
				return err
			}
			lost[t] = c
		}
		for _, t := range s.victims {
			if err := s.goesOn(ctx, t, what); err != nil {
				return err
			}
		}
		if err := errors.Join(s.r.hub.End(ctx, syscall.SIGTERM), s.r.hub.Start(ctx)); err != nil {
			return err
		}
		for t, before := range lost {
			c, _, err := s.readWhole(ctx, t)
			if err != nil {
				return err
			}
			if n := len(before.IDs); len(c.IDs) < n || !tally.Compare(before.IDs, c.IDs[:n]).Good() {
				s.r.res.failf("%s: topic %s has other records after one more start", what, t.name)
			}
		}
		return nil
	})
}

// readWhole reads a Topic and how many records the Hub says are missing in it.
func (s *damageSet) readWhole(ctx context.Context, t *topic) (c tally.Contents, missed int64, err error) {
	out, err := s.r.hub.ReadTopic(ctx, t.name, "?from=start&follow=false")
	if err != nil {
		return c, 0, err
	}
	defer out.Close()
	if c, err = tally.ReadAll(out); err != nil {
		return c, 0, fmt.Errorf("read topic %s after %d records: %w", t.name, len(c.IDs), err)
	}
	if text := out.Trailer(testhub.MissedHeader); text != "" {
		missed, err = strconv.ParseInt(text, 10, 64)
	}
	return c, missed, err
}

// look reads a Topic and compares what is missing with what the Hub tells.
func (s *damageSet) look(ctx context.Context, t *topic, what string, loses bool) (tally.Contents, error) {
	c, missed, err := s.readWhole(ctx, t)
	if err != nil {
		return c, err
	}
	found, losses := t.book.Check(c)
	lost := int64(len(losses))
	if loses {
		found.Lost = 0
		s.r.res.mayLose(lost)
	}
	s.r.res.took(what+": topic "+t.name, found)
	info, err := s.r.hub.TopicInfo(ctx, t.name)
	if err != nil {
		return c, err
	}
	if lost > 0 && len(info.Damage) == 0 {
		s.r.res.failf("%s: topic %s lost %d records, and the Hub tells of no damage", what, t.name, lost)
	}
	if missed != lost {
		s.r.res.failf("%s: topic %s lost %d records, and the reader was told of %d; damage %+v", what, t.name, lost, missed, info.Damage)
	}
	if lost > 0 && !strings.Contains(s.r.hub.LogTail(1000), "level=ERROR") {
		s.r.res.failf("%s: topic %s lost %d records, and the log tells nothing", what, t.name, lost)
	}
	if t == s.victims[0] && loses && (lost == 0 || lost > int64(len(c.IDs))) {
		s.r.res.failf("%s: topic %s: %d records are left, %d lost: no more than one file of three was damaged", what, t.name, len(c.IDs), lost)
	}
	if slices.Contains(s.others, t) && len(info.Damage) > 0 {
		s.r.res.failf("%s: topic %s was not touched, and is said to be damaged: %+v", what, t.name, info.Damage)
	}
	return c, nil
}

// goesOn writes to a damaged Topic: the new records have to come after the
// place where the old ones ended, and no record twice.
func (s *damageSet) goesOn(ctx context.Context, t *topic, what string) error {
	const producer, count = 2, 50
	book := &tally.Book{}
	var body []byte
	for range count {
		body = tally.Append(body, book.WriteNext(producer), 100)
	}
	book.Ack(producer, 0, count, time.Now())
	if _, err := s.r.hub.PostTopic(ctx, t.name, "", bytes.NewReader(body)); err != nil {
		return fmt.Errorf("write on: %w", err)
	}
	out, err := s.r.hub.ReadTopic(ctx, t.name, "?from="+s.ends[t]+"&follow=false")
	if err != nil {
		s.r.res.failf("%s: topic %s can't be read from where its records ended: %v", what, t.name, err)
		return nil
	}
	defer out.Close()
	c, err := tally.ReadAll(out)
	if err != nil {
		return err
	}
	if found, _ := book.Check(c); !found.Good() {
		s.r.res.failf("%s: topic %s, new records after the end of the old ones: %v", what, t.name, found)
	}
	return nil
}
