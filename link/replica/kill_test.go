package replica_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/link/replica"
	"waverider/topic"
)

// A process that is killed is a child: this test, run again.
const (
	childRole = "REPLICA_TEST_ROLE" // "receive" or "send"
	childDir  = "REPLICA_TEST_DIR"
	childPeer = "REPLICA_TEST_PEER" // address a sender sends to
)

// child is one role, until it is killed. It says what it has come to in lines.
func child(role string) {
	fail := func(err error) {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	ctx := context.Background()
	store, err := topic.Open(ctx, topic.Config{Dir: os.Getenv(childDir), Hub: role, MaxStore: 4 << 30, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fail(err)
	}
	if role == "receive" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fail(err)
		}
		fmt.Println("listens", l.Addr())
		receiver := replica.NewReceiver(store, replica.ReceiverOptions{})
		for {
			conn, err := l.Accept()
			if err != nil {
				fail(err)
			}
			go func() { _ = receiver.Serve(ctx, conn, replica.Peer{Producer: topic.FarHub + "a", Name: "a"}) }()
		}
	}
	top, err := store.Ensure(ctx, waverider.TopicConfig{Name: "t", ContentType: waverider.TypeNDJSON})
	if err == nil {
		err = top.Remember(ctx, topic.FarSpace, 0)
	}
	if err != nil {
		fail(err)
	}
	go func() {
		out := replica.Outbound{Store: store, Send: replica.SendOptions{Reader: topic.FarSpace, Skip: topic.FarSpace},
			Topics: func() []waverider.TopicName { return []waverider.TopicName{"t"} }, Changes: store.Changes}
		out.Hasty()
		fail(out.Run(ctx, func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", os.Getenv(childPeer))
		}))
	}()
	// It goes on after the last record that is stored.
	n, err := stored(ctx, top)
	if err != nil {
		fail(err)
	}
	fmt.Println("has", n)
	w, err := top.Writer(ctx, topic.Anonymous)
	if err != nil {
		fail(err)
	}
	for {
		for range 20 {
			line := fmt.Appendf(nil, "a %d\n", n)
			if err := w.Append(ctx, line, []uint32{uint32(len(line))}, topic.State{}); err != nil {
				fail(err)
			}
			n++
		}
		if _, err := w.Flush(ctx); err != nil {
			fail(err)
		}
		fmt.Println("has", n)
	}
}

// stored is how many records a Topic has.
func stored(ctx context.Context, top *topic.Topic) (n int, err error) {
	r, err := top.Reader(ctx, topic.From{})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	r.UntilNow()
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		n += int(m.Count())
		m.Release()
	}
}

// running is a child.
type running struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func start(t *testing.T, role, dir, peer string) *running {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir, childPeer+"="+peer, "GORACE=atexit_sleep_ms=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &running{cmd, bufio.NewScanner(out)}
	t.Cleanup(c.kill)
	return c
}

func (c *running) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}

// says waits for a line that begins with a word, and answers the rest.
func (c *running) says(t *testing.T, word string) string {
	t.Helper()
	for c.lines.Scan() {
		if rest, ok := strings.CutPrefix(c.lines.Text(), word+" "); ok {
			return rest
		}
		if strings.HasPrefix(c.lines.Text(), "failed") {
			t.Fatal(c.lines.Text())
		}
	}
	t.Fatalf("the child has ended: %v", c.lines.Err())
	return ""
}

// A receiver that is killed again and again while records come has each once.
func TestReceiverThatIsKilled(t *testing.T) {
	a, dir := newSite(t, "a"), t.TempDir()
	var addr string
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addresses := make(chan string, 1)
	out := replica.Outbound{Store: a.store, Send: replica.SendOptions{Reader: topic.FarSpace, Skip: topic.FarSpace},
		Topics: func() []waverider.TopicName { return []waverider.TopicName{"t"} }, Changes: a.store.Changes}
	out.Hasty()
	ended := make(chan error)
	go func() {
		ended <- out.Run(ctx, func(ctx context.Context) (net.Conn, error) {
			select {
			case addr = <-addresses:
			default:
			}
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		})
	}()
	random := rand.New(rand.NewPCG(11, 1))
	n := 0
	var c *running
	for range 6 {
		c = start(t, "receive", dir, "")
		addresses <- c.says(t, "listens")
		for range 20 + random.IntN(100) {
			a.produce("t", n, n+10)
			n += 10
		}
		c.kill()
	}
	c = start(t, "receive", dir, "")
	addresses <- c.says(t, "listens")
	wait(t, "all is acked", func() bool { st := out.Stats(); return len(st) == 1 && st[0].Lag == 0 })
	c.kill()
	cancel()
	<-ended
	s := &site{t: t, id: "receive", dir: dir}
	s.open()
	s.holds("t", map[string]int{"a": n})
}

// A sender that is killed again and again has sent, in the end, each record that
// it had stored, once.
func TestSenderThatIsKilled(t *testing.T) {
	s, dir := newSite(t, "s"), t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan struct{})
	streams := make(chan struct{}, 1000)
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			streams <- struct{}{}
			go func() {
				defer func() { <-streams }()
				_ = s.receiver.Serve(ctx, conn, replica.Peer{Producer: topic.FarHub + "a", Name: "a"})
			}()
		}
	}()
	random := rand.New(rand.NewPCG(12, 1))
	has := 0
	for range 6 {
		c := start(t, "send", dir, l.Addr().String())
		end := has + 200 + random.IntN(1000)
		for has < end {
			n, err := strconv.Atoi(c.says(t, "has"))
			if err != nil || n < has {
				t.Fatalf("it has %d after %d: %v", n, has, err)
			}
			has = n
		}
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		c.kill()
	}
	a := &site{t: t, id: "send", dir: dir} // what is left is sent from here
	a.open()
	n, err := stored(t.Context(), a.topic("t"))
	if err != nil || n < has {
		t.Fatalf("%d records are stored, %d were: %v", n, has, err)
	}
	r := up(a, s)
	r.producer = topic.FarHub + "a"
	link(t, r)
	s.holds("t", map[string]int{"a": n})
	cancel()
	_ = l.Close()
	<-served
	wait(t, "all streams have ended", func() bool { return len(streams) == 0 })
}
