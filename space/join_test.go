package space_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/internal/rawlink"
	"waverider/link"
)

func TestATokenIsGoodForOneHub(t *testing.T) {
	s := newSite(t)
	for range 5 {
		token := s.joinToken("")
		var mu sync.Mutex
		var in []*link.Session
		var refused int
		var group sync.WaitGroup
		for range 6 {
			d := newDisk(t)
			group.Go(func() {
				l, err := s.dial(d, token.Answer())
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					in = append(in, l)
				} else if refusedAs(err) == waverider.Forbidden {
					refused++
				} else {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if len(in) != 1 || refused != 5 {
			t.Fatalf("%d are in, %d were refused", len(in), refused)
		}
		in[0].Close(nil)
	}
}

func TestATokenIsGoodAgainUntilItsHubHasShownThatItIsIn(t *testing.T) {
	s := newSite(t)
	token := s.joinToken("")
	d := newDisk(t)
	for range 3 { // the answer is lost, or the disk fails, and the Space is started anew
		l, err := s.dial(d, token.Answer())
		if err != nil {
			t.Fatal(err)
		}
		l.Close(nil)
		s.stop()
		s.start()
	}
	l, err := s.dial(d, token.Answer())
	if err != nil {
		t.Fatal(err)
	}
	h := s.run(l, d, nil)
	if err := h.confirm(d); err != nil {
		t.Fatal(err)
	}
	s.heard(h, d)
	copied := &disk{key: d.key} // who has the key and the token, and no ticket
	if _, err := s.dial(copied, token.Answer()); refusedAs(err) != waverider.Forbidden {
		t.Errorf("the token let a copy in: %v", err)
	}
	h.Close(nil)
	if l, err := s.dial(d, token.Answer()); err != nil { // it stays in the settings of the Hub
		t.Error(err)
	} else {
		l.Close(nil)
	}
}

func TestTokensThatAreNoGood(t *testing.T) {
	s := newSite(t)
	good := s.joinToken("")
	short := s.joinToken(`{"expires":"1s"}`)
	gone := s.joinToken("")
	s.want(http.StatusOK, "DELETE", "/api/v1/tokens/"+gone.ID, s.admin, "", nil)
	s.until("the token expires", func() bool {
		return strings.Contains(s.want(200, "GET", "/api/v1/tokens", s.admin, "", nil), `"expired"`)
	})
	other := newSite(t)
	for name, answer := range map[string]string{
		"none": "", "nothing": ".", "no secret": good.ID + ".", "no id": "." + good.Secret, "wrong": good.ID + ".x", "expired": short.Answer(),
		"deleted": gone.Answer(), "of another Space": other.joinToken("").Answer(), "odd": strings.Repeat("*>.", 1000), "bytes": "\xff\x00.\xff",
	} {
		if _, err := s.dial(newDisk(t), answer); refusedAs(err) != waverider.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l, err := s.dial(newDisk(t), good.Answer()); err != nil {
		t.Error(err)
	} else {
		l.Close(nil)
	}
	all := s.want(http.StatusOK, "GET", "/api/v1/tokens", s.admin, "", nil) + s.audit() +
		s.want(http.StatusOK, "GET", "/api/v1/log?follow=false", s.admin, "", nil)
	for _, secret := range []string{good.Secret, short.Secret, gone.Secret} {
		if strings.Contains(all, secret) {
			t.Error("a secret is shown")
		}
	}
}

func TestWhatATokenSaysOfAHub(t *testing.T) {
	s := newSite(t)
	d, _ := s.join(`{"name":"north","labels":{"site":"a"},"domain":"plant"}`, nil)
	if v := s.hub("north"); v.ID != d.key.ID() || v.Labels["site"] != "a" || v.Domain != "plant" {
		t.Errorf("%+v", v)
	}
	d2, _ := s.join(`{"name":"north"}`, nil)
	if v := s.hub(d2.key.ID()); v.Name != "north-2" {
		t.Errorf("%+v", v)
	}
	for _, bad := range []string{`{"name":"a/b"}`, `{"name":" "}`, `{"labels":{"":"x"}}`, `{"labels":{"a":"\u0000"}}`, `{"domain":"../x"}`,
		`{"expires":"31d"}`, `{"expires":"-1s"}`, `{"name":"` + strings.Repeat("x", 64) + `"}`, `[]`, `{"name":1}`} {
		s.want(http.StatusBadRequest, "POST", "/api/v1/tokens", s.admin, bad, nil)
	}
}

func TestWhatATokenSaysOfAHubThatComesBack(t *testing.T) {
	s := newSite(t)
	_, other := s.join(`{"name":"taken"}`, nil)
	d, h := s.join(`{"name":"old","domain":"a","labels":{"x":"1","z":"3"}}`, nil)
	for _, c := range []struct{ token, name, domain, labels string }{
		{`{"domain":"quarantine","labels":{"x":"y"},"name":"new"}`, "new", "quarantine", "map[x:y z:3]"},
		{`{"name":"taken"}`, "new", "quarantine", "map[x:y z:3]"},
	} {
		s.want(http.StatusOK, "POST", "/api/v1/sth/"+d.key.ID()+"/revoke", s.admin, "", nil)
		h.ended(t)
		l, err := s.dial(d, s.joinToken(c.token).Answer())
		if err != nil {
			t.Fatal(err)
		}
		h = s.run(l, d, nil)
		if err := h.confirm(d); err != nil {
			t.Fatal(err)
		}
		s.heard(h, d)
		v := s.hub(d.key.ID())
		var told link.Settings
		if err := json.Unmarshal(l.Welcome.More, &told); err != nil {
			t.Fatal(err)
		}
		if v.Name != c.name || v.Domain != c.domain || fmt.Sprint(v.Labels) != c.labels || told.Domain != c.domain || told.Name != c.name {
			t.Errorf("%s: name %q, domain %q, labels %v; it was told %+v", c.token, v.Name, v.Domain, v.Labels, told)
		}
	}
	other.Close(nil)
}

func TestNamesOfHubs(t *testing.T) {
	s := newSite(t)
	a, ha := s.join(`{"name":"a"}`, nil)
	b, _ := s.join(`{"name":"b"}`, nil)
	s.want(http.StatusConflict, "PATCH", "/api/v1/sth/a", s.admin, `{"name":"b"}`, nil)
	s.want(http.StatusBadRequest, "PATCH", "/api/v1/sth/a", s.admin, `{"name":""}`, nil)
	s.want(http.StatusBadRequest, "PATCH", "/api/v1/sth/a", s.admin, `{"labels":{"x y":"1"}}`, nil)
	s.want(http.StatusNotFound, "PATCH", "/api/v1/sth/none", s.admin, `{"name":"c"}`, nil)
	s.want(http.StatusOK, "PATCH", "/api/v1/sth/a", s.admin, `{"name":"a"}`, nil)
	// Many at once: one gets the name, and the Hub hears the last word.
	var group sync.WaitGroup
	for i := range 12 {
		group.Go(func() {
			ref := []string{a.key.ID(), b.key.ID()}[i%2]
			resp := s.do("PATCH", "/api/v1/sth/"+ref, s.admin, strings.NewReader(fmt.Sprintf(`{"name":"n%d","labels":{"at":"%d"}}`, i/4, i)))
			resp.Body.Close()
		})
	}
	group.Wait()
	va, vb := s.hub(a.key.ID()), s.hub(b.key.ID())
	if va.Name == vb.Name {
		t.Errorf("both are %s", va.Name)
	}
	var last link.Settings
	for last.Name != va.Name || last.Labels["at"] != va.Labels["at"] {
		select {
		case last = <-ha.settings:
		case <-time.After(10 * time.Second):
			t.Fatalf("the Hub heard %+v last, it is %+v", last, va)
		}
	}
	select {
	case more := <-ha.settings:
		if more.Name != va.Name {
			t.Errorf("after that it heard %+v", more)
		}
	case <-time.After(50 * time.Millisecond):
	}
}

// A revoked Hub is cut, also when it reads nothing, and stays out: neither its
// ticket nor its old token helps.
func TestARevokedHubIsCutAndStaysOut(t *testing.T) {
	s := newSite(t)
	token := s.joinToken(`{"expires":"1d"}`)
	d := newDisk(t)
	c, r, err := rawlink.Enter(t.Context(), s.url(""), d.key, map[string]any{"join": token.Answer()})
	if err != nil || r.Welcome == nil {
		t.Fatal(r, err)
	}
	defer c.WS.Close()
	d.ticket = r.Welcome.Ticket
	s.until("it is here", func() bool { return s.hub(d.key.ID()).State == "connected" })
	began := time.Now()
	s.want(http.StatusOK, "POST", "/api/v1/sth/"+d.key.ID()+"/revoke", s.admin, "", nil)
	s.until("it is cut", func() bool { return s.hub(d.key.ID()).State == "revoked" })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	for _, join := range []string{"", token.Answer()} {
		if _, err := s.dial(d, join); refusedAs(err) != waverider.Forbidden {
			t.Errorf("with %q: %v", join, err)
		}
	}
	if v := s.hub(d.key.ID()); v.State != "revoked" {
		t.Errorf("%+v", v)
	}
	// A new token takes it back.
	l, err := s.dial(d, s.joinToken("").Answer())
	if err != nil {
		t.Fatal(err)
	}
	h := s.run(l, d, nil)
	_ = h.confirm(d)
	s.heard(h, d)
}

func TestARevokedHubIsCutWhenThatCannotBeWrittenDown(t *testing.T) {
	s := newSite(t)
	d, h := s.join("", nil)
	s.records.Close()
	s.want(http.StatusServiceUnavailable, "POST", "/api/v1/sth/"+d.key.ID()+"/revoke", s.admin, "", nil)
	h.ended(t)
	if a := s.audit(); !strings.Contains(a, "can come back") {
		t.Error(a)
	}
}

func TestARemovedHubIsForgotten(t *testing.T) {
	s := newSite(t)
	token := s.joinToken(`{"expires":"1d"}`)
	d := newDisk(t)
	l, err := s.dial(d, token.Answer())
	if err != nil {
		t.Fatal(err)
	}
	h := s.run(l, d, nil)
	_ = h.confirm(d)
	for range 3 { // tickets of some sessions
		if l, err = s.dial(d, ""); err != nil {
			t.Fatal(err)
		}
		h = s.run(l, d, nil)
		_ = h.confirm(d)
		s.heard(h, d)
	}
	old := *d
	s.want(http.StatusConflict, "DELETE", "/api/v1/sth/"+d.key.ID(), s.admin, "", nil)
	s.want(http.StatusOK, "DELETE", "/api/v1/sth/"+d.key.ID()+"?force=true", s.admin, "", nil)
	h.ended(t)
	if n := <-h.notices; n.Kind != "removed" {
		t.Errorf("%+v", n)
	}
	s.want(http.StatusNotFound, "GET", "/api/v1/sth/"+d.key.ID(), s.admin, "", nil)
	for _, join := range []string{"", token.Answer()} {
		if _, err := s.dial(d, join); refusedAs(err) != waverider.Forbidden {
			t.Errorf("with %q: %v", join, err)
		}
	}
	// It joins anew; an old copy of its disk stays out.
	if l, err = s.dial(d, s.joinToken("").Answer()); err != nil {
		t.Fatal(err)
	}
	h = s.run(l, d, nil)
	_ = h.confirm(d)
	s.heard(h, d)
	if _, err := s.dial(&old, ""); refusedAs(err) != waverider.Conflict {
		t.Errorf("the old copy: %v", err)
	}
	s.heard(h, d)
	if v := s.hub(d.key.ID()); v.Clone == nil || v.State != "connected" {
		t.Errorf("%+v", v)
	}
	if n := <-h.notices; n.Kind != "clone" {
		t.Errorf("%+v", n)
	}
}

func TestAHubLeaves(t *testing.T) {
	s := newSite(t)
	d, h := s.join("", nil)
	for range 5 {
		_ = h.Send(link.MessageLeave, struct{}{})
	}
	h.ended(t)
	s.want(http.StatusNotFound, "GET", "/api/v1/sth/"+d.key.ID(), s.admin, "", nil)
	if n := strings.Count(s.audit(), `"action":"remove"`); n != 1 {
		t.Errorf("removed %d times", n)
	}
}

// Whoever is let in while it is being revoked is not in afterwards.
func TestRevokeWhileAHubComes(t *testing.T) {
	s := newSite(t)
	for range 8 {
		d, h := s.join("", nil)
		h.Close(nil)
		<-h.done
		var group sync.WaitGroup
		var l *link.Session
		group.Go(func() { l, _ = s.dial(d, "") })
		s.want(http.StatusOK, "POST", "/api/v1/sth/"+d.key.ID()+"/revoke", s.admin, "", nil)
		group.Wait()
		if l != nil {
			s.run(l, d, nil).ended(t)
		}
		s.until("it is out", func() bool { return s.hub(d.key.ID()).State == "revoked" })
		if _, err := s.dial(d, ""); refusedAs(err) != waverider.Forbidden {
			t.Error(err)
		}
	}
}

func TestWhatBreaksTheRulesIsKeptOutAWhile(t *testing.T) {
	s := newSite(t)
	good, h := s.join(`{"name":"good"}`, nil)
	for name, send := range map[string]func(h *here){
		"confirms a ticket": func(h *here) { _ = h.Send(link.MessageConfirm, link.Confirm{Ticket: "1.xx"}) },
		"cannot be":         func(h *here) { _ = h.Send(link.MessageReads, link.Reads{Topics: []string{"a b/.."}}) },
		"asks for a change": func(h *here) { _ = h.Send(link.MessageAsk, link.Ask{Topic: "t"}) },
		"load":              func(h *here) { _ = h.Send(link.MessageLoad, strings.Repeat("x", 100)) },
		"no list":           func(h *here) { _ = h.Send(link.MessageEntities, map[string]any{"sequences": "x"}) },
		"message":           func(h *here) { _ = h.Send(link.MessageEntities, []int{1}) },
	} {
		t.Run(name, func(t *testing.T) {
			d, bad := s.join("", nil)
			send(bad)
			bad.ended(t)
			s.until("the breach is in the audit", func() bool { return strings.Contains(s.audit(), `"breach","hub":"`+d.key.ID()) })
			if !strings.Contains(s.audit(), name) {
				t.Error("the audit does not say what")
			}
			if _, err := s.dial(d, ""); refusedAs(err) != waverider.Forbidden || !strings.Contains(err.Error(), "broke the rules") {
				t.Error(err)
			}
			if _, err := s.dial(d, s.joinToken("").Answer()); refusedAs(err) != waverider.Forbidden {
				t.Errorf("a token: %v", err)
			}
		})
	}
	s.heard(h, good) // no other Hub is touched
	if text := s.want(http.StatusOK, "GET", "/metrics", s.admin, "", nil); strings.Count(text, "_breaches_total") < 7 {
		t.Error(text)
	}
}

func TestAHubWithManyReadsStaysLinked(t *testing.T) {
	s := newSite(t)
	d, h := s.join("", nil)
	var names []string
	for i := range 9000 {
		names = append(names, fmt.Sprintf("a-topic-with-a-rather-long-name-%05d", i))
	}
	if err := h.Send(link.MessageReads, link.Reads{Topics: names}); err != nil {
		t.Fatal(err)
	}
	s.heard(h, d)
	if n := len(s.hub(d.key.ID()).Reads); n != len(names) {
		t.Errorf("%d are known", n)
	}
}

func TestAHubThatReadsTooManyTopicsGetsTheFirst(t *testing.T) {
	s := newSite(t)
	d, h := s.join("", nil)
	names := make([]string, 10_002)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%05d", len(names)-i)
	}
	for i := range 2 {
		if err := h.Send(link.MessageReads, link.Reads{Topics: names[i:]}); err != nil {
			t.Fatal(err)
		}
	}
	s.heard(h, d)
	if reads := s.hub(d.key.ID()).Reads; len(reads) != 10_000 || reads[0] != "topic-00001" || reads[9999] != "topic-10000" {
		t.Errorf("%d are known", len(reads))
	}
	if n := <-h.notices; !strings.Contains(n.Message, "10002") {
		t.Error(n.Message)
	}
	select {
	case n := <-h.notices:
		t.Errorf("it is told again: %s", n.Message)
	default:
	}
}

func TestAHubThatSaysAgainAndAgainThatItLeavesIsRemovedOnce(t *testing.T) {
	s := newSite(t)
	d, h := s.join("", nil)
	before, most := runtime.NumGoroutine(), 0
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for h.Send(link.MessageLeave, struct{}{}) == nil {
		}
	}()
	for going := true; going; {
		select {
		case <-stop:
			going = false
		case <-time.After(time.Millisecond):
			most = max(most, runtime.NumGoroutine())
		}
	}
	if most > before+200 {
		t.Errorf("%d goroutines before, %d at most", before, most)
	}
	h.ended(t)
	s.want(http.StatusNotFound, "GET", "/api/v1/sth/"+d.key.ID(), s.admin, "", nil)
	if n := strings.Count(s.audit(), `"remove"`); n != 1 {
		t.Errorf("removed %d times", n)
	}
}

func TestRolesOfTokens(t *testing.T) {
	s := newSite(t)
	for _, role := range []auth.Role{auth.RoleViewer, auth.RoleOperator} {
		token := s.token(role)
		s.want(http.StatusForbidden, "POST", "/api/v1/tokens", token, "{}", nil)
		s.want(http.StatusForbidden, "GET", "/api/v1/tokens", token, "", nil)
		s.want(http.StatusForbidden, "GET", "/api/v1/audit", token, "", nil)
		s.want(http.StatusOK, "GET", "/api/v1/list", token, "", nil)
	}
	// Those of a Hub, or signed for a Hub, are no good here.
	for _, c := range []auth.Claims{{Subject: "x", Role: auth.RoleInstance}, {Subject: "x", Role: auth.RoleAdmin, Audience: "hub/1"}, {Subject: "x", Role: auth.RoleAdmin, Expires: time.Now().Add(-time.Hour)}} {
		text, err := s.key.Mint(c)
		if err != nil {
			t.Fatal(err)
		}
		s.want(http.StatusUnauthorized, "GET", "/api/v1/list", text, "", nil)
	}
}

// Everybody may ask to be let in. That leaves room for what else has happened.
func TestManyRefusalsDoNotFillTheAudit(t *testing.T) {
	s := newSite(t)
	d, _ := s.join("", nil)
	for range 100 {
		if _, err := s.dial(newDisk(t), ""); refusedAs(err) != waverider.Forbidden {
			t.Fatal(err)
		}
	}
	audit := s.audit()
	if n := strings.Count(audit, `"action":"refuse"`); n < 30 || n > 60 {
		t.Errorf("%d refusals are told", n)
	}
	if !strings.Contains(audit, `"action":"join","hub":"`+d.key.ID()) {
		t.Error("the join is told no more")
	}
}
