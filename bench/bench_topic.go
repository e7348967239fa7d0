package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"waverider/internal/testhub"
)

// passed is what is sent through a Topic in one run: 256 MB, whole records.
const passed = 2_560_000

// benchTopicBytes sends records from one HTTP producer through a Topic to one
// HTTP reader, who checks that each comes, once and in order.
func benchTopicBytes(ctx context.Context, g *rig) ([]figure, error) {
	const runs = 3
	data := numbered(0, passed)
	var failed []error
	took := map[string]series{}
	err := g.withHub(ctx, nil, func(h *testhub.Hub) error {
		ways := map[string]func() (time.Duration, error){
			"raw":   func() (time.Duration, error) { return g.timeRawJetStream(ctx, len(data)) },
			"relay": func() (time.Duration, error) { return g.throughRelay(ctx, data) },
			"disk":  func() (time.Duration, error) { return appendAll(h.DataDir(), data) },
		}
		for _, d := range durabilities {
			ways[d] = func() (time.Duration, error) { return pour{durability: d, readers: 1}.run(ctx, h, data) }
		}
		for i := range runs + 1 {
			for name, once := range ways {
				d, err := once()
				if err != nil { // the others are still worth knowing
					failed = append(failed, fmt.Errorf("%s: %w", name, err))
					delete(ways, name)
				} else if i > 0 { // the first round warms up
					took[name] = append(took[name], d)
				}
			}
		}
		return errors.Join(failed...)
	})
	rate := func(d time.Duration) float64 { return float64(len(data)) / max(d.Seconds(), 1e-9) / mega }
	limit := func(name string) float64 { return rate(took[name].median()) }
	var figures []figure
	for _, f := range []struct {
		durability string
		figure     figure
	}{
		{"async", figure{Goal: 300, Limit: limit("raw"), LimitName: "raw JetStream, publish + consume", RatioGoal: 0.5}},
		{"sync", figure{Goal: 220, Limit: limit("async"), LimitName: "the same, async", RatioGoal: 0.6}},
		{"memory", figure{Goal: 750, Limit: limit("relay"), LimitName: "relay, nothing kept"}},
	} {
		s := took[f.durability]
		if len(s) < runs {
			continue
		}
		f.figure.Name, f.figure.Unit, f.figure.More = "HTTP to Topic to HTTP, "+f.durability, "MB/s", true
		f.figure.Value = rate(s.median())
		f.figure.Note = fmt.Sprintf("%d runs of 256 MB, best %s, worst %s; no record missing, none twice, all in order", runs,
			quantity(rate(s.quantile(0)), "MB/s"), quantity(rate(s.quantile(1)), "MB/s"))
		if f.durability == "sync" {
			f.figure.Note += fmt.Sprintf("; appends of %d KiB to a file, each with fsync, %s", appendSize>>10, quantity(limit("disk"), "MB/s"))
		}
		figures = append(figures, f.figure)
	}
	return figures, err
}

var durabilities = []string{"async", "sync", "memory"}

func benchTopic(name, durability string) testhub.Topic {
	return testhub.Topic{ID: name, ContentType: testhub.NDJSON, Durability: durability}
}

// pour is one run of records through a Topic.
type pour struct {
	durability string
	readers    int // that read as fast as they can
	stopped    int // that have connected and read nothing
	lead       int // records before the time is taken
}

// run takes the time until every reader has all of data and the producer's
// answer has come. Of what comes after the lead it reckons up to all.
func (p pour) run(ctx context.Context, h *testhub.Hub, data []byte) (took time.Duration, err error) {
	const topic = "bench.bytes"
	if err := h.CreateTopic(ctx, benchTopic(topic, p.durability)); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.DeleteTopic(ctx, topic)) }()
	var outs []*testhub.Out
	for range p.stopped + p.readers {
		out, err := h.ReadTopic(ctx, topic, "")
		if err != nil {
			return 0, err
		}
		defer out.Close()
		outs = append(outs, out)
	}
	in, err := h.Produce(ctx, topic)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	readers := make([]checker, p.readers)
	move := func(data []byte, upTo int, end func() error) error {
		done := make(chan error)
		go func() { done <- errors.Join(writePieces(in, data), end()) }()
		for i := range readers {
			go func() { done <- readers[i].readRecords(outs[p.stopped+i], upTo) }()
		}
		var failed error
		for range 1 + p.readers {
			if err := <-done; err != nil && failed == nil {
				failed = err
				_ = in.Close() // so that the others end
				for _, out := range outs {
					_ = out.Close()
				}
			}
		}
		return failed
	}
	if err := move(data[:p.lead*lineSize], p.lead, func() error { return nil }); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := move(data[p.lead*lineSize:], len(data)/lineSize, in.Finish); err != nil {
		return 0, err
	}
	return time.Since(began) * time.Duration(len(data)/lineSize) / time.Duration(len(data)/lineSize-p.lead), nil
}

// throughRelay moves data over the same two requests through a server that
// keeps nothing.
func (g *rig) throughRelay(ctx context.Context, data []byte) (time.Duration, error) {
	d, err := g.bareRelay(ctx)
	if err != nil {
		return 0, err
	}
	began, sent := time.Now(), make(chan error, 1)
	go func() { sent <- writePieces(d.in, data) }()
	err = (&checker{}).readRecords(d.out, len(data)/lineSize)
	took := time.Since(began)
	return took, errors.Join(err, d.close(), <-sent)
}

// appendSize is about what a Topic under load puts on disk at once.
const appendSize = 512 << 10

// appendAll is what the disk takes to keep data, piece by piece.
func appendAll(dir string, data []byte) (took time.Duration, err error) {
	f, err := os.Create(filepath.Join(dir, "bench.appends"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	began := time.Now()
	for len(data) > 0 {
		n := min(len(data), appendSize)
		if _, err := f.Write(data[:n]); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		data = data[n:]
	}
	return time.Since(began), nil
}

// timeRawJetStream sends bytes through the engine by itself.
func (g *rig) timeRawJetStream(ctx context.Context, size int) (time.Duration, error) {
	took, err := g.rawJetStream(ctx, "move", "-bytes", strconv.Itoa(size))
	if err != nil {
		return 0, err
	}
	return took.median(), nil
}

// rawOutput runs the engine by itself and answers what it prints.
func (g *rig) rawOutput(ctx context.Context, what string, args ...string) ([]byte, error) {
	raw, err := g.build(ctx, "rawjs")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(g.dir, "raw-")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, raw, append([]string{what, "-dir", dir}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return nil, fmt.Errorf("raw JetStream: %w", err)
	}
	return out, nil
}

// rawJetStream runs the engine by itself and answers how long things took.
func (g *rig) rawJetStream(ctx context.Context, what string, args ...string) (series, error) {
	out, err := g.rawOutput(ctx, what, args...)
	if err != nil {
		return nil, err
	}
	var took series
	for _, line := range strings.Fields(string(out)) {
		nanos, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("raw JetStream: %w", err)
		}
		took = append(took, time.Duration(nanos))
	}
	if len(took) == 0 {
		return nil, errors.New("raw JetStream says nothing")
	}
	return took, nil
}

// build makes one of the programs beside this one, once.
func (g *rig) build(ctx context.Context, name string) (string, error) {
	path := g.program(name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "waverider/bench/"+name).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s, which takes go and this module's folder: %w\n%s", name, err, out)
	}
	return path, nil
}
