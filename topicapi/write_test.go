package topicapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// speak sends a request as it is written and answers the response.
func (s *site) speak(text string) *http.Response {
	s.t.Helper()
	c := s.dial(text)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

func (s *site) dial(text string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/api/v1"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	return c
}

const sendLines = "POST /api/v1/topic/p HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"

func TestBodiesThatAreCut(t *testing.T) {
	for name, request := range map[string]string{
		"too short":     sendLines + "Content-Length: 100\r\n\r\n1\n2\n3",
		"chunk cut":     sendLines + "Transfer-Encoding: chunked\r\n\r\n5\r\n1\n2\n3\r\n7\r\n",
		"garbage chunk": sendLines + "Transfer-Encoding: chunked\r\n\r\n5\r\n1\n2\n3\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			resp := s.speak(request)
			a := answer{resp.StatusCode, resp.Header, drain(t, resp)}
			if a.status != http.StatusBadRequest || a.field(t, "records") != "2" {
				t.Errorf("%d %s, want 400 and 2 records", a.status, a.body)
			}
			if got := s.read("p", "from=start&follow=false"); got != "1\n2\n" {
				t.Errorf("stored %q, want whole lines", got)
			}
		})
	}
}

func TestNDJSONIsStoredAsItIs(t *testing.T) {
	s := newSite(t)
	for _, body := range []string{"{\"a\":1}\r\n\n  \nnot json\n", "last", "\x00\xff\n", ""} {
		s.want(http.StatusOK, "POST", "/topic/p", body, "Content-Type", "text/x-ndjson; charset=utf-8")
	}
	if got, want := s.read("p", "from=start&follow=false"), "{\"a\":1}\r\nnot json\nlast\n\x00\xff\n"; got != want {
		t.Errorf("stored %q, want %q", got, want)
	}
	if i := s.topicInfo("p"); i.Records != 4 {
		t.Errorf("%d records, want 4", i.Records)
	}
}

func TestRecordsOverTheLimit(t *testing.T) {
	s := newSite(t)
	s.topic("p", `"maxRecord":10`)
	s.topic("large", "")
	a := s.want(http.StatusRequestEntityTooLarge, "POST", "/topic/p", "1\n2\n1234567890\n3\n", "Content-Type", asNDJSON)
	if a.field(t, "records") != "2" {
		t.Errorf("refused with %s, want 2 records", a.body)
	}
	if got := s.read("p", "from=start&follow=false"); got != "1\n2\n" {
		t.Errorf("stored %q", got)
	}
	s.want(http.StatusOK, "POST", "/topic/p", "123456789\n", "Content-Type", asNDJSON)
	a = s.want(http.StatusRequestEntityTooLarge, "POST", "/topic/large", "1\n"+strings.Repeat("x", 1<<20), "Content-Type", asNDJSON)
	if a.field(t, "records") != "1" {
		t.Errorf("refused with %s, want 1 record", a.body)
	}
	s.want(http.StatusOK, "POST", "/topic/large", strings.Repeat("x", 1<<20-1), "Content-Type", asNDJSON)
	// Of bytes only the whole counts.
	s.want(http.StatusOK, "POST", "/topics", `{"id":"bytes","content-type":"application/octet-stream","maxRecord":1000}`, "Content-Type", asJSON)
	body := strings.Repeat("0123456789", 50_000)
	s.want(http.StatusOK, "POST", "/topic/bytes", body, "Content-Type", "application/octet-stream")
	if got := s.read("bytes", "from=start&follow=false"); got != body {
		t.Errorf("%d bytes of %d came back", len(got), len(body))
	}
}

// fill is a body of n bytes, in lines of 100.
func fill(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%099d\n", i)
	}
	return b.String()
}

func TestBodyLargerThanItsTopic(t *testing.T) {
	s := newSite(t)
	for _, durability := range []string{"sync", "async", "memory"} {
		s.topic(durability, `"maxBytes":100000,"durability":"`+durability+`"`)
		body := fill(1_000_000)
		s.want(http.StatusOK, "POST", "/topic/"+durability, body, "Content-Type", asNDJSON)
		got := s.read(durability, "from=start&follow=false")
		if !strings.HasSuffix(body, got) || len(got) < 10_000 || len(got) > 100_000 {
			t.Errorf("%s: %d bytes are kept of %d", durability, len(got), len(body))
		}
	}
}

func TestFullTopic(t *testing.T) {
	s := newSite(t)
	s.topic("p", `"maxBytes":100000`)
	s.read("p", "group=slow&follow=false") // from now on it holds what comes
	a := s.want(http.StatusInsufficientStorage, "POST", "/topic/p?wait=0", fill(200_000), "Content-Type", asNDJSON)
	var e struct {
		Error   string
		Records int
	}
	a.into(t, &e)
	if !strings.Contains(e.Error, "slow") || e.Records == 0 {
		t.Errorf("refused with %s", a.body)
	}
	i := s.topicInfo("p")
	if i.Records != e.Records || !i.Full && i.Bytes < 80_000 {
		t.Errorf("%d records are told, info %+v", e.Records, i)
	}
	done := make(chan answer)
	go func() { done <- s.call("POST", "/topic/p", fill(200_000), "Content-Type", asNDJSON) }()
	all := lines(t, s.stream("GET", "/topic/p?group=slow", nil))
	for n := range e.Records + 2000 { // makes room
		if n >= e.Records {
			n -= e.Records
		}
		all(fmt.Sprintf("%099d", n))
	}
	if a := <-done; a.status != http.StatusOK {
		t.Errorf("the producer that waited: %d %s", a.status, a.body)
	}
}

