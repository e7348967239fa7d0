// Package transcripts puts to a Waverider Hub the requests that were once put
// to Scramjet's Hub 1.0.1, and compares the answers. What differs does so on
// purpose: the table says what we answer, docs/from-scramjet.md why. Only what
// a client relies on is compared: status, content type, fields, bytes.
package transcripts

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"waverider/client"
	"waverider/internal/testbin"
	"waverider/internal/testhub"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testbin.Remove()
	os.Exit(code)
}

func TestReplay(t *testing.T) {
	hub, err := testhub.Open(t.Context(), testhub.Options{Binary: testbin.WithNode(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &replay{base: "http://" + hub.Addr() + "/api/v1", kept: map[string]string{}, explained: differences(t)}
	r.described, r.fields = describe(t, r.base), fieldsSeen(t)
	_, noPython := exec.LookPath("python3")
	same, other := 0, 0
	for _, e := range tables() {
		if noPython != nil && e.forPython() {
			t.Logf("%s: python3 is not installed", e.name)
			continue
		}
		if !t.Run(e.name, func(t *testing.T) { r.put(t, e) }) {
			t.Logf("the Hub's log:\n%s", hub.LogTail(10))
		}
		if e.gives == nil {
			same++
		} else {
			other++
		}
	}
	t.Logf("%d exchanges are the same, %d differ on purpose", same, other)
	for _, e := range ownExchanges {
		if noPython != nil && e.forPython() {
			continue
		}
		t.Run(e.name, func(t *testing.T) { r.put(t, e) })
	}
	t.Run("linked", r.linked)
	t.Run("description", func(t *testing.T) {
		r.described.complete(t)
		r.described.examples(t, place{r.described.doc, nil})
	})
}

// replay is one run through the table.
type replay struct {
	base      string
	kept      map[string]string
	explained map[string]bool
	described *description
	fields    map[string][]string // that Scramjet's answers have
}

// patience is for one answer.
const patience = 30 * time.Second

func (r *replay) put(t *testing.T, e exchange) {
	if (e.gives == nil) != (e.because == "") || e.because != "" && !r.explained[e.because] {
		t.Errorf("the reason %q is no row of the differences in docs/from-scramjet.md, or is missing", e.because)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if e.after != "" {
		r.ended(ctx, t, r.fill(e.after))
	}
	resp := r.send(ctx, t, e)
	defer resp.Body.Close()
	want := e.expected()
	body := readBody(t, resp.Body, want)
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != want.status || kind != want.kind {
		t.Errorf("%d %q %q, want %d %q", resp.StatusCode, kind, body, want.status, want.kind)
	}
	if e.gives == nil && e.lacks != "" && !r.explained[e.lacks] {
		t.Errorf("the reason %q is no row of the differences", e.lacks)
	}
	if e.gives == nil && e.lacks == "" {
		r.wantFields(t, e.name, body)
	}
	r.described.check(t, resp, body, !want.open)
	if !e.odd && resp.StatusCode < http.StatusBadRequest {
		r.described.checkRequest(t, resp.Request)
	}
	switch {
	case want.any:
	case want.shape != "":
		if err := fitsJSON(r.fill(want.shape), body); err != nil {
			t.Error(err)
		}
	case body != r.fill(want.text):
		t.Errorf("body %q, want %q", body, r.fill(want.text))
	}
	if e.keep != "" {
		field := cmp.Or(e.keepAs, "id")
		if m := regexp.MustCompile(`"` + field + `":"([^"]+)"`).FindStringSubmatch(body); m != nil {
			r.kept[e.keep] = m[1]
		} else {
			t.Errorf("no %s in %q", field, body)
		}
	}
}

// wantFields holds an answer to the fields that Scramjet's has.
func (r *replay) wantFields(t *testing.T, name, body string) {
	t.Helper()
	if len(r.fields[name]) == 0 {
		return
	}
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Error(err)
	}
	for _, path := range r.fields[name] {
		if !hasField(v, strings.Split(path, ".")) {
			t.Errorf("field %s is missing", path)
		}
	}
}

// hasField tells whether there is a path of fields; where one is a list, in
// each of its items.
func hasField(v any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	name, list := strings.CutSuffix(path[0], "[]")
	if name != "" {
		object, _ := v.(map[string]any)
		item, there := object[name]
		if !there {
			return false
		}
		v = item
	}
	if !list {
		return hasField(v, path[1:])
	}
	items, ok := v.([]any)
	return ok && !slices.ContainsFunc(items, func(item any) bool { return !hasField(item, path[1:]) })
}

// readBody reads all of a body, or of one that stays open how it begins.
func readBody(t *testing.T, body io.Reader, want answer) string {
	t.Helper()
	if want.open {
		begin := make([]byte, len(want.text))
		n, err := io.ReadFull(body, begin)
		if err != nil {
			t.Errorf("the answer ended: %v", err)
		}
		return string(begin[:n])
	}
	all, err := io.ReadAll(body)
	if err != nil {
		t.Errorf("the answer was cut: %v", err)
	}
	return string(all)
}

func (r *replay) send(ctx context.Context, t *testing.T, e exchange) *http.Response {
	t.Helper()
	method, path, _ := strings.Cut(r.fill(e.request), " ")
	url := r.base + path
	if rest, root := strings.CutPrefix(path, "ROOT"); root {
		url = strings.TrimSuffix(r.base, "/api/v1") + rest
	}
	req, err := http.NewRequestWithContext(ctx, method, url, r.content(t, e))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "*/*")
	for _, header := range strings.Split(e.headers, "; ") {
		if name, value, ok := strings.Cut(header, ": "); ok {
			req.Header.Set(name, value)
		}
	}
	if req.Header.Get("Accept") == "none" {
		req.Header.Del("Accept")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func (r *replay) content(t *testing.T, e exchange) io.Reader {
	t.Helper()
	switch {
	case e.upload == "" && e.body == "":
		return http.NoBody
	case e.upload == "":
		return strings.NewReader(r.fill(e.body))
	}
	if data, ok := archives()[e.upload]; ok {
		return bytes.NewReader(data)
	}
	var data bytes.Buffer
	if _, err := client.Pack(t.Context(), "../sequences/"+e.upload, &data, client.PackOptions{}); err != nil {
		t.Fatal(err)
	}
	return &data
}

// ended waits for the end of an Instance: that of its stderr.
func (r *replay) ended(ctx context.Context, t *testing.T, id string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/instance/"+id+"/stderr?from=end", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatalf("%s has not ended: %v", id, err)
	}
}

// fill puts kept values in place of their names in braces.
func (r *replay) fill(text string) string {
	for name, value := range r.kept {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// differences are the names of the rows in docs/from-scramjet.md.
func differences(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../../docs/from-scramjet.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n## Differences\n")
	if !found {
		t.Fatal("docs/from-scramjet.md has no section Differences")
	}
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| \*\*([^*|]+)\*\* \|`).FindAllStringSubmatch(table, -1) {
		if rows[m[1]] {
			t.Errorf("two differences are called %q", m[1])
		}
		rows[m[1]] = true
	}
	if len(rows) == 0 {
		t.Fatal(fmt.Errorf("no rows in %q", table))
	}
	return rows
}
