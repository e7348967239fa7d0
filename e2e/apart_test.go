//go:build linux

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"waverider"
	"waverider/internal/testhub"
	"waverider/internal/testnet"
	"waverider/internal/testspace"
)

// apart is a Hub and its Space, and the way between them.
type apart struct {
	t     *testing.T
	space *testspace.Space
	hub   *testspace.Hub
	way   *testnet.Proxy
	sent  int // records, to Topic sensor on the Hub
}

func newApart(t *testing.T) *apart {
	t.Helper()
	ctx := t.Context()
	s, err := testspace.Open(ctx, testhub.Options{Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ended(t, s) })
	way, err := testnet.Open(testnet.Options{To: s.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ended(t, way) })
	h, err := s.Join(ctx, "https://"+way.Addr(), "edge", testhub.Options{Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ended(t, h) })
	return &apart{t: t, space: s, hub: h, way: way}
}

func ended(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	var exit *exec.ExitError
	if err := c.Close(); err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
}

func (a *apart) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatalf("%v\nthe Hub said:\n%s", err, a.hub.LogTail(15))
	}
}

// send gives the Hub's Topic so many records more.
func (a *apart) send(n int) {
	a.t.Helper()
	var body bytes.Buffer
	for range n {
		fmt.Fprintf(&body, "{\"n\":%d}\n", a.sent)
		a.sent++
	}
	_, err := a.hub.PostTopic(a.t.Context(), "sensor", "", &body)
	a.must(err)
}

// arrived tells that the Space has what was sent, each record once and in order.
func (a *apart) arrived() (bool, error) {
	text, err := a.space.Do(a.t.Context(), http.MethodGet, "/topic/sensor?from=start&follow=false", "", nil)
	if err != nil {
		return false, err
	}
	n := 0
	for line := range bytes.Lines(text) {
		var rec struct{ N int }
		if err := json.Unmarshal(line, &rec); err != nil {
			return false, err
		}
		if rec.N != n {
			a.t.Fatalf("record %d of the Space is %s", n, line)
		}
		n++
	}
	return n == a.sent, nil
}

// eventually asks until the answer is yes.
func (a *apart) eventually(what string, ask func() (bool, error)) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := ask()
		if ok && err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			a.t.Fatalf("not so: %s (%v)\nthe Hub said:\n%s", what, err, a.hub.LogTail(15))
		}
	}
}

// apartTopic is what is looked at here of a Topic.
type apartTopic struct {
	Description, Owner string
	MaxBytes           int64
	Requests           []waverider.TopicRequest
}

func (a *apart) topic(at testhub.API, name string) (t apartTopic) {
	a.t.Helper()
	a.must(at.JSON(a.t.Context(), http.MethodGet, "/topics/"+name, nil, &t))
	return t
}

func (a *apart) patch(at testhub.API, path string, change map[string]any) (answer apartTopic) {
	a.t.Helper()
	a.must(at.JSON(a.t.Context(), http.MethodPatch, path, change, &answer))
	return answer
}

// audited tells whether the audit has a record with all of these texts.
func (a *apart) audited(at testhub.API, texts ...string) bool {
	a.t.Helper()
	text, err := at.Do(a.t.Context(), http.MethodGet, "/audit?follow=false", "", nil)
	a.must(err)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if !slices.ContainsFunc(texts, func(part string) bool { return !strings.Contains(lines.Text(), part) }) {
			return true
		}
	}
	return false
}

func states(list []waverider.TopicRequest) (words []string) {
	for _, r := range list {
		words = append(words, string(r.State))
	}
	return words
}

const beating = `module.exports = async function* () { for (let n = 0; ; n++) { yield JSON.stringify({n}) + "\n"; await new Promise(r => setTimeout(r, 200)); } };`

// run starts a program on the Hub that is to run always.
func (a *apart) run() string {
	a.t.Helper()
	pkg, err := testhub.Pack("beating", beating, nil)
	a.must(err)
	seq, err := a.hub.Upload(a.t.Context(), pkg)
	a.must(err)
	var made struct{ ID string }
	a.must(a.hub.JSON(a.t.Context(), http.MethodPost, "/sequence/"+seq+"/start", map[string]any{"restart": "always", "outputTopic": "beats"}, &made))
	return made.ID
}

// running waits until the Instance runs, and answers its pid.
func (a *apart) running(id string) (pid int) {
	a.t.Helper()
	a.eventually("the Instance runs", func() (bool, error) {
		in, err := a.hub.Instance(a.t.Context(), id)
		if err != nil || in.Status != "running" {
			return false, err
		}
		pid, err = a.hub.RunnerPID(a.t.Context(), id)
		return pid > 0, err
	})
	return pid
}

