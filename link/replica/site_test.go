package replica_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider"
	"waverider/link/replica"
	"waverider/topic"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		child(role)
		return
	}
	goleak.VerifyTestMain(m)
}

// site is a Store with what receives for it.
type site struct {
	t   *testing.T
	id  string
	dir string
	o   replica.ReceiverOptions

	minFree int64 // bytes of the disk

	store    *topic.Store
	receiver *replica.Receiver
}

func newSite(t *testing.T, id string) *site {
	s := &site{t: t, id: id, dir: t.TempDir()}
	s.open()
	return s
}

func (s *site) open() {
	s.t.Helper()
	log := slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	store, err := topic.Open(s.t.Context(), topic.Config{Dir: s.dir, Hub: s.id, MaxStore: 4 << 30, MinFree: s.minFree, Log: log})
	if err != nil {
		s.t.Fatal(err)
	}
	s.store = store
	s.receiver = replica.NewReceiver(store, s.o)
	s.t.Cleanup(func() {
		if err := store.Close(); err != nil {
			s.t.Error(err)
		}
	})
}

// restart closes the Store and opens it again.
func (s *site) restart() {
	s.t.Helper()
	if err := s.store.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.open()
}

// image is a copy of the Store's folder as it is now.
func (s *site) image() string {
	s.t.Helper()
	to := filepath.Join(s.t.TempDir(), "image")
	if err := os.CopyFS(to, os.DirFS(s.dir)); err != nil {
		s.t.Fatal(err)
	}
	return to
}

// putBack goes on with an image, as after a kill at that time.
func (s *site) putBack(image string) {
	s.t.Helper()
	if err := s.store.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.dir = image
	s.open()
}

func (s *site) topic(name waverider.TopicName) *topic.Topic {
	s.t.Helper()
	top, err := s.store.Ensure(s.t.Context(), waverider.TopicConfig{Name: name, ContentType: waverider.TypeNDJSON, Scope: waverider.ScopeSpace})
	if err != nil {
		s.t.Fatal(err)
	}
	return top
}

// produce stores the lines ORIGIN N for N from, from+1, …, to-1, with some text.
func (s *site) produce(name waverider.TopicName, from, to int) {
	s.t.Helper()
	w, err := s.topic(name).Writer(s.t.Context(), topic.Anonymous)
	if err != nil {
		s.t.Fatal(err)
	}
	defer w.Close()
	for n := from; n < to; n++ {
		line := fmt.Appendf(nil, "%s %d %s\n", s.id, n, filler(n))
		if err := w.Append(s.t.Context(), line, []uint32{uint32(len(line))}, topic.State{}); err != nil {
			s.t.Fatal(err)
		}
	}
	if _, err := w.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// filler makes stretches of records that packs make smaller, and of others.
func filler(n int) []byte {
	text := bytes.Repeat([]byte("x"), n%211)
	if n/250%2 == 1 {
		r := rand.New(rand.NewPCG(uint64(n), 0))
		for i := range text {
			text[i] = 'a' + byte(r.Uint32N(26))
		}
	}
	return text
}

// holds checks that the Topic has the lines that each of some made, each once
// and in order, and waits for them.
func (s *site) holds(name waverider.TopicName, want map[string]int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 60*time.Second)
	defer cancel()
	r, err := s.topic(name).Reader(ctx, topic.From{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	next := map[string]int{}
	take := func(m *topic.Message) {
		if m.Missed > 0 {
			s.t.Errorf("at %s %d records before %d are missing", s.id, m.Missed, m.From)
		}
		for rec := range m.Records {
			var origin string
			var n int
			if _, err := fmt.Sscanf(string(rec.Data), "%s %d", &origin, &n); err != nil {
				s.t.Fatal(err)
			}
			if n != next[origin] {
				s.t.Fatalf("at %s record %d of %s comes as number %d", s.id, n, origin, next[origin])
			}
			next[origin]++
		}
		m.Release()
	}
	missing := func() bool {
		for origin, n := range want {
			if next[origin] < n {
				return true
			}
		}
		return false
	}
	for missing() {
		m, err := r.Next(ctx)
		if err != nil {
			s.t.Fatalf("at %s: %v; there are %v of %v", s.id, err, next, want)
		}
		take(m)
	}
	r.UntilNow()
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			s.t.Fatal(err)
		}
		take(m)
	}
	for origin, n := range next {
		if n != want[origin] {
			s.t.Errorf("at %s there are %d records of %s, want %d", s.id, n, origin, want[origin])
		}
	}
}

// cord is one direction between two sites, over TCP.
type cord struct {
	out  *replica.Outbound
	stop func()

	mu     sync.Mutex
	budget func() int // bytes until a new connection is cut, 0 for never
	errs   []error    // how Serve ended
}

// quiet tells that the one Topic is sent, and acked to its end.
func (c *cord) quiet() bool {
	st := c.out.Stats()
	return len(st) == 1 && st[0].Running && st[0].Lag == 0
}

type route struct {
	from, to         *site
	reader, producer string // the receiver at the sender, the sender at the receiver
	peer             replica.Peer
	budget           func() int
	change           func(*replica.Outbound)
	topics           []waverider.TopicName
}

// link sends Topics from one site to another until stop.
func link(t *testing.T, r route) *cord {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &cord{budget: r.budget}
	var all sync.WaitGroup
	peer := r.peer
	peer.Producer = r.producer
	if peer.Name == "" {
		peer.Name = r.from.id
	}
	receiver := r.to.receiver
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				err := receiver.Serve(ctx, c.scissors(conn), peer)
				c.mu.Lock()
				c.errs = append(c.errs, err)
				c.mu.Unlock()
			})
		}
	})
	c.out = &replica.Outbound{
		Store: r.from.store,
		Send:  replica.SendOptions{Reader: r.reader, Skip: r.reader},
		Topics: func() []waverider.TopicName {
			if r.topics != nil {
				return r.topics
			}
			var names []waverider.TopicName
			for _, t := range r.from.store.Topics() {
				names = append(names, t.Name())
			}
			return names
		},
		Changes: r.from.store.Changes,
	}
	c.out.Hasty()
	if r.change != nil {
		r.change(c.out)
	}
	all.Go(func() {
		err := c.out.Run(ctx, func(ctx context.Context) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
			if err != nil {
				return nil, err
			}
			return c.scissors(conn), nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	c.stop = sync.OnceFunc(func() {
		cancel()
		_ = l.Close()
		all.Wait()
	})
	t.Cleanup(c.stop)
	return c
}

// up and down are the two directions between a Hub and its Space.
func up(hub, space *site) route {
	return route{from: hub, to: space, reader: topic.FarSpace, producer: topic.FarHub + hub.id}
}

func down(space, hub *site) route {
	return route{from: space, to: hub, reader: topic.FarHub + hub.id, producer: topic.FarSpace}
}

// cutConn fails after so many bytes, in the middle of what is written.
type cutConn struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (c *cord) scissors(conn net.Conn) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.budget == nil {
		return conn
	}
	left := c.budget()
	if left == 0 {
		return conn
	}
	return &cutConn{Conn: conn, left: left}
}

func (c *cutConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	n := min(len(p), c.left)
	c.left -= n
	c.mu.Unlock()
	if n == len(p) {
		return c.Conn.Write(p)
	}
	n, _ = c.Conn.Write(p[:n])
	_ = c.Conn.Close()
	return n, errors.New("cut")
}

// cuts are budgets that are drawn by lot.
func cuts(seed uint64, most int) func() int {
	random := rand.New(rand.NewPCG(seed, 7))
	return func() int { return 1 + random.IntN(1+random.IntN(most)) }
}

func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}
