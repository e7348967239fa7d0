package hub_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/hub"
	"waverider/wire"
)

// auditLine is a record of GET /audit.
type auditLine struct {
	OpCode                                    int
	OpState, RequestID, ObjectID, RequestorID string
	ReceivedAt                                int64
	RX, TX                                    *int64
	Limits                                    *struct{ Memory *int64 }
}

func (a auditLine) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", a.OpCode, a.OpState, a.ObjectID))
}

// audited are the records there are now.
func (s *site) audited() (list []auditLine) {
	s.t.Helper()
	for line := range strings.Lines(s.get("/audit?follow=false").body) {
		var a auditLine
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			s.t.Fatal(err)
		}
		if a.ReceivedAt == 0 {
			s.t.Errorf("no time in %s", line)
		}
		list = append(list, a)
	}
	return list
}

// auditReader follows the audit.
type auditReader struct {
	t *testing.T
	r *bufio.Reader
}

func (s *site) followAudit() *auditReader {
	s.t.Helper()
	resp := s.stream("GET", "/audit", http.NoBody)
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	return &auditReader{s.t, bufio.NewReader(resp.Body)}
}

// until reads on to a record.
func (a *auditReader) until(ok func(auditLine) bool) auditLine {
	a.t.Helper()
	for {
		line, err := a.r.ReadString('\n')
		if err != nil {
			a.t.Fatal(err)
		}
		var rec auditLine
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			a.t.Fatal(err)
		}
		if ok(rec) {
			return rec
		}
	}
}

func TestAuditOfRequests(t *testing.T) {
	s := newSite(t)
	id := s.upload("demo", "1.0.0", "a.js")
	s.want(http.StatusNotFound, "GET", "/instance/nope/stdout", "")
	s.get("/version")
	var got []string
	for _, a := range s.audited() {
		if a.RequestorID != "system" || (a.RequestID == "") != (a.OpState == "") || (a.RX == nil) != (a.OpState == "") {
			t.Errorf("record %+v", a)
		}
		got = append(got, a.String())
	}
	want := []string{"10100 START", "0  " + id, "10100 END", "11201 START nope", "11201 ERROR nope"}
	if !slices.Equal(got, want) {
		t.Errorf("audit: %q, want %q", got, want)
	}
}

// A proxy in front of a Hub without tokens knows who asks.
func TestAuditNamesWhoAsks(t *testing.T) {
	s := newSite(t)
	s.want(http.StatusNotFound, "GET", "/instance/nope/stdout", "", "X-Mw-Billable", "acme")
	s.want(http.StatusNotFound, "GET", "/instance/nope/stdout", "", "X-Mw-Billable", strings.Repeat("x", 200))
	var got []string
	for _, a := range s.audited() {
		got = append(got, a.RequestorID)
	}
	if want := []string{"acme", "acme", "system", "system"}; !slices.Equal(got, want) {
		t.Errorf("requestors %q, want %q", got, want)
	}
}

// What is audited is what the route does, whatever its names are made of.
func TestAuditOfNamesWithSlashes(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", idle)
	s.upload("@scope/demo", "1.0.0", "a.js")
	s.want(http.StatusOK, "POST", "/sequence/@scope%2Fdemo/start", "")
	s.want(http.StatusNotFound, "GET", "/instance/a%2F_kill/stdout", "")
	s.want(http.StatusNotFound, "HEAD", "/INSTANCE/a%2F_kill/StdOut/", "")
	var got []string
	for _, a := range s.audited() {
		if a.OpState == "START" {
			got = append(got, a.String())
		}
	}
	want := []string{"10100 START", "10117 START @scope/demo", "11201 START a/_kill", "11201 START a/_kill"}
	if !slices.Equal(got, want) {
		t.Errorf("audit: %q, want %q", got, want)
	}
}

// Whoever may read can ask for what is not there, with a path of 60 KiB: the
// records of thousands of such requests have to fit the memory.
func TestAuditKeepsLittleOfALongName(t *testing.T) {
	s := newSite(t)
	s.want(http.StatusNotFound, "GET", "/instance/"+strings.Repeat("%3C", 20_000)+"/stdout", "")
	for line := range strings.Lines(s.get("/audit?follow=false").body) {
		if len(line) > 2000 {
			t.Errorf("a record of %d bytes", len(line))
		}
	}
}

// With tokens who asks is who the token was given to, whatever his name is.
func TestAuditBelievesTokens(t *testing.T) {
	s := newSite(t)
	key, err := auth.OpenKey(s.dir + "/test.key")
	if err != nil {
		t.Fatal(err)
	}
	mux := wire.NewMux(slog.New(slog.DiscardHandler))
	s.hub.Routes(mux)
	hub := mux.Serve(wire.Access{Gate: &auth.Gate{Key: key}})
	for _, subject := range []string{"ann", "local"} {
		token, err := key.Mint(auth.Claims{Subject: subject, Role: auth.RoleViewer})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/api/v1/instance/nope/stdout?token="+token, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("X-Mw-Billable", "acme")
		hub.ServeHTTP(httptest.NewRecorder(), r)
		list := s.audited()
		if got := list[len(list)-1].RequestorID; got != subject {
			t.Errorf("asked by %s, the audit says %s", subject, got)
		}
		if strings.Contains(s.get("/audit?follow=false").body, token) {
			t.Error("the audit has the token")
		}
	}
}

