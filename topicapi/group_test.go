package topicapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"waverider/auth"
	"waverider/wire"
)

// given is one line of an envelope.
type given struct {
	Cursor, From string
	Data         int
}

// takes reads n records of a group with explicit acks, in an answer that ends.
func (s *site) takes(name, query string) (all []given) {
	s.t.Helper()
	for line := range strings.Lines(s.read(name, "envelope=true&ack=explicit&"+query)) {
		var g given
		if err := json.Unmarshal([]byte(line), &g); err != nil {
			s.t.Fatalf("%q: %v", line, err)
		}
		all = append(all, g)
	}
	return all
}

func (s *site) ack(name, group string, g given, alone bool) string {
	s.t.Helper()
	body := `{"cursor":"` + g.Cursor + `"}`
	if alone {
		body = `{"cursor":"` + g.Cursor + `","from":"` + g.From + `"}`
	}
	return s.want(http.StatusOK, "POST", "/topic/"+name+"/ack?group="+group, body, "Content-Type", asJSON).field(s.t, "cursor")
}

func numbers(all []given) string {
	var list []int
	for _, g := range all {
		list = append(list, g.Data)
	}
	return fmt.Sprint(list)
}

func TestGroupOverHTTPSharesRecords(t *testing.T) {
	s := newSite(t)
	const records, members = 2000, 3
	s.topic("jobs", `"durability":"async"`)
	var mu sync.Mutex
	seen, all := map[string]int{}, make(chan struct{})
	for range members {
		resp := s.stream("GET", "/topic/jobs?group=workers", nil)
		go func() {
			scan := bufio.NewScanner(resp.Body)
			for scan.Scan() {
				mu.Lock()
				if seen[scan.Text()]++; len(seen) == records {
					close(all)
				}
				mu.Unlock()
			}
		}()
	}
	for i := 0; i < records; i += 10 {
		var body []string
		for n := range 10 {
			body = append(body, fmt.Sprint(i+n))
		}
		s.put("jobs", body...)
	}
	<-all
	mu.Lock()
	defer mu.Unlock()
	for text, times := range seen {
		if times != 1 {
			t.Errorf("%s came %d times", text, times)
		}
	}
	i := s.topicInfo("jobs")
	if len(i.Readers) != 1 || i.Readers[0].Name != "workers" || i.Readers[0].Kind != "group" || i.Readers[0].Connected != members || i.Readers[0].Expires != "168h0m0s" {
		t.Errorf("readers: %+v", i.Readers)
	}
}

func TestExplicitAcksOverHTTP(t *testing.T) {
	s := newSite(t)
	s.put("jobs", "1", "2", "3", "4", "5", "6")
	first := s.takes("jobs", "group=g&limit=4&expire=1h")
	if numbers(first) != "[1 2 3 4]" {
		t.Fatalf("given %v", first)
	}
	if at := s.ack("jobs", "g", first[2], true); at != first[0].From {
		t.Errorf("cursor %s after an ack of the third, want that of the first", at)
	}
	s.ack("jobs", "g", first[0], false)
	if i := s.topicInfo("jobs").Readers[0]; i.Lag != 4 || i.Cursor != first[1].From || !i.Holds || i.Expires != "1h0m0s" {
		t.Errorf("reader: %+v", i)
	}
	if got := s.takes("jobs", "group=g&follow=false"); numbers(got) != "[5 6]" {
		t.Errorf("the next was given %v, want what nobody has", got)
	}
	s.reopen() // nobody has anything now
	if got := s.takes("jobs", "group=g&follow=false"); numbers(got) != "[2 4 5 6]" {
		t.Errorf("after a restart: %v, want what is not acked", got)
	}
	if at := s.ack("jobs", "g", given{Cursor: s.topicInfo("jobs").Next}, false); at != s.topicInfo("jobs").Next {
		t.Errorf("cursor %s after an ack of all", at)
	}
	if i := s.topicInfo("jobs").Readers[0]; i.Lag != 0 || i.Holds {
		t.Errorf("reader: %+v", i)
	}
}

func TestBrokenMemberGivesBack(t *testing.T) {
	s := newSite(t)
	s.put("jobs", "1", "2", "3")
	for _, query := range []string{"group=g&ack=explicit&ack-wait=1h", "group=g&ack=explicit"} {
		resp := s.stream("GET", "/topic/jobs?"+query, nil)
		lines(t, resp)("1")
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		s.quiet()
	}
	if got := s.read("jobs", "group=g&follow=false"); got != "1\n2\n3\n" {
		t.Errorf("given again: %q", got)
	}
}

func TestOverdueRecordsAreGivenAgain(t *testing.T) {
	s := newSite(t)
	s.put("jobs", "1", "2")
	slow := s.stream("GET", "/topic/jobs?group=g&ack=explicit&ack-wait=20ms&envelope=1", nil)
	if !bufio.NewScanner(slow.Body).Scan() {
		t.Fatal("nothing came")
	}
	next := lines(t, s.stream("GET", "/topic/jobs?group=g", nil))
	next("1")
	next("2")
}

func TestGroupIsForgottenOverHTTP(t *testing.T) {
	s := newSite(t)
	s.put("jobs", "1", "2")
	resp := s.stream("GET", "/topic/jobs?group=g", nil)
	lines(t, resp)("1")
	if a := s.want(http.StatusConflict, "DELETE", "/topics/jobs/groups/g", ""); !strings.Contains(a.body, "1 readers") {
		t.Errorf("refused with %s", a.body)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	s.quiet()
	s.want(http.StatusOK, "DELETE", "/topics/jobs/groups/g", "")
	if i := s.topicInfo("jobs"); len(i.Readers) != 0 {
		t.Errorf("readers: %+v", i.Readers)
	}
	if got := s.read("jobs", "group=g&follow=false&from=new"); got != "" {
		t.Errorf("a group that begins at the end got %q", got)
	}
}

// A viewer changes nothing: no Topic is made for them, no group holds records.
func TestViewersOfTopics(t *testing.T) {
	s := newSite(t)
	s.put("p", "1")
	key, err := auth.OpenKey(s.dir + "/test.key")
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.Mint(auth.Claims{Subject: "someone", Role: auth.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	guarded := httptest.NewServer(s.mux.Serve(wire.Access{Gate: &auth.Gate{Key: key}}))
	defer guarded.Close()
	open := s.url
	s.url = guarded.URL + "/api/v1"
	for path, want := range map[string]int{"p?from=start&follow=false": 200, "p?limit=1": 200, "none": 404, "p?group=g": 403} {
		s.want(want, "GET", "/topic/"+path, "", "Authorization", "Bearer "+token)
	}
	s.url = open
	s.want(http.StatusNotFound, "GET", "/topics/none", "")
	if i := s.topicInfo("p"); len(i.Readers) != 1 || i.Readers[0].Kind != "plain" {
		t.Errorf("readers: %+v", i.Readers)
	}
}
