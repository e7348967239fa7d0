package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// hook is a receiver that counts what it was sent.
type hook struct {
	mu   sync.Mutex
	seen map[string]int
	keys []string // in the order they came
}

func (h *hook) take(key string) (nth int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[key]++
	h.keys = append(h.keys, key)
	return h.seen[key]
}

// firsts are the keys in the order in which each came first.
func (h *hook) firsts() (keys []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range h.keys {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// sendsOutliveKills: a record whose sending was cut by a kill is sent again with
// the same key. None is lost or overtaken.
func sendsOutliveKills(t *testing.T, e *example) {
	e.user.run(t, "waverider inst stop -\nwaverider topic create invoices\nwaverider topic create refused")
	h := &hook{seen: map[string]int{}}
	held, let := make(chan bool), make(chan bool)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		key := r.Header.Get("Idempotency-Key")
		if nth := h.take(key); key == "i-3" && nth == 1 {
			held <- true
			<-let // the sender is killed while it waits
		} else if key == "i-5" && nth < 3 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer receiver.Close()
	id := e.deploy(t, `--input-topic invoices --output-topic refused --config '{"pauseMs":5,"url":"`+receiver.URL+`"}'`)
	var invoices []any
	for n := range 7 {
		invoices = append(invoices, map[string]any{"id": fmt.Sprintf("i-%d", n)})
	}
	e.send(t, "invoices", invoices)
	<-held
	e.kill(t, id)
	close(let)
	eventuallyTrue(t, "all is sent and acked", func() bool { return e.lag(t, "invoices") == 0 })
	if got := strings.Join(h.firsts(), " "); got != "i-0 i-1 i-2 i-3 i-4 i-5 i-6" || h.seen["i-3"] != 2 || h.seen["i-5"] != 3 {
		t.Errorf("the receiver was sent %q", h.keys)
	}
}

// pollsByETag: only changes are put out, what is the same is not even sent, and
// a restart knows what was seen before.
func pollsByETag(t *testing.T, e *example) {
	e.user.run(t, "waverider inst stop -\nwaverider topic create changes")
	var mu sync.Mutex
	document, unchanged := `{"a":1,"b":{"c":[2]}}`, 0
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		tag := fmt.Sprintf(`"%x"`, document)
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			unchanged++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, document)
	}))
	defer source.Close()
	set := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		document, unchanged = text, 0
	}
	isKnown := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return unchanged > 0
	}
	id := e.deploy(t, source.URL+" 0.02 --output-topic changes")
	eventuallyTrue(t, "the document is known", isKnown)
	set(`{"a":2,"b":{"c":[2]},"d":null}`)
	eventuallyTrue(t, "the changed document is known", isKnown)
	set("no JSON")
	e.kill(t, id)
	set(`{"d":null,"b":{"c":[2]}}`)
	got := e.user.run(t, "waverider topic get changes --from start -n 5")
	want := `{"change":"added","key":"a","value":1}
{"change":"added","key":"b","value":{"c":[2]}}
{"change":"changed","key":"a","value":2,"before":1}
{"change":"added","key":"d","value":null}
{"change":"removed","key":"a","before":2}
`
	if got != want {
		t.Errorf("the changes are\n%s\nwant\n%s", got, want)
	}
}
