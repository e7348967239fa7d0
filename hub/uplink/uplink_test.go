package uplink_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider"
	"waverider/auth"
	"waverider/hub/uplink"
	"waverider/link"
	"waverider/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// space is one that lets in whom a test wants, over plain HTTP.
type space struct {
	t     testing.TB
	key   *auth.Key
	url   string
	admit func(a link.Applicant) (link.Welcome, error)
	in    chan *link.Session
	said  chan link.Message
}

func newSpace(t testing.TB) *space {
	t.Helper()
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	s := &space{t: t, key: key, in: make(chan *link.Session, 16), said: make(chan link.Message, 1000)}
	s.admit = func(link.Applicant) (link.Welcome, error) { return welcome("1.x"), nil }
	log := slog.New(slog.DiscardHandler)
	var mu sync.Mutex
	acceptor := &link.Acceptor{Key: key, Log: log,
		Admit: func(_ context.Context, a link.Applicant) (link.Welcome, error) {
			mu.Lock()
			defer mu.Unlock()
			return s.admit(a)
		},
		Serve: func(ctx context.Context, l *link.Session, _ link.Applicant) error {
			s.in <- l
			return l.Run(ctx, link.Handlers{Message: func(m link.Message) error {
				m.Body = append([]byte(nil), m.Body...)
				s.said <- m
				return nil
			}})
		}}
	mux := wire.NewMux(log)
	mux.Handle("GET "+link.Path, auth.Public, acceptor.ServeHTTP)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := wire.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	server := &wire.Server{Log: log, Grace: time.Second, Handler: mux.Serve(wire.Access{Gate: &auth.Gate{Open: true}})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Run(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done; acceptor.Wait() })
	return s
}

func welcome(ticket string) link.Welcome {
	return link.Welcome{Ticket: ticket, Space: "here", More: json.RawMessage(`{"name":"edge"}`)}
}

func (s *space) token() string {
	return link.JoinToken{Space: s.key.ID(), ID: "one", Secret: "secret"}.String()
}

// confirmed waits for the ticket that the Hub confirms.
func (s *space) confirmed() string {
	s.t.Helper()
	for {
		select {
		case m := <-s.said:
			if m.Type == link.MessageConfirm {
				var c link.Confirm
				if err := m.Decode(&c); err != nil {
					s.t.Fatal(err)
				}
				return c.Ticket
			}
		case <-time.After(10 * time.Second):
			s.t.Fatal("the Hub confirms nothing")
		}
	}
}

// disk is the data dir of a Hub.
type disk struct {
	t   testing.TB
	dir string
	key *auth.Key
}

func newDisk(t testing.TB) *disk {
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return &disk{t, t.TempDir(), key}
}

func (d *disk) path() string { return filepath.Join(d.dir, "space.json") }

