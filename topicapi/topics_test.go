package topicapi_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"waverider/topicapi"
)

const (
	asJSON   = "application/json"
	asNDJSON = "application/x-ndjson"
)

// topic makes a Topic; fields are those of the body beside the name and type.
func (s *site) topic(name, fields string) {
	s.t.Helper()
	body := `{"id":"` + name + `","content-type":"application/x-ndjson"`
	if fields != "" {
		body += "," + fields
	}
	s.want(http.StatusOK, "POST", "/topics", body+"}", "Content-Type", asJSON)
}

// put stores lines in a Topic of NDJSON and answers the cursor after them.
func (s *site) put(name string, lines ...string) string {
	s.t.Helper()
	a := s.want(http.StatusOK, "POST", "/topic/"+name, strings.Join(lines, "\n"), "Content-Type", asNDJSON)
	return a.header.Get("Waverider-Cursor")
}

// read is the body of a GET that ends.
func (s *site) read(name, query string) string {
	s.t.Helper()
	return s.get("/topic/" + name + "?" + query).body
}

// topicInfo is what the tests look at of a Topic.
type topicInfo struct {
	Durability, Discard, Owner, Description, MaxAge, First, Next, Stream string
	MaxBytes, MaxRecord, Records, Bytes, Limit, Total                    int
	Producers                                                            int
	Full                                                                 bool
	Readers                                                              []struct {
		Name, Kind, Cursor, Expires string
		Connected, Lag              int
		Holds                       bool
		Updated                     time.Time
	}
	Damage []any
}

func (s *site) topicInfo(name string) (v topicInfo) {
	s.t.Helper()
	s.get("/topics/"+name).into(s.t, &v)
	return v
}

func TestTopicsAreMadeChangedAndRemoved(t *testing.T) {
	s := newSite(t)
	s.topic("b.one", `"durability":"async","description":"all of it","owner":"us","maxAge":"36h","maxBytes":5000,"maxRecord":100`)
	s.topic("a", "")
	var list []struct {
		Topic, TopicName, ContentType, LocalProvider, Durability string
		MaxBytes                                                 int64
	}
	s.get("/topics").into(t, &list)
	if len(list) != 2 || list[0].TopicName != "a" || list[1].Topic != "b.one" || list[1].ContentType != asNDJSON || list[1].LocalProvider != "" ||
		list[1].Durability != "async" || list[1].MaxBytes != 5000 {
		t.Errorf("list: %+v", list)
	}
	i := s.topicInfo("b.one")
	if i.Durability != "async" || i.Description != "all of it" || i.Owner != "us" || i.MaxAge != "36h0m0s" || i.MaxBytes != 5000 || i.Limit != 5000 || i.MaxRecord != 100 {
		t.Errorf("made: %+v", i)
	}
	if i := s.topicInfo("a"); i.Durability != "sync" || i.MaxBytes != 1<<30 || i.MaxRecord != 1<<20 || i.Records != 0 || i.First != i.Next || i.First == "" || i.Readers == nil || i.Damage == nil {
		t.Errorf("defaults: %+v", i)
	}
	s.want(http.StatusOK, "PATCH", "/topics/b.one", `{"maxBytes":9000,"discard":"old","owner":"","maxAge":"0s"}`, "Content-Type", asJSON)
	s.reopen()
	if i := s.topicInfo("b.one"); i.MaxBytes != 9000 || i.Discard != "old" || i.Owner != "" || i.MaxAge != "" || i.Description != "all of it" {
		t.Errorf("changed: %+v", i)
	}
	if a := s.want(http.StatusOK, "DELETE", "/topics/b.one", ""); a.field(t, "message") != "Topic b.one removed" {
		t.Errorf("removed: %s", a.body)
	}
	s.want(http.StatusNotFound, "DELETE", "/topics/b.one", "")
	s.want(http.StatusNotFound, "GET", "/topics/b.one", "")
}

