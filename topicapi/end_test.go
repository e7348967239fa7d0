package topicapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// longStream is one kind of stream that goes on until something ends it.
type longStream struct {
	name, method, path string
	full               bool // the Topic has no room, the producer waits for it
}

var longStreams = []longStream{
	{name: "plain", method: "GET", path: "/topic/p"},
	{name: "from a place", method: "GET", path: "/topic/p?from=new&envelope=true"},
	{name: "group", method: "GET", path: "/topic/p?group=g"},
	{name: "explicit", method: "GET", path: "/topic/p?group=g&ack=explicit"},
	{name: "producer", method: "POST", path: "/topic/p"},
	{name: "producer with acks", method: "POST", path: "/topic/p?acks=stream"},
	{name: "producer that waits", method: "POST", path: "/topic/p", full: true},
	{name: "producer with acks that waits", method: "POST", path: "/topic/p?acks=stream", full: true},
}

// ended is how a stream ended for its client.
type ended struct {
	status int
	body   string
	err    error
}

// begin opens a stream that the Hub is busy with when it returns.
func (l longStream) begin(s *site) (leave context.CancelFunc, end <-chan ended) {
	s.t.Helper()
	s.topic("p", `"maxBytes":20000`)
	s.put("p", "1")
	ctx, cancel := context.WithCancel(s.t.Context())
	leave = cancel
	var body io.Reader
	if l.method == "POST" {
		r, w := io.Pipe()
		body = r
		text := "2\n"
		if l.full {
			s.read("p", "group=slow&follow=false&ack=explicit")
			text = fill(100_000)
		}
		go func() { _, _ = io.WriteString(w, text) }() // and no end
		leave = func() {                               // the standard client waits for its body
			cancel()
			_ = w.CloseWithError(context.Canceled)
		}
	}
	s.t.Cleanup(leave)
	req, err := http.NewRequestWithContext(ctx, l.method, s.url+l.path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", asNDJSON)
	done := make(chan ended, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			done <- ended{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		done <- ended{resp.StatusCode, string(text), err}
	}()
	s.until("p", func(i topicInfo) bool {
		switch {
		case l.full:
			return i.Producers == 1 && i.Bytes > 15_000
		case l.method == "POST":
			return i.Records == 2
		}
		for _, r := range i.Readers {
			if r.Connected == 1 {
				return true
			}
		}
		return false
	})
	return leave, done
}

func eachLongStream(t *testing.T, f func(t *testing.T, s *site, l longStream)) {
	for _, l := range longStreams {
		t.Run(l.name, func(t *testing.T) { f(t, newSite(t), l) })
	}
}

func TestTopicStreamsEndWhenThePeerLeaves(t *testing.T) {
	eachLongStream(t, func(t *testing.T, s *site, l longStream) {
		leave, end := l.begin(s)
		leave()
		<-end
		if l.full { // nobody can tell a client that left from a silent one before its bytes are read
			s.want(http.StatusOK, "PATCH", "/topics/p", `{"discard":"old"}`, "Content-Type", asJSON)
		}
		s.quiet()
		s.until("p", func(i topicInfo) bool {
			for _, r := range i.Readers {
				if r.Connected > 0 {
					return false
				}
			}
			return i.Producers == 0
		})
	})
}

func TestTopicStreamsEndWithTheTopic(t *testing.T) {
	eachLongStream(t, func(t *testing.T, s *site, l longStream) {
		_, end := l.begin(s)
		s.want(http.StatusOK, "DELETE", "/topics/p", "")
		e := <-end
		s.quiet()
		switch {
		case l.method == "GET":
			cut, before := e.status == http.StatusOK && e.err != nil, e.status == http.StatusGone // its head was not sent yet
			if !cut && !before {
				t.Errorf("ended with %+v, want a stream that is cut", e)
			}
		case strings.Contains(l.path, "acks"):
			var last acked
			all := strings.Split(strings.TrimSpace(e.body), "\n")
			if err := json.Unmarshal([]byte(all[len(all)-1]), &last); err != nil || last.Kind != "gone" {
				t.Errorf("ended with %+v", e)
			}
		case e.status != http.StatusGone || !strings.Contains(e.body, "Topic p was deleted"):
			t.Errorf("ended with %+v, want 410", e)
		}
	})
}

func TestTopicStreamsEndWithTheHub(t *testing.T) {
	eachLongStream(t, func(t *testing.T, s *site, l longStream) {
		_, end := l.begin(s)
		s.stop()
		e := <-end
		switch {
		case l.method == "GET":
			if e.status != http.StatusOK || e.err == nil {
				t.Errorf("ended with %+v, want a stream that is cut", e)
			}
		case strings.Contains(l.path, "acks"):
			if !strings.Contains(e.body, `"kind":"unavailable"`) {
				t.Errorf("ended with %+v", e)
			}
		case e.status != http.StatusServiceUnavailable || !strings.Contains(e.body, `"records":`):
			t.Errorf("ended with %+v, want 503", e)
		}
	})
}

// A reader that takes nothing holds up nobody else.
func TestReaderThatIsStuckSlowsNobody(t *testing.T) {
	s := newSite(t)
	s.topic("p", `"durability":"async"`)
	c := s.dial("GET /api/v1/topic/p?from=start HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	c = s.dial("GET /api/v1/topic/p?group=stuck HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	reader := s.stream("GET", "/topic/p?from=start", nil)
	body := fill(30_000_000)
	got := make(chan int64)
	go func() {
		n, err := io.CopyN(io.Discard, reader.Body, int64(len(body)))
		if err != nil {
			t.Error(err)
		}
		got <- n
	}()
	s.want(http.StatusOK, "POST", "/topic/p", body, "Content-Type", asNDJSON)
	if n := <-got; n != int64(len(body)) {
		t.Errorf("%d bytes of %d came", n, len(body))
	}
}