func (d *disk) config(url, join string) uplink.Config {
	return uplink.Config{Path: d.path(), Asks: filepath.Join(d.dir, "asks.json"), Key: d.key, URL: url, Join: join, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// start runs a Hub's end until the answer is called.
func (d *disk) start(url, join string) (u *uplink.Uplink, stop func()) {
	d.t.Helper()
	u, err := uplink.Open(d.config(url, join))
	if err != nil {
		d.t.Fatal(err)
	}
	return u, d.run(u, d.core())
}

// core is a Hub that has nothing.
func (d *disk) core() uplink.Core {
	return uplink.Core{
		API:      func(*auth.Gate) http.Handler { return http.NotFoundHandler() },
		Load:     func() (any, error) { return map[string]int{"avgLoad": 1}, nil },
		Entities: func() (any, any, any, error) { return []int{}, []int{}, []string{}, nil },
		Audit:    func(_, _, _, _ string) {},
	}
}

// run runs what was opened until the answer is called.
func (d *disk) run(u *uplink.Uplink, core uplink.Core) (stop func()) {
	u.Attach(core)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := u.Run(ctx); err != nil {
			d.t.Error(err)
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	d.t.Cleanup(stop)
	return stop
}

// kept is what is on disk.
func (d *disk) kept() (m struct{ URL, Space, Ticket, JoinedWith string }) {
	d.t.Helper()
	text, err := os.ReadFile(d.path())
	if err != nil {
		d.t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		d.t.Fatal(err)
	}
	return m
}

func status(t testing.TB, u *uplink.Uplink) (s uplink.Status) {
	t.Helper()
	s, ok := u.Status().(uplink.Status)
	if !ok {
		t.Fatalf("%T", u.Status())
	}
	return s
}

func TestAHubWithoutASpaceHasNothingOfIt(t *testing.T) {
	d := newDisk(t)
	u, err := uplink.Open(d.config("", ""))
	if u != nil || err != nil || u.Joined() {
		t.Fatal(u, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := u.Run(ctx); err != nil {
		t.Error(err)
	}
	if list, _ := os.ReadDir(d.dir); len(list) > 0 {
		t.Errorf("made %v", list)
	}
}

func TestJoining(t *testing.T) {
	s, d := newSpace(t), newDisk(t)
	asked := make(chan link.Hello, 10)
	s.admit = func(a link.Applicant) (link.Welcome, error) {
		asked <- a.Hello
		return welcome("1." + string(rune('a'+len(asked)))), nil
	}
	_, stop := d.start(s.url, s.token())
	if h := <-asked; h.Join != "one.secret" || h.Ticket != "" {
		t.Errorf("%+v", h)
	}
	ticket := s.confirmed()
	if m := d.kept(); m.Ticket != ticket || m.Space != s.key.ID() || m.URL != s.url || m.JoinedWith != "one" {
		t.Errorf("%+v, confirmed %s", m, ticket)
	}
	if info, err := os.Stat(d.path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	stop()
	// The token stays in the settings, and is not shown again; nor is the URL needed.
	for _, url := range []string{s.url, ""} {
		_, stop = d.start(url, s.token())
		if h := <-asked; h.Join != "" || h.Ticket != ticket {
			t.Errorf("%+v", h)
		}
		ticket = s.confirmed()
		stop()
	}
	_, stop = d.start("", "")
	if h := <-asked; h.Ticket != ticket {
		t.Errorf("%+v", h)
	}
	stop()
}

func TestAnotherAddressOfTheSpace(t *testing.T) {
	s, d := newSpace(t), newDisk(t)
	_, stop := d.start(s.url, s.token())
	s.confirmed()
	stop()
	moved := strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	_, stop = d.start(moved, "")
	s.confirmed()
	if m := d.kept(); m.URL != moved {
		t.Errorf("%+v", m)
	}
	stop()
}

func TestATokenOfAnotherSpace(t *testing.T) {
	first, second, d := newSpace(t), newSpace(t), newDisk(t)
	_, stop := d.start(first.url, first.token())
	first.confirmed()
	stop()
	asked := make(chan link.Hello, 1)
	second.admit = func(a link.Applicant) (link.Welcome, error) { asked <- a.Hello; return welcome("9.z"), nil }
	if _, err := uplink.Open(d.config("", link.JoinToken{Space: second.key.ID(), ID: "two", Secret: "x"}.String())); err == nil {
		t.Error("no address of the other Space is needed")
	}
	_, stop = d.start(second.url, link.JoinToken{Space: second.key.ID(), ID: "two", Secret: "x"}.String())
	if h := <-asked; h.Ticket != "" || h.Join != "two.x" {
		t.Errorf("the other Space was shown %+v", h)
	}
	second.confirmed()
	if m := d.kept(); m.Space != second.key.ID() || m.JoinedWith != "two" {
		t.Errorf("%+v", m)
	}
	stop()
	// The one that answers there now is not the one that is remembered.
	u, stop := d.start(first.url, "")
	for status(t, u).Problem == "" {
		time.Sleep(time.Millisecond)
	}
	if st := status(t, u); !strings.Contains(st.Problem, "is not Space") {
		t.Errorf("%+v", st)
	}
	stop()
}

func TestADamagedFileKeepsNoHubFromStarting(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "zeros": "\x00\x00\x00\x00", "half": `{"url":"http://x","space":"`, "another": `[1]`, "nothing": `{}`, "no ticket": `{"url":"https://x","space":"y"}`,
		"no address": `{"url":"::","space":"y","ticket":"1.x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newSpace(t), newDisk(t)
			if err := os.WriteFile(d.path(), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, url := range []string{"", s.url} {
				u, stop := d.start(url, "")
				if st := status(t, u); st.State != "refused" || !strings.Contains(st.Problem, "damaged") {
					t.Errorf("%+v", st)
				}
				stop()
			}
			_, stop := d.start(s.url, s.token())
			s.confirmed()
			stop()
			if m := d.kept(); m.Ticket != "1.x" {
				t.Errorf("%+v", m)
			}
		})
	}
}

// A disk that takes no file: the ticket of before stays good, and is shown again.
func TestATicketThatCannotBeKept(t *testing.T) {
	s, d := newSpace(t), newDisk(t)
	tickets := []string{"1.a", "2.b", "3.c", "4.d"}
	shown := make(chan string, 10)
	s.admit = func(a link.Applicant) (link.Welcome, error) {
		shown <- a.Hello.Ticket
		next := tickets[0]
		tickets = tickets[1:]
		return welcome(next), nil
	}
	block := d.path() + ".tmp"
	if err := os.Mkdir(block, 0o700); err != nil {
		t.Fatal(err)
	}
	u, stop := d.start(s.url, s.token()) // the first time there must be something to remember
	<-shown
	<-s.in
	for status(t, u).Problem == "" {
		time.Sleep(time.Millisecond)
	}
	if u.Joined() {
		t.Error("it has joined and forgotten")
	}
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	s.confirmed()
	first := d.kept().Ticket
	stop()
	for len(shown) > 0 {
		<-shown
	}
	for len(s.in) > 0 {
		<-s.in
	}
	if err := os.Mkdir(block, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // linked all the same
		_, stop = d.start(s.url, "")
		if got := <-shown; got != first {
			t.Errorf("shows %s, has %s", got, first)
		}
		if got := s.confirmed(); got != first {
			t.Errorf("confirms %s, has %s", got, first)
		}
		here := <-s.in
		if err := here.Send(link.MessageSettings, link.Settings{Name: "other"}); err != nil {
			t.Error(err)
		}
		stop()
		if got := d.kept().Ticket; got != first {
			t.Errorf("%s is kept", got)
		}
		tickets = append(tickets, "9.x")
	}
}

func TestARefusalIsShown(t *testing.T) {
	s, d := newSpace(t), newDisk(t)
	s.admit = func(link.Applicant) (link.Welcome, error) {
		return link.Welcome{}, waverider.Errorf(waverider.Forbidden, "the token expired")
	}
	u, stop := d.start(s.url, s.token())
	for status(t, u).State != "refused" {
		time.Sleep(time.Millisecond)
	}
	if st := status(t, u); st.Problem != "the token expired" {
		t.Errorf("%+v", st)
	}
	stop()
	if _, err := os.Stat(d.path()); err == nil {
		t.Error("something was kept")
	}
}

func TestOddTokensAreNotRepeated(t *testing.T) {
	d := newDisk(t)
	_, err := uplink.Open(d.config("https://x", "wrj1.secret.secret.secret"))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	for _, url := range []string{"x", "ftp://x", "https://", "https://u:p@x", "https://x?a=b"} {
		if _, err := uplink.Open(d.config(url, link.JoinToken{Space: "s", ID: "i", Secret: "x"}.String())); err == nil || waverider.KindOf(err) != waverider.Invalid {
			t.Errorf("%s: %v", url, err)
		}
	}
}
