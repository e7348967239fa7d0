package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const stream = "raw"

// makeStream makes the stream as Topics have it, with a copy on each node. The
// cluster may take a while to choose a leader first.
func (c *cluster) makeStream(ctx context.Context) error {
	cfg := server.StreamConfig{Name: stream, Subjects: []string{"raw.*"}, Storage: server.FileStorage, Replicas: len(c.nodes),
		Discard: server.DiscardNew, MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1, MaxMsgsPer: -1, MaxMsgSize: -1,
		AllowDirect: true, AllowAtomicPublish: true, Duplicates: 100 * time.Millisecond}
	return c.until(ctx, "make the stream", func() error {
		return c.ask("$JS.API.STREAM.CREATE."+stream, cfg, &server.JSApiStreamCreateResponse{})
	})
}

// until tries again and again until it works.
func (c *cluster) until(ctx context.Context, what string, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (c *cluster) ask(subject string, body, answer any) error {
	return c.askWithin(answerWithin, subject, body, answer)
}

func (c *cluster) askWithin(within time.Duration, subject string, body, answer any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	m, err := c.conn.Request(subject, data, within)
	if err != nil {
		return err
	}
	var failed server.ApiResponse
	if err := json.Unmarshal(m.Data, &failed); err != nil {
		return err
	}
	if failed.Error != nil {
		return failed.Error
	}
	return json.Unmarshal(m.Data, answer)
}

func (c *cluster) info() (*server.StreamInfo, error) {
	var answer server.JSApiStreamInfoResponse
	err := c.ask("$JS.API.STREAM.INFO."+stream, nil, &answer)
	return answer.StreamInfo, err
}

// leader is the node that has the word about the stream.
func (c *cluster) leader() (*node, error) {
	info, err := c.info()
	if err != nil {
		return nil, err
	}
	for _, n := range c.nodes {
		if info.Cluster == nil || info.Cluster.Leader == n.name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("the leader of the stream is %q", info.Cluster.Leader)
}

// whole waits until every node has all of the stream.
func (c *cluster) whole(ctx context.Context) error {
	return c.until(ctx, "wait for all copies", func() error {
		info, err := c.info()
		if err != nil || info.Cluster == nil {
			return err
		}
		current := 0
		for _, r := range info.Cluster.Replicas {
			if r.Current && !r.Offline && r.Lag == 0 {
				current++
			}
		}
		if current < len(c.nodes)-1 {
			return fmt.Errorf("%d of %d followers have all", current, len(c.nodes)-1)
		}
		return nil
	})
}

// lead gives a node the word.
func (c *cluster) lead(ctx context.Context, n *node) error {
	return c.until(ctx, "change the leader", func() error {
		if now, err := c.leader(); err != nil || now == n {
			return err
		}
		ask := server.JSApiLeaderStepdownRequest{Placement: &server.Placement{Preferred: n.name}}
		if err := c.ask("$JS.API.STREAM.LEADER.STEPDOWN."+stream, ask, &server.JSApiStreamLeaderStepDownResponse{}); err != nil {
			return err
		}
		return fmt.Errorf("%s does not lead yet", n.name)
	})
}

// purge empties the stream, so that the disk stays small.
func (c *cluster) purge() error {
	return c.ask("$JS.API.STREAM.PURGE."+stream, nil, &server.JSApiStreamPurgeResponse{})
}