func TestAuditOfLives(t *testing.T) {
	s := newSite(t)
	s.on.on("once.js", func(p *proc) int {
		p.ready()
		return p.finish(0)
	})
	s.on.on("fails.js", func(p *proc) int {
		p.ready()
		return p.fail("run", waverider.ExitProgram, "no")
	})
	for main, end := range map[string]int{"once.js": 2, "fails.js": 3} {
		seq := s.upload("", "", main)
		id := s.start(seq, "")
		s.ended(id)
		s.want(http.StatusOK, "DELETE", "/sequence/"+seq, "")
		got := map[string][]int{}
		for _, a := range s.audited() {
			if a.OpState == "" {
				got[a.ObjectID] = append(got[a.ObjectID], a.OpCode)
			}
		}
		if want := []int{4, 0, end}; !slices.Equal(got[id], want) {
			t.Errorf("%s: the Instance was %v, want %v", main, got[id], want)
		}
		if want := []int{0, 1}; !slices.Equal(got[seq], want) {
			t.Errorf("%s: the Sequence was %v, want %v", main, got[seq], want)
		}
	}
}

func TestAuditTellsOfBytesThatMove(t *testing.T) {
	s := newSite(t)
	id := s.run("echo.js", echo, "")
	audit := s.followAudit()
	body, feed := io.Pipe()
	posted := make(chan struct{})
	go func() {
		defer close(posted)
		resp := s.stream("POST", "/instance/"+id+"/input", body, "Content-Type", "text/plain")
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}()
	defer func() { <-posted }()
	defer feed.Close()
	sent := int64(0)
	send := func() {
		n, err := io.WriteString(feed, "hello")
		sent += int64(n)
		if err != nil {
			t.Fatal(err)
		}
	}
	ofInput := func(state string) func(auditLine) bool {
		return func(a auditLine) bool { return a.OpCode == 11107 && a.OpState == state && a.ObjectID == id }
	}
	start := audit.until(ofInput("START"))
	for range 2 {
		send()
		a := audit.until(ofInput("ACTIVE"))
		if a.RequestID != start.RequestID || a.RX == nil || *a.RX != sent || a.ReceivedAt < start.ReceivedAt {
			t.Errorf("%d bytes were sent: %+v", sent, a)
		}
	}
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
	if a := audit.until(ofInput("END")); *a.RX != sent || *a.TX != 0 {
		t.Errorf("at the end: %+v", a)
	}
	for _, a := range s.audited() {
		if a.OpState == "ACTIVE" {
			t.Errorf("kept for later: %+v", a)
		}
	}
}

// However many read the audit, a Hub beats once.
func TestAuditHeartbeats(t *testing.T) {
	s := newSite(t, func(c *hub.Config) { c.Heartbeat = 50 * time.Millisecond })
	id := s.run("a.js", idle, `{"limits":{"memory":300}}`)
	plain := s.run("b.js", idle, "")
	ended := s.run("c.js", func(p *proc) int { p.ready(); return p.finish(0) }, "")
	s.ended(ended)
	one, two := s.followAudit(), s.followAudit()
	beat := func(a auditLine) bool { return a.OpCode == 13010 }
	first := two.until(beat)
	one.until(func(a auditLine) bool { return beat(a) && a.ReceivedAt == first.ReceivedAt })
	for range 3 { // what follows is the same for both
		var got [2][]string
		for i, r := range []*auditReader{one, two} {
			r.until(func(a auditLine) bool {
				if a.OpState == "ACTIVE" {
					got[i] = append(got[i], fmt.Sprint(a, " ", a.ReceivedAt))
				}
				if a.OpCode == 13012 && (a.ObjectID == ended || a.Limits == nil ||
					(a.ObjectID == id) != (a.Limits.Memory != nil && *a.Limits.Memory == 300)) {
					t.Errorf("beat %+v", a)
				}
				return beat(a)
			})
		}
		if !slices.Equal(got[0], got[1]) || len(got[0]) != 3 {
			t.Errorf("one reader got %q, the other %q; want the Hub and %s and %s", got[0], got[1], id, plain)
		}
	}
}

func TestMonitoringIsFollowed(t *testing.T) {
	s := newSite(t)
	say := make(chan bool)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		for healthy := range say {
			_ = p.Send("health", map[string]any{"healthy": healthy})
			_ = p.Flushed()
		}
		return p.finish(0)
	}, "")
	r := s.reader("/instance/" + id + "/monitoring")
	for _, healthy := range []bool{true, true, false} {
		say <- healthy
		r.next(fmt.Sprintf("[3001,{\"healthy\":%v}]\n", healthy))
	}
	close(say)
	r.end() // with the Instance
	if got := s.get("/instance/" + id + "/monitoring").body; got != "" {
		t.Errorf("after the end: %q", got)
	}
}
