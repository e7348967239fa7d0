package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"waverider/internal/testhub"
)

// A crowd is many sync Topics that get a record each now and then, at times
// spread evenly.
const (
	crowdTopics = 1000
	crowdEvery  = 100 * time.Millisecond
	crowdWarm   = 20 // records of each Topic before it counts
	crowdCount  = 60 // records of each Topic that count

	crowdPatience = 45 * time.Second
)

// benchTopicAcks takes the time from sending a record to the answer that it is
// on disk, with one open body a Topic and with one request a record.
func benchTopicAcks(ctx context.Context, g *rig) ([]figure, error) {
	var figures []figure
	var failed []error
	for _, c := range []struct {
		name string
		goal float64
		open func(ctx context.Context, h *testhub.Hub, topic string) (acker, error)
	}{{"one body a Topic", 20, openAckedBody}, {"one request a record", 0, openRequests}} {
		ctx, cancel := context.WithTimeout(ctx, crowdPatience)
		err := g.withHub(ctx, nil, func(h *testhub.Hub) error {
			crowd, err := newCrowd(ctx, h, c.open)
			if err != nil {
				return err
			}
			s, err := crowd.run(ctx, h)
			if err := errors.Join(err, crowd.close()); err != nil {
				return err
			}
			commits, err := g.rawJetStream(ctx, "commit")
			if err != nil {
				return err
			}
			note := fmt.Sprintf("n=%d, max %.1f ms, %s", len(s), millis(s.quantile(1)), crowd.cost)
			for _, q := range []struct {
				name string
				at   float64
				goal float64
			}{{"p50", 0.5, 0}, {"p99", 0.99, c.goal}} {
				figures = append(figures, figure{Name: fmt.Sprintf("ack of 1,000 sync Topics, 10/s each, %s, %s", c.name, q.name), Unit: "ms",
					Value: millis(s.quantile(q.at)), Goal: q.goal, Limit: millis(commits.quantile(q.at)), LimitName: "raw JetStream, a commit of 100", Note: note})
				note = ""
			}
			return nil
		})
		cancel()
		if err != nil { // the other is still worth knowing
			failed = append(failed, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	return figures, errors.Join(failed...)
}

// acker is a producer of one Topic. send hands over one record; acked waits
// until n records in all are on disk.
type acker interface {
	send(record []byte) error
	acked(n int) error
	Close() error
}

type crowd struct {
	members []acker
	cost    string // of the last run
}

func newCrowd(ctx context.Context, h *testhub.Hub, open func(context.Context, *testhub.Hub, string) (acker, error)) (*crowd, error) {
	c := &crowd{}
	var mu sync.Mutex
	made := 0
	err := together(ctx, crowdTopics, 16, func(context.Context) error {
		mu.Lock()
		made++
		topic := fmt.Sprintf("bench.crowd-%d", made)
		mu.Unlock()
		if err := h.CreateTopic(ctx, benchTopic(topic, "sync")); err != nil {
			return err
		}
		m, err := open(ctx, h, topic) // ctx outlives this call
		if err != nil {
			return err
		}
		mu.Lock()
		c.members = append(c.members, m)
		mu.Unlock()
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// run lets every member send its records and answers how long those that count
// waited for their ack.
func (c *crowd) run(ctx context.Context, h *testhub.Hub) (series, error) {
	start := time.Now().Add(crowdEvery)
	var all, late series
	var mu sync.Mutex
	var members sync.WaitGroup
	var failed error
	note := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if failed == nil && err != nil {
			failed = err
			for _, m := range c.members {
				_ = m.Close() // wakes the others
			}
		}
	}
	ours, hubs := processorTime(), testhub.CPUTicks(h.PID())
	for i, m := range c.members {
		sent := make(chan time.Time, crowdWarm+crowdCount)
		first := start.Add(crowdEvery * time.Duration(i) / time.Duration(len(c.members)))
		members.Go(func() {
			defer close(sent)
			var slept series
			for n := range crowdWarm + crowdCount {
				due := first.Add(time.Duration(n) * crowdEvery)
				time.Sleep(time.Until(due))
				now := time.Now()
				if err := m.send(numbered(n, 1)); err != nil {
					note(err)
					return
				}
				sent <- now
				slept = append(slept, now.Sub(due))
			}
			mu.Lock()
			late = append(late, slept[crowdWarm:]...)
			mu.Unlock()
		})
		members.Go(func() {
			var took series
			n := 0
			for at := range sent {
				n++
				if err := m.acked(n); err != nil {
					note(err)
					return
				}
				took = append(took, time.Since(at))
			}
			mu.Lock()
			all = append(all, took[min(crowdWarm, len(took)):]...)
			mu.Unlock()
		})
	}
	members.Wait()
	wall := time.Since(start)
	c.cost = fmt.Sprintf("sent %.1f ms after its time at p99; %.2f cores for the generator, %.2f for the Hub", millis(late.quantile(0.99)),
		(processorTime()-ours).Seconds()/wall.Seconds(), float64(testhub.CPUTicks(h.PID())-hubs)/clockTicks/wall.Seconds())
	return all, failed
}

// clockTicks in a second: what /proc counts in, on every Linux there is.
const clockTicks = 100

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (c *crowd) close() (err error) {
	for _, m := range c.members {
		if e := m.Close(); !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// ackedBody is one open body with acks=stream.
type ackedBody struct {
	testhub.AckedBody
	counts chan int
	failed error // set when counts is closed
	have   int   // records on disk, as last told
}

func openAckedBody(ctx context.Context, h *testhub.Hub, topic string) (acker, error) {
	body, err := h.PostAcked(ctx, topic)
	if err != nil {
		return nil, err
	}
	a := &ackedBody{AckedBody: body, counts: make(chan int, crowdWarm+crowdCount)}
	go func() {
		defer close(a.counts)
		a.failed = body.Acks(func(ack testhub.TopicAck) { a.counts <- int(ack.Records) })
	}()
	return a, nil
}

func (a *ackedBody) send(record []byte) error {
	_, err := a.Write(record)
	return err
}

func (a *ackedBody) acked(n int) error {
	for a.have < n {
		count, ok := <-a.counts
		if !ok {
			return errors.Join(io.ErrUnexpectedEOF, a.failed)
		}
		a.have = count
	}
	return nil
}

// requests is one connection with a request a record.
type requests struct {
	conn net.Conn
	in   *bufio.Reader
	head string
	stop func() bool
	have int
}

func openRequests(ctx context.Context, h *testhub.Hub, topic string) (acker, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", h.Addr())
	if err != nil {
		return nil, err
	}
	return &requests{conn: conn, in: bufio.NewReader(conn),
		head: fmt.Sprintf("POST /api/v1/topic/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", topic, h.Addr(), testhub.NDJSON, lineSize),
		stop: context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })}, nil
}

func (r *requests) send(record []byte) error {
	_, err := r.conn.Write(append([]byte(r.head), record...))
	return err
}

func (r *requests) acked(n int) error {
	for ; r.have < n; r.have++ {
		resp, err := http.ReadResponse(r.in, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the Hub answers %s", resp.Status)
		}
	}
	return nil
}

func (r *requests) Close() error {
	r.stop()
	if err := r.conn.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