func TestLimitIsRaisedForProducersThatWait(t *testing.T) {
	s := newSite(t)
	s.topic("p", `"maxBytes":100000`)
	s.read("p", "group=slow&follow=false")
	done := make(chan answer)
	go func() { done <- s.call("POST", "/topic/p", fill(200_000), "Content-Type", asNDJSON) }()
	s.until("p", func(i topicInfo) bool { return i.Bytes > 80_000 })
	s.want(http.StatusOK, "PATCH", "/topics/p", `{"maxBytes":1000000}`, "Content-Type", asJSON)
	if a := <-done; a.status != http.StatusOK {
		t.Errorf("the producer that waited: %d %s", a.status, a.body)
	}
	s.want(http.StatusOK, "DELETE", "/topics/p/groups/slow", "")
	s.want(http.StatusOK, "PATCH", "/topics/p", `{"maxBytes":100000}`, "Content-Type", asJSON)
	if i := s.topicInfo("p"); i.Bytes > 110_000 {
		t.Errorf("%d bytes are kept under a limit of 100000", i.Bytes)
	}
}

// until waits for a state of a Topic.
func (s *site) until(name string, ok func(topicInfo) bool) {
	s.t.Helper()
	for !ok(s.topicInfo(name)) {
		if err := s.t.Context().Err(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// acked is a line of acks=stream.
type acked struct {
	Cursor, Error, Kind string
	Records             int
	Done                bool
}

func TestAcksAreStreamed(t *testing.T) {
	for _, durability := range []string{"sync", "async", "memory"} {
		t.Run(durability, func(t *testing.T) {
			s := newSite(t)
			s.topic("p", `"durability":"`+durability+`"`)
			body, send := io.Pipe()
			resp := s.stream("POST", "/topic/p?acks=stream", body, "Content-Type", asNDJSON) // answers before the body
			scan := bufio.NewScanner(resp.Body)
			next := func() (a acked) {
				t.Helper()
				if !scan.Scan() {
					t.Fatalf("the acks ended: %v", scan.Err())
				}
				if err := json.Unmarshal(scan.Bytes(), &a); err != nil {
					t.Fatal(err)
				}
				return a
			}
			for n := 1; n <= 3; n++ {
				if _, err := io.WriteString(send, "1\n"); err != nil {
					t.Fatal(err)
				}
				if a := next(); a.Records != n || a.Done || a.Cursor == "" {
					t.Errorf("ack %d: %+v", n, a)
				}
			}
			if _, err := io.WriteString(send, "no end"); err != nil {
				t.Fatal(err)
			}
			if err := send.Close(); err != nil {
				t.Fatal(err)
			}
			last := next()
			for !last.Done {
				last = next()
			}
			if last.Records != 4 || last.Error != "" || last.Cursor != s.topicInfo("p").Next {
				t.Errorf("last ack: %+v", last)
			}
			if scan.Scan() {
				t.Errorf("after the last ack: %q", scan.Text())
			}
		})
	}
}

func TestStreamedAcksTellWhatWentWrong(t *testing.T) {
	s := newSite(t)
	for name, want := range map[string]struct {
		query, body, kind string
		records           int
	}{
		"long": {"", "1\n2\n12345678901\n", "too_large", 2},
		"full": {"&wait=0", strings.Repeat("123456789\n", 300), "full", 0},
	} {
		s.topic(name, `"maxRecord":10,"maxBytes":2000`)
		s.read(name, "group=slow&follow=false")
		text := s.want(http.StatusOK, "POST", "/topic/"+name+"?acks=stream"+want.query, want.body, "Content-Type", asNDJSON).body
		all := strings.Split(strings.TrimSpace(text), "\n")
		var last acked
		if err := json.Unmarshal([]byte(all[len(all)-1]), &last); err != nil {
			t.Fatal(err)
		}
		if last.Kind != want.kind || last.Error == "" || last.Done || want.records > 0 && last.Records != want.records {
			t.Errorf("%s: last line %+v", name, last)
		}
	}
	resp := s.speak("POST /api/v1/topic/q?acks=stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100\r\n\r\n1\n2\n3")
	if text := drain(t, resp); !strings.Contains(text, `"records":2,"error":"the body ended before it was whole","kind":"invalid"`) {
		t.Errorf("a body that is cut: %s", text)
	}
}

func TestProducersAreNotSerialised(t *testing.T) {
	s := newSite(t)
	body, send := io.Pipe()
	resp := s.stream("POST", "/topic/p?acks=stream", body, "Content-Type", asNDJSON)
	if _, err := io.WriteString(send, "1\n"); err != nil {
		t.Fatal(err)
	}
	s.put("p", "2") // while the first goes on
	if err := send.Close(); err != nil {
		t.Fatal(err)
	}
	drain(t, resp)
	if i := s.topicInfo("p"); i.Records != 2 || i.Producers != 0 {
		t.Errorf("%+v", i)
	}
}

func TestContinueIsAnswered(t *testing.T) {
	s := newSite(t)
	c := s.dial(sendLines + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q %v", line, err)
	}
	if _, err := io.WriteString(c, "1\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := r.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v %v", resp, err)
	}
}
