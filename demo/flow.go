package demo

import (
	"context"
	"encoding/json"
	"time"

	"waverider"
	"waverider/client"
)

// pollEvery is how often each place is asked how things are.
const pollEvery = 500 * time.Millisecond

// flow is what a Hub said last of a program and of the Topic it writes.
type flow struct {
	status   waverider.Status
	err      string // what the program failed with
	pid      int    // 0: none, or not known
	restarts int
	lag      int     // records of its input that it has not finished; -1: not known
	rate     float64 // records a second
}

// report is what a place says of itself. Of a place that is away it is the zero
// report, but for the flows, which are those of before.
type report struct {
	pid   int
	here  bool
	link  hubLink      // of a Hub
	flows map[int]flow // of the programs on it, by their number
	toGo  int          // records that have still to go to the next place
	hubs  int          // of the Space: how many are connected
	known int          // of the Space: how many there are

	results int // of the Space: records that came back from cloud
}

// poll tells what a place says, again and again until ctx ends.
func poll(ctx context.Context, p *place, which int, programs []program, tell func(report)) {
	var last report
	for {
		now, err := look(ctx, p, which, programs, last)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			now = report{flows: last.flows}
		}
		tell(now)
		last = now
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return
		}
	}
}

func look(ctx context.Context, p *place, which int, programs []program, last report) (now report, err error) {
	ctx, cancel := context.WithTimeout(ctx, 6*pollEvery)
	defer cancel()
	now = report{pid: p.PID(), here: true, flows: map[int]flow{}}
	if which == space {
		return now, lookAtSpace(ctx, p.api, &now)
	}
	if now.link, err = linkOf(ctx, p.api); err != nil {
		return now, err
	}
	for i, of := range programs {
		if of.on != which {
			continue
		}
		f, out, err := lookAtProgram(ctx, p.api, of, last.flows[i])
		if err != nil {
			return now, err
		}
		now.flows[i] = f
		now.toGo = max(now.toGo, lagOf(out, client.ReaderSpace, ""))
	}
	return now, nil
}

// lookAtSpace asks for its Hubs, and what the one that computes has not had.
func lookAtSpace(ctx context.Context, c *client.Client, now *report) error {
	hubs, err := c.Hubs(ctx)
	if err != nil {
		return err
	}
	now.known = len(hubs)
	info, err := topicAt(ctx, c, figuresTopic)
	if err != nil {
		return err
	}
	back, err := topicAt(ctx, c, statsTopic)
	if err != nil {
		return err
	}
	now.results = int(back.Total)
	for _, h := range hubs {
		if h.State == client.HubConnected {
			now.hubs++
		}
		if h.Name == placeNames[cloud] {
			now.toGo = max(lagOf(info, client.ReaderHub, h.ID), 0)
		}
	}
	return nil
}

// lookAtProgram also gives the Topic that the program writes.
func lookAtProgram(ctx context.Context, c *client.Client, p program, last flow) (f flow, out client.TopicInfo, err error) {
	in, err := c.Instance(ctx, p.id)
	if err != nil {
		return f, out, err
	}
	if out, err = topicAt(ctx, c, p.writes); err != nil {
		return f, out, err
	}
	f = flow{status: in.Status, err: in.Error, restarts: in.Restarts, lag: -1, rate: out.Rate.Records}
	if p.reads != "" {
		info, err := topicAt(ctx, c, p.reads)
		if err != nil {
			return f, out, err
		}
		f.lag = lagOf(info, client.ReaderSlot, p.id)
	}
	if f.status == waverider.StatusRunning {
		if f.pid = last.pid; f.pid == 0 || f.restarts != last.restarts {
			f.pid = pidOf(ctx, c, p.id)
		}
	}
	return f, out, nil
}

// topicAt looks at a Topic, which may not be there yet.
func topicAt(ctx context.Context, c *client.Client, name waverider.TopicName) (client.TopicInfo, error) {
	info, err := c.Topic(ctx, string(name))
	if waverider.KindOf(err) == waverider.NotFound {
		err = nil
	}
	return info, err
}

// lagOf is the lag of a reader, -1 when it is not known. The name may be left out.
func lagOf(t client.TopicInfo, kind, name string) int {
	for _, r := range t.Readers {
		if r.Kind == kind && (name == "" || r.Name == name) {
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