func (a *apart) status(err error) int {
	var e *testhub.StatusError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func TestAHubApartFromItsSpace(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	a := newApart(t)
	ctx := t.Context()
	id := a.run()
	a.running(id)
	for _, name := range []string{"sensor", "other", "third"} {
		a.must(a.hub.CreateTopic(ctx, testhub.Topic{ID: name, ContentType: testhub.NDJSON}))
	}
	a.send(100)
	a.eventually("the first records are there", a.arrived)
	if got := a.patch(a.hub.API, "/topics/sensor", map[string]any{"description": "linked", "maxBytes": 1 << 20}); got.Description != "linked" || len(got.Requests) > 0 {
		t.Errorf("a change while linked: %+v", got)
	}
	if s := a.topic(a.space.API, "sensor"); s.Description != "linked" || s.MaxBytes == 1<<20 {
		t.Errorf("at the Space: %+v", s)
	}

	// All of the Hub dies, and comes up where its Space cannot be reached.
	a.way.Cut()
	for _, pid := range a.hub.Family() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = a.hub.Wait(ctx)
	a.must(a.hub.Start(ctx))
	pid := a.running(id)
	a.send(100)
	if got := a.patch(a.hub.API, "/topics/sensor", map[string]any{"description": "by the hub", "maxBytes": 2 << 20}); got.MaxBytes != 2<<20 ||
		!slices.Equal(states(got.Requests), []string{"waiting"}) {
		t.Errorf("a change while apart: %+v", got)
	}
	a.patch(a.hub.API, "/topics/other", map[string]any{"description": "by the hub"})
	a.must(a.hub.CreateTopic(ctx, testhub.Topic{ID: "fresh", ContentType: testhub.NDJSON}))
	a.patch(a.hub.API, "/topics/fresh", map[string]any{"description": "a new one"})
	a.patch(a.hub.API, "/topics/third", map[string]any{"owner": "others"})
	if err := a.hub.JSON(ctx, http.MethodDelete, "/topics/sensor", nil, nil); a.status(err) != http.StatusConflict {
		t.Errorf("deletion of records that the Space does not have: %v", err)
	}
	a.patch(a.space.API, "/sth/edge", map[string]any{"name": "rim", "labels": map[string]string{"site": "north"}})
	a.patch(a.space.API, "/topics/other", map[string]any{"description": "by the space"})

	a.must(a.hub.End(ctx, syscall.SIGKILL))
	a.must(a.hub.Start(ctx))
	if now := a.running(id); now != pid {
		t.Errorf("the Instance was %d, and is %d after the Hub was killed", pid, now)
	}
	for _, name := range []string{"sensor", "other", "third"} {
		if got := a.topic(a.hub.API, name); !slices.Equal(states(got.Requests), []string{"waiting"}) {
			t.Errorf("after a kill Topic %s is %+v", name, got)
		}
	}
	a.send(100)
	before, err := a.hub.Instance(ctx, id)
	a.must(err)

	// The Space is back.
	a.must(a.way.Heal())
	a.must(a.hub.AwaitLink(ctx, true))
	a.eventually("all records are there", a.arrived)
	a.eventually("the Space has answered", func() (bool, error) {
		var s struct {
			Space struct {
				As       string
				Requests []waverider.TopicRequest
			}
		}
		err := a.hub.JSON(ctx, http.MethodGet, "/status", nil, &s)
		return s.Space.As == "rim" && slices.Equal(states(s.Space.Requests), []string{"refused", "refused"}), err
	})
	for name, want := range map[string]apartTopic{"sensor": {Description: "by the hub"}, "other": {Description: "by the space"}, "third": {}, "fresh": {Description: "a new one"}} {
		for _, at := range []testhub.API{a.hub.API, a.space.API} {
			if got := a.topic(at, name); got.Description != want.Description || got.Owner != want.Owner {
				t.Errorf("Topic %s is %+v", name, got)
			}
		}
	}
	for name, kind := range map[string]waverider.Kind{"other": waverider.Conflict, "third": waverider.Forbidden} {
		got := a.topic(a.hub.API, name).Requests
		if len(got) != 1 || got[0].Kind != kind || got[0].Reason == "" {
			t.Errorf("Topic %s: %+v, want it refused as %s", name, got, kind)
		}
	}
	a.must(a.space.Hub("rim").JSON(ctx, http.MethodPatch, "/topics/sensor", map[string]any{"description": "through the space"}, nil))
	a.send(100)
	a.eventually("new records are there", a.arrived)
	after, err := a.hub.Instance(ctx, id)
	a.must(err)
	if now := a.running(id); now != pid || after.Restarts != before.Restarts || after.Epoch != before.Epoch {
		t.Errorf("the Instance was %d %+v, and is %d %+v", pid, before, now, after)
	}

	for _, texts := range [][]string{
		{`"action":"connect"`, `"opCode":14000`},
		{`"action":"request"`, `"objectId":"sensor"`, `"requestorId":"local"`, "by the hub"},
		{`"action":"applied"`, `"objectId":"sensor"`, `"requestorId":"space"`, "by the hub"},
		{`"action":"refused"`, `"objectId":"other"`, "meanwhile"},
		{`"action":"refused"`, `"objectId":"third"`, "others"},
		{`"action":"topic change"`, `"objectId":"other"`, `"requestorId":"space"`, "by the space"},
		{`"action":"change"`, `"requestorId":"space"`, "rim", "north"},
		{`"opState":"END"`, `"objectId":"sensor"`, `"requestorId":"admin"`, `"via":"space"`},
	} {
		if !a.audited(a.hub.API, texts...) {
			t.Errorf("the audit of the Hub has no %q", texts)
		}
	}
	for _, texts := range [][]string{
		{`"action":"disconnect"`}, {`"action":"connect"`},
		{`"action":"topic change"`, `"name":"sensor"`, `"by":"hub rim"`, "by the hub", "local"},
		{`"action":"topic refuse"`, `"name":"other"`, `"by":"hub rim"`, "meanwhile"},
		{`"action":"topic refuse"`, `"name":"third"`},
		{`"action":"topic change"`, `"name":"other"`, `"by":"admin"`, "by the space"},
		{`"action":"change"`, `"by":"admin"`, "rim", "north"},
		{`"action":"call"`, `"by":"admin"`, "PATCH /topics/sensor: 200"},
	} {
		if !a.audited(a.space.API, texts...) {
			t.Errorf("the audit of the Space has no %q", texts)
		}
	}
	if err := a.space.JSON(ctx, http.MethodDelete, "/topics/sensor", nil, nil); a.status(err) != http.StatusConflict {
		t.Errorf("deletion of what the Hub would bring back: %v", err)
	}
	a.eventually("the Hub's copy can be deleted", func() (bool, error) {
		err := a.hub.JSON(ctx, http.MethodDelete, "/topics/sensor", nil, nil)
		return err == nil, err
	})
	if ok, err := a.arrived(); !ok {
		t.Errorf("the Space has lost records: %v", err)
	}
}

const askingSpace = `module.exports = async function* () {
  yield (await this.space.getHosts()).map((h) => h.name);
  await this.space.sendTopic("fromjs", '{"n":1}\n');
  yield (await this.space.getTopics()).map((t) => t.topicName);
};`

const askingSpacePython = `
async def run(context, input):
    yield [h["name"] for h in await context.space.get_hosts()]
    await context.space.send_topic("frompy", b'{"n":2}\n')
    yield [t["topicName"] for t in await context.space.get_topics()]
`

func TestProgramsCallTheSpace(t *testing.T) {
	a := newApart(t)
	ctx := t.Context()
	for _, name := range []string{"ours", "theirs"} {
		a.must(a.space.CreateTopic(ctx, testhub.Topic{ID: name, ContentType: testhub.NDJSON}))
	}
	a.patch(a.space.API, "/topics/theirs", map[string]any{"owner": "others"})
	for program, c := range map[string]struct {
		pack func(string, string, map[string][]byte) ([]byte, error)
		code string
		want []string
		sent string
	}{
		"node":    {testhub.Pack, askingSpace, []string{`["edge"]`, `"fromjs"`, `"ours"`}, "fromjs"},
		"python3": {testhub.PackPython, askingSpacePython, []string{`["edge"]`, `"frompy"`, `"ours"`}, "frompy"},
	} {
		if _, err := exec.LookPath(program); err != nil {
			t.Logf("%s is not installed", program)
			continue
		}
		pkg, err := c.pack("asking", c.code, nil)
		a.must(err)
		seq, err := a.hub.Upload(ctx, pkg)
		a.must(err)
		id, err := a.hub.StartInstance(ctx, seq, testhub.Start{})
		a.must(err)
		said, err := a.hub.Do(ctx, http.MethodGet, "/instance/"+id+"/output", "", nil)
		a.must(err)
		for _, want := range c.want {
			if !strings.Contains(string(said), want) {
				t.Errorf("%s said %s, want %s in it", program, said, want)
			}
		}
		if strings.Contains(string(said), "theirs") {
			t.Errorf("%s sees Topics of others: %s", program, said)
		}
		if text, err := a.space.Do(ctx, http.MethodGet, "/topic/"+c.sent+"?from=start&follow=false", "", nil); err != nil || !strings.Contains(string(text), `"n":`) {
			t.Errorf("%s sent %s (%v)", program, text, err)
		}
	}
	for _, path := range []string{"/cpm/api/v1/topic/theirs?follow=false", "/cpm/api/v1/topics/theirs"} {
		if _, err := a.hub.Do(ctx, http.MethodGet, path, "", nil); a.status(err) != http.StatusForbidden {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"/cpm/api/v1/tokens", "/cpm/api/v1/audit", "/cpm/api/v1/sth/edge/api/v1/config"} {
		if _, err := a.hub.Do(ctx, http.MethodGet, path, "", nil); err == nil {
			t.Errorf("a Hub may GET %s", path)
		}
	}
	a.way.Cut()
	a.must(a.hub.AwaitLink(ctx, false))
	if _, err := a.hub.Do(ctx, http.MethodGet, "/cpm/api/v1/list", "", nil); a.status(err) != http.StatusServiceUnavailable {
		t.Errorf("while it is cut off: %v", err)
	}
}
