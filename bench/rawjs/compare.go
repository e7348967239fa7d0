package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// A load is a way to write: so many messages of a size by each producer, or
// commits of many messages of different subjects, all or none.
type load struct {
	name    string
	size    int
	each    int // messages of each producer
	commits int
}

const recordSize = 100

var loads = []load{
	{name: "batch", size: 512<<10 - 512<<10%recordSize, each: 50},
	{name: "record", size: recordSize, each: 300},
	{name: "commit", size: 2 * recordSize, commits: 150},
}

// measured is what a load gave on some nodes.
type measured struct {
	Load     string
	Nodes    int
	PerS     float64 // messages, or commits
	RecordsS float64 // of 100 bytes
	MBS      float64
	P50, P99 time.Duration
}

// compare puts each load on one node and on three, in turn, and prints the
// median of the rounds.
func compare(ctx context.Context, dir string, rounds int) error {
	results := map[string][]measured{}
	var clusters []*cluster
	for _, n := range []int{1, 3} {
		c, err := startCluster(ctx, filepath.Join(dir, strconv.Itoa(n)), n)
		if err != nil {
			return err
		}
		defer c.stop()
		clusters = append(clusters, c)
	}
	for round := range rounds + 1 {
		for _, l := range loads {
			for _, c := range clusters {
				m, err := l.run(ctx, c)
				if err != nil {
					return fmt.Errorf("%s on %d nodes: %w", l.name, len(c.nodes), err)
				}
				if round > 0 { // the first warms up
					key := fmt.Sprint(l.name, len(c.nodes))
					results[key] = append(results[key], m)
				}
			}
		}
	}
	out := json.NewEncoder(os.Stdout)
	for _, l := range loads {
		for _, c := range clusters {
			all := results[fmt.Sprint(l.name, len(c.nodes))]
			slices.SortFunc(all, func(a, b measured) int { return int(a.PerS - b.PerS) })
			if err := out.Encode(all[len(all)/2]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l load) run(ctx context.Context, c *cluster) (m measured, err error) {
	if err := c.purge(); err != nil {
		return m, err
	}
	if err := c.whole(ctx); err != nil {
		return m, err
	}
	var took time.Duration
	var acks []time.Duration
	messages, bytes := l.each*producers, l.each*producers*l.size
	if l.commits > 0 {
		messages, bytes = l.commits, l.commits*perCommit*l.size
		took, acks, err = l.commitAll(c)
	} else {
		took, acks, err = l.produceAll(ctx, c)
	}
	if err != nil {
		return m, err
	}
	slices.Sort(acks)
	s := took.Seconds()
	return measured{Load: l.name, Nodes: len(c.nodes), PerS: float64(messages) / s, RecordsS: float64(bytes) / recordSize / s,
		MBS: float64(bytes) / 1e6 / s, P50: acks[len(acks)/2], P99: acks[len(acks)*99/100]}, nil
}

func (l load) produceAll(ctx context.Context, c *cluster) (took time.Duration, acks []time.Duration, err error) {
	writers, err := c.writers(producers)
	if err != nil {
		return 0, nil, err
	}
	if took, err = produce(ctx, writers, l.size, l.each); err != nil {
		return 0, nil, err
	}
	for _, w := range writers {
		acks = append(acks, w.acks...)
	}
	return took, acks, nil
}

// commitAll is what a lane of many Topics does.
func (l load) commitAll(c *cluster) (took time.Duration, acks []time.Duration, err error) {
	writers, err := c.writers(perCommit)
	if err != nil {
		return 0, nil, err
	}
	began := time.Now()
	for range l.commits {
		at := time.Now()
		if err := commit(writers, l.size); err != nil {
			return 0, nil, err
		}
		acks = append(acks, time.Since(at))
	}
	return time.Since(began), acks, nil
}