func TestWrongTopicRequestsAreRefusedWithWords(t *testing.T) {
	s := newSite(t)
	s.topic("nd", "")
	s.topic("ring", `"durability":"memory"`)
	s.want(http.StatusOK, "POST", "/topic/text", "x", "Content-Type", "text/plain")
	foreign := s.put("other", "1")
	for _, c := range []struct {
		status                   int
		method, path, body, kind string
		words                    string
	}{
		{409, "POST", "/topics", `{"id":"nd","content-type":"application/x-ndjson"}`, asJSON, "already exist"},
		{400, "POST", "/topics", `{"content-type":"text/plain"}`, asJSON, "Missing body param: id"},
		{400, "POST", "/topics", `{"id":"x"}`, asJSON, "Missing body param: content-type"},
		{400, "POST", "/topics", `{"id":"x y","content-type":"text/plain"}`, asJSON, "Topic id incorrect format"},
		{400, "POST", "/topics", `{"id":"x","content-type":"image/png"}`, asJSON, "Unsupported content-type"},
		{400, "POST", "/topics", `{"id":"x","content-type":"text/plain","durability":"some"}`, asJSON, "durability"},
		{400, "POST", "/topics", `{"id":"x","content-type":"text/plain","maxAge":"soon"}`, asJSON, "soon"},
		{400, "POST", "/topics", `{"id":"x","content-type":"text/plain","maxBytes":"1k"}`, asJSON, `field "maxBytes" is a JSON string`},
		{400, "PATCH", "/topics/nd", `{"durability":"async"}`, asJSON, "durability"},
		{400, "PATCH", "/topics/nd", `{"maxBytes":-1}`, asJSON, "maxBytes"},
		{400, "PATCH", "/topics/nd", `{"maxAge":7}`, asJSON, "maxAge"},
		{400, "PATCH", "/topics/nd", `{"maxBytes":"5"}`, asJSON, "maxBytes: a JSON string does not fit"},
		{404, "PATCH", "/topics/none", `{}`, asJSON, "none"},
		{400, "DELETE", "/topics/x%20y", "", "", "Topic id incorrect format"},
		{404, "DELETE", "/topics/nd/groups/g", "", "", "knows no group g"},
		{400, "GET", "/topic/x%20y", "", "", "Topic id incorrect format"},
		{400, "GET", "/topic/..", "", "", ""},
		{415, "GET", "/topic/nd", "", "text/plain", "Unsupported content-type"},
		{415, "GET", "/topic/nd", "", "image/png", "Unsupported content-type"},
		{400, "GET", "/topic/nd?form=start", "", "", `unknown parameter "form"`},
		{400, "GET", "/topic/nd?limit=0", "", "", "limit"},
		{400, "GET", "/topic/nd?limit=1&limit=2", "", "", "limit"},
		{400, "GET", "/topic/nd?follow=maybe", "", "", "follow"},
		{400, "GET", "/topic/nd?from=yesterday", "", "", "from"},
		{400, "GET", "/topic/nd?from=", "", "", "from"},
		{400, "GET", "/topic/nd?group=a/b", "", "", "group"},
		{400, "GET", "/topic/nd?ack=explicit", "", "", "group"},
		{400, "GET", "/topic/nd?group=g&ack=maybe", "", "", "ack"},
		{400, "GET", "/topic/nd?group=g&ack-wait=5s", "", "", "ack"},
		{400, "GET", "/topic/nd?group=g&expire=0s", "", "", "expire"},
		{400, "GET", "/topic/nd?a=%zz", "", "", "address"},
		{410, "GET", "/topic/nd?from=" + foreign, "", "", "cursor"},
		{422, "GET", "/topic/ring?group=g", "", "", "memory"},
		{400, "POST", "/topic/nd", "x", "", "Unsupported content-type"},
		{400, "POST", "/topic/nd", "x", "image/png", "Unsupported content-type"},
		{415, "POST", "/topic/nd", "x", "text/plain", "Unsupported content-type"},
		{400, "POST", "/topic/x%20y", "x", "text/plain", "Topic id incorrect format"},
		{400, "POST", "/topic/nd?wait=perhaps", "x", asNDJSON, "wait"},
		{400, "POST", "/topic/nd?acks=all", "x", asNDJSON, "acks"},
		{400, "POST", "/topic/nd?ack=stream", "x", asNDJSON, `unknown parameter "ack"`},
		{400, "POST", "/topic/nd/ack", `{"cursor":"x"}`, asJSON, "group"},
		{400, "POST", "/topic/nd/ack?group=g", `{}`, asJSON, "Missing body param: cursor"},
		{400, "POST", "/topic/nd/ack?group=g", `{"cursor":"x"}`, asJSON, "cursor"},
		{404, "POST", "/topic/nd/ack?group=g", `{"cursor":"` + foreign + `"}`, asJSON, "knows no group g"},
	} {
		if c.path == "/topic/.." { // no route takes it
			c.status = 404
		}
		var headers []string
		if c.kind != "" {
			headers = []string{"Content-Type", c.kind}
		}
		a := s.call(c.method, c.path, c.body, headers...)
		if a.status != c.status || !strings.Contains(a.field(t, "error"), c.words) {
			t.Errorf("%s %s %s: %d %s, want %d with %q", c.method, c.path, c.body, a.status, a.body, c.status, c.words)
		}
	}
	if i := s.topicInfo("nd"); len(i.Readers) != 0 {
		t.Errorf("a refused request left a reader: %+v", i.Readers)
	}
}

