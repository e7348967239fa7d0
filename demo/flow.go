package demo

import (
	"context"
	"encoding/json"
	"time"

	"waverider"
	"waverider/client"
)

// pollEvery is how often the Hub is asked about its programs and Topics.
const pollEvery = time.Second

// flow is what the Hub said last of a program and of the Topic it writes.
type flow struct {
	status   waverider.Status
	err      string // what the program failed with
	pid      int    // 0: none, or not known
	restarts int
	lag      int     // records of its input that it has not finished; -1: not known
	rate     float64 // records a second
}

// poll tells what the Hub says of the programs, again and again until ctx ends.
// While the Hub is away it tells nothing.
func poll(ctx context.Context, c *client.Client, programs []program, tell func([]flow)) {
	last := make([]flow, len(programs))
	for {
		if now, err := look(ctx, c, programs, last); err == nil {
			tell(now)
			last = now
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return
		}
	}
}

func look(ctx context.Context, c *client.Client, programs []program, last []flow) ([]flow, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*pollEvery)
	defer cancel()
	topics := map[waverider.TopicName]client.TopicInfo{}
	for _, p := range programs {
		info, err := c.Topic(ctx, string(p.writes))
		if err != nil {
			return nil, err
		}
		topics[p.writes] = info
	}
	now := make([]flow, len(programs))
	for i, p := range programs {
		in, err := c.Instance(ctx, p.id)
		if err != nil {
			return nil, err
		}
		f := flow{status: in.Status, err: in.Error, restarts: in.Restarts, lag: lagOf(topics[p.reads], p.id), rate: topics[p.writes].Rate.Records}
		if f.status == waverider.StatusRunning {
			if f.pid = last[i].pid; f.pid == 0 || f.restarts != last[i].restarts {
				f.pid = pidOf(ctx, c, p.id)
			}
		}
		now[i] = f
	}
	return now, nil
}

// lagOf is the lag of an Instance's reader, -1 when it has none.
func lagOf(t client.TopicInfo, id string) int {
	for _, r := range t.Readers {
		if r.Kind == client.ReaderSlot && r.Name == id {
			return int(r.Lag)
		}
	}
	return -1
}

func pidOf(ctx context.Context, c *client.Client, id string) int {
	var health struct{ ProcessID int }
	raw, err := c.InstanceHealth(ctx, id)
	if err != nil || json.Unmarshal(raw, &health) != nil {
		return 0 // asked again the next time
	}
	return health.ProcessID
}
