package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// failedOver is what a kill of the leader did.
type failedOver struct {
	Way     string
	Gap     time.Duration // from the kill until an ack came again
	Slowest time.Duration // ack of all
	Whole   time.Duration // from the start of the killed node until it had all
	Acks    int
	Settled int // messages whose fate had to be found out
	There   int // of these, those that were stored
	Lost    int // acknowledged, and not on every node
	Doubled int
	Wrong   []string // subjects whose newest message was not what it has to be
}

const (
	calmFor  = 1500 * time.Millisecond // before the kill, after it, and after the node is back
	onItsWay = 20 * time.Millisecond   // answers of a node that is killed may still come
)

// way is how is written while a leader is killed.
type way struct {
	name    string
	writers int
	twice   bool // each message, without waiting
	write   func(ctx context.Context, writers []*writer) error
}

var ways = []way{
	{"one message at a time", producers, false, keepProducing},
	{"each message twice", producers, true, keepProducing},
	{"commits of 100", perCommit, false, keepCommitting},
}

func keepProducing(ctx context.Context, writers []*writer) error {
	_, err := produce(ctx, writers, 16<<10, 0)
	return err
}

func keepCommitting(ctx context.Context, writers []*writer) error {
	for ctx.Err() == nil {
		if err := commit(writers, 2*recordSize); err != nil {
			return err
		}
	}
	return nil
}

// failover kills the leader of three nodes while producers write, starts it
// again, and then compares what each node has with what was acknowledged. The
// ways to write take turns.
func failover(ctx context.Context, dir string, rounds int) error {
	c, err := startCluster(ctx, dir, 3)
	if err != nil {
		return err
	}
	defer c.stop()
	for round := range rounds {
		r, err := c.failoverOnce(ctx, ways[round%len(ways)])
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) failoverOnce(ctx context.Context, how way) (r failedOver, err error) {
	r.Way = how.name
	if err := c.purge(); err != nil {
		return r, err
	}
	if err := c.whole(ctx); err != nil {
		return r, err
	}
	writers, err := c.writers(how.writers)
	if err != nil {
		return r, err
	}
	acks := &newestAck{}
	for _, w := range writers {
		w.acked, w.twice = acks.note, how.twice
	}
	leader, err := c.leader()
	if err != nil {
		return r, err
	}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() {
		done <- how.write(writing, writers)
	}()
	time.Sleep(calmFor)
	killed := time.Now()
	if err := leader.kill(); err != nil {
		return r, err
	}
	for acks.newest().Before(killed.Add(onItsWay)) {
		if time.Sleep(10 * time.Millisecond); time.Since(killed) > patience {
			return r, errors.New("nothing is stored any more")
		}
	}
	r.Gap = acks.newest().Sub(killed)
	time.Sleep(calmFor)
	began := time.Now()
	if err := leader.start(ctx); err != nil {
		return r, err
	}
	time.Sleep(calmFor)
	stop()
	if err := <-done; err != nil {
		return r, err
	}
	if err := c.whole(ctx); err != nil {
		return r, err
	}
	r.Whole = time.Since(began)
	for _, w := range writers {
		r.Acks += len(w.acks)
		r.Settled += w.settled
		r.There += w.there
		r.Wrong = append(r.Wrong, w.wrong...)
		r.Slowest = max(r.Slowest, slices.Max(w.acks))
	}
	for _, n := range c.nodes {
		if err := c.lead(ctx, n); err != nil {
			return r, err
		}
		lost, doubled, err := checkAll(ctx, writers)
		if err != nil {
			return r, fmt.Errorf("what %s has: %w", n.name, err)
		}
		r.Lost, r.Doubled = r.Lost+lost, r.Doubled+doubled
	}
	return r, nil
}

func checkAll(ctx context.Context, writers []*writer) (lost, doubled int, err error) {
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, w := range writers {
		group.Go(func() {
			l, d, failed := w.check(ctx)
			mu.Lock()
			defer mu.Unlock()
			lost, doubled, err = lost+l, doubled+d, errors.Join(err, failed)
		})
	}
	group.Wait()
	return lost, doubled, err
}

// newestAck is when the last ack of any writer came.
type newestAck struct{ nanos atomic.Int64 }

func (a *newestAck) note()             { a.nanos.Store(time.Now().UnixNano()) }
func (a *newestAck) newest() time.Time { return time.Unix(0, a.nanos.Load()) }
