package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"waverider/internal/testhub"
)

// load is the Instances that are busy while the faults happen, and what reads
// and feeds them.
type load struct {
	r         *rig
	flowing   map[string]*follower // generators by id: their output is read all the time
	unread    string               // a generator whose output nobody reads: everything is full
	identity  string
	fed       *feeder
	back      *follower // output of identity
	writer    string
	writerOut int64 // bytes of the writer's output that were read
	pids      map[string]testhub.Proc
}

const (
	waitFlow = 20 * time.Second // for bytes to come again
	waitEnd  = 60 * time.Second // for all the rest to come
)

// newLoad starts them all and waits until they flow.
func newLoad(ctx context.Context, r *rig) (*load, error) {
	l := &load{r: r, flowing: map[string]*follower{}}
	for _, g := range []struct {
		name  string
		pause int // milliseconds between two pieces
	}{{"fast generator", 0}, {"slow generator", 5}, {"slower generator", 40}} {
		id, err := r.start(ctx, "generator", testhub.Start{Args: []any{g.pause}})
		if err != nil {
			return nil, err
		}
		l.flowing[id] = followOutput(ctx, r, g.name, id)
	}
	var err error
	if l.unread, err = r.start(ctx, "generator", testhub.Start{}); err != nil {
		return nil, err
	}
	if l.identity, err = r.start(ctx, "identity", testhub.Start{}); err != nil {
		return nil, err
	}
	l.back = followOutput(ctx, r, "identity", l.identity)
	l.fed = feed(ctx, r, l.identity, 512<<20) // more than it takes: kills find frames half written
	if l.writer, err = r.start(ctx, "writer", testhub.Start{}); err != nil {
		return nil, err
	}
	idle := 20
	if r.short {
		idle = 3
	}
	for range idle {
		if _, err := r.start(ctx, "identity", testhub.Start{}); err != nil {
			return nil, err
		}
	}
	if _, err := l.flowsAgain(ctx, time.Time{}); err != nil {
		return nil, err
	}
	if _, err := l.written(ctx); err != nil { // its first word: it listens
		return nil, err
	}
	l.pids, err = r.pids(ctx)
	return l, err
}

func (l *load) followers() []*follower {
	list := []*follower{l.back}
	for _, f := range l.flowing {
		list = append(list, f)
	}
	return list
}

// flowsAgain waits until every stream gives bytes on a connection opened after
// a moment, and answers when the last of them did.
func (l *load) flowsAgain(ctx context.Context, after time.Time) (latest time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, waitFlow)
	defer cancel()
	for _, f := range l.followers() {
		at, err := f.flowsAgain(ctx, after)
		if err != nil {
			return latest, err
		}
		if at.After(latest) {
			latest = at
		}
	}
	return latest, nil
}

// flood lets the writer write as fast as it can until halt.
func (l *load) flood(ctx context.Context) error { return l.r.hub.Event(ctx, l.writer, "flood", nil) }

// halt ends a flood and checks what is kept of it.
func (l *load) halt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitEnd)
	defer cancel()
	if err := l.r.hub.Event(ctx, l.writer, "halt", nil); err != nil {
		return fmt.Errorf("halt of the writer: %w", err)
	}
	total, err := l.written(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{"stdout", "stderr"} {
		if err := l.checkText(ctx, name, total); err != nil {
			return err
		}
	}
	return nil
}

// written reads the next line of the writer's output: the records it has
// written to each of stdout and stderr.
func (l *load) written(ctx context.Context) (int64, error) {
	out, err := l.r.hub.Output(ctx, l.writer, l.writerOut)
	if err != nil {
		return 0, fmt.Errorf("writer: %w", err)
	}
	defer out.Close()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("writer: %w", err)
	}
	l.writerOut += int64(len(line))
	return strconv.ParseInt(strings.TrimSpace(line), 10, 64)
}

// checkText reads what is kept of a text: an unbroken run of records up to the
// last one.
func (l *load) checkText(ctx context.Context, name string, total int64) error {
	out, err := l.r.hub.Get(ctx, "/instance/"+l.writer+"/"+name+"?from=start")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer out.Close()
	if size := total * recordSize; out.Offset > 0 && size <= l.r.logLimit<<20 {
		l.r.res.failf("%s: %d bytes fit into %d MiB, but it begins at %d", name, size, l.r.logLimit, out.Offset)
	}
	check := checkFrom(out.Offset)
	got, buf := out.Offset, make([]byte, 256<<10)
	for got < total*recordSize && err == nil {
		var n int
		n, err = out.Read(buf)
		_, _ = check.Write(buf[:n]) // never fails
		got += int64(n)
	}
	check.finish(total)
	l.r.res.add(name+" of the writer", check)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s at %d of %d bytes: %w", name, got, total*recordSize, err)
	}
	return nil
}

// finish lets every program end its stream and checks all of them to the last
// record.
func (l *load) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitEnd)
	defer cancel()
	l.flowing[l.unread] = followOutput(ctx, l.r, "unread generator", l.unread)
	for id, f := range l.flowing {
		if err := l.r.hub.Event(ctx, id, "halt", nil); err != nil {
			return fmt.Errorf("halt of the %s: %w", f.name, err)
		}
	}
	for id, f := range l.flowing {
		total, err := l.r.total(ctx, id)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if err := f.until(ctx, "end", func() bool { return f.ended }); err != nil {
			return err
		}
		f.settle(ctx, total)
	}
	total, err := l.fed.finish(ctx)
	if err != nil {
		return err
	}
	l.back.settle(ctx, total)
	return nil
}

// total is what a generator says on stdout at its end.
func (r *rig) total(ctx context.Context, id string) (int64, error) {
	out, err := r.hub.Get(ctx, "/instance/"+id+"/stdout?from=start")
	if err != nil {
		return 0, err
	}
	defer out.Close()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("its total: %w", err)
	}
	return strconv.ParseInt(strings.TrimSpace(line), 10, 64)
}