func TestAPIWithoutTopicsSaysSo(t *testing.T) {
	s := newSite(t)
	s.stop()
	s.serve(&topicapi.API{}, func() error { return nil })
	for _, path := range []string{"/topics", "/topics/x", "/topic/x"} {
		s.want(http.StatusNotFound, "GET", path, "")
	}
	s.want(http.StatusNotFound, "POST", "/topic/x", "x", "Content-Type", "text/plain")
}

func TestTopicIsReadFromAPlace(t *testing.T) {
	s := newSite(t)
	s.topic("p", "")
	before := s.put("p", `{"n":1}`, `{"n":2}`)
	after := s.put("p", `{"n":3}`)
	all := "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n"
	for query, want := range map[string]string{
		"from=start&follow=false":                         all,
		"from=start&follow=0&limit=2":                     all[:16],
		"from=start&limit=1":                              all[:8],
		"from=start&limit=3":                              all,
		"from=new&follow=false":                           "",
		"follow=false&from=" + before:                     all[16:],
		"follow=false&from=" + after:                      "",
		"follow=false&from=1h":                            all,
		"follow=false&from=1990-01-01T00:00:00Z":          all,
		"follow=false&from=1990-01-01T02:00:00+02:00":     all,
		"follow=false&from=1990-01-01T02:00:00.5%2B02:00": all,
		"follow=false&from=2990-01-01T00:00:00Z":          "",
	} {
		if got := s.read("p", query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	resp := s.stream("GET", "/topic/p?from=start&limit=2", nil)
	drain(t, resp)
	if begin, end := resp.Header.Get("Waverider-Cursor"), resp.Trailer.Get("Waverider-Cursor"); begin == "" || end != before || resp.Trailer.Get("Waverider-Missed") != "0" {
		t.Errorf("cursors %q to %q, want to %q; trailer %v", begin, end, before, resp.Trailer)
	}
	if i := s.topicInfo("p"); len(i.Readers) != 0 {
		t.Errorf("readers are remembered: %+v", i.Readers)
	}
}

func TestPlainReadersShareACursor(t *testing.T) {
	s := newSite(t)
	s.put("p", "1", "2")
	if got := s.read("p", "limit=1"); got != "1\n" {
		t.Errorf("first: %q", got)
	}
	if got := s.read("p", "follow=false"); got != "2\n" {
		t.Errorf("second: %q", got)
	}
	first := lines(t, s.stream("GET", "/topic/p", nil))
	s.put("p", "3")
	first("3")
	second := lines(t, s.stream("GET", "/topic/p", nil)) // joins live
	s.put("p", "4")
	first("4")
	second("4")
	i := s.topicInfo("p")
	if len(i.Readers) != 1 || i.Readers[0].Kind != "plain" || i.Readers[0].Connected != 2 || i.Readers[0].Holds {
		t.Errorf("readers: %+v", i.Readers)
	}
}

func TestTopicTypesOfReaders(t *testing.T) {
	s := newSite(t)
	s.want(http.StatusOK, "POST", "/topic/words", "some words", "Content-Type", "text/plain; charset=utf-8")
	a := s.get("/topic/words?from=start&follow=false") // no type: any
	if a.body != "some words" || a.header.Get("Content-Type") != "text/plain" {
		t.Errorf("%q %q", a.header.Get("Content-Type"), a.body)
	}
	a = s.get("/topic/new?follow=false")
	if a.header.Get("Content-Type") != asNDJSON {
		t.Errorf("a Topic made by a reader is %q", a.header.Get("Content-Type"))
	}
	a = s.want(http.StatusOK, "GET", "/topic/new?follow=false", "", "Content-Type", "text/x-ndjson")
	if a.header.Get("Content-Type") != asNDJSON {
		t.Errorf("the other name of NDJSON: %q", a.header.Get("Content-Type"))
	}
}

func TestEnvelopes(t *testing.T) {
	s := newSite(t)
	s.put("p", `{"n":1}`, ` [1, 2] `, "garbage \xff", "plain")
	s.want(http.StatusOK, "POST", "/topic/text", "ö", "Content-Type", "text/plain")
	s.want(http.StatusOK, "POST", "/topic/text", "\xc3", "Content-Type", "text/plain")
	s.want(http.StatusOK, "POST", "/topic/bytes", "\x00\x01", "Content-Type", "application/octet-stream")
	for name, want := range map[string][]string{
		"p":     {`{"n":1}`, `[1,2]`, `base64 "Z2FyYmFnZSD/Cg=="`, `text "plain"`},
		"text":  {`"ö"`, `base64 "ww=="`},
		"bytes": {`base64 "AAE="`},
	} {
		a := s.get("/topic/" + name + "?from=start&follow=false&envelope=true")
		if a.header.Get("Content-Type") != asNDJSON {
			t.Errorf("%s: content type %q", name, a.header.Get("Content-Type"))
		}
		got := strings.Split(strings.TrimSpace(a.body), "\n")
		if len(got) != len(want) {
			t.Errorf("%s: %q", name, got)
			continue
		}
		cursor := ""
		for i, line := range got {
			var e struct {
				Cursor, From, Encoding string
				Time                   time.Time
				Data                   json.RawMessage
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
			data := strings.ReplaceAll(string(e.Data), " ", "")
			if data = strings.TrimSpace(e.Encoding + " " + data); data != want[i] {
				t.Errorf("%s: record %d is %s, want %s", name, i, data, want[i])
			}
			if time.Since(e.Time) > time.Minute || e.From != "" {
				t.Errorf("%s: time %s, from %q", name, e.Time, e.From)
			}
			if cursor != "" {
				rest := s.read(name, "follow=false&envelope=true&limit=1&from="+cursor)
				if rest != line+"\n" {
					t.Errorf("%s: after the cursor of record %d: %q, want %q", name, i-1, rest, line)
				}
			}
			cursor = e.Cursor
		}
	}
}

func TestTopicsOutliveTheHub(t *testing.T) {
	s := newSite(t)
	s.put("p", "1", "2", "3")
	s.read("p", "limit=1")
	s.read("p", "group=g&limit=2")
	s.reopen()
	if got := s.read("p", "follow=false"); got != "2\n3\n" {
		t.Errorf("a plain reader went on with %q", got)
	}
	if got := s.read("p", "group=g&follow=false"); got != "3\n" {
		t.Errorf("the group went on with %q", got)
	}
}

// lines wants one line after the other from a stream.
func lines(t *testing.T, resp *http.Response) func(want string) {
	t.Helper()
	r := bufio.NewReader(resp.Body)
	return func(want string) {
		t.Helper()
		got, err := r.ReadString('\n')
		if err != nil || got != want+"\n" {
			t.Fatalf("line %q %v, want %q", got, err, want)
		}
	}
}

// drain reads the rest of a body; its trailers are there then.
func drain(t *testing.T, resp *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("after %q: %v", text, err)
	}
	return string(text)
}

func TestHeadOfATopicChangesNothing(t *testing.T) {
	s := newSite(t)
	s.want(http.StatusNotFound, "HEAD", "/topic/none", "")
	if list := s.want(http.StatusOK, "GET", "/topics", ""); !strings.Contains(list.body, "[]") {
		t.Errorf("HEAD made a Topic: %s", list.body)
	}
	s.topic("p", "")
	s.want(http.StatusOK, "HEAD", "/topic/p?group=g", "")
	if info := s.want(http.StatusOK, "GET", "/topics/p", ""); strings.Contains(info.body, `"g"`) {
		t.Errorf("HEAD began a group: %s", info.body)
	}
}
