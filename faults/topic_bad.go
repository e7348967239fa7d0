package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

// badRequest is one that has to be refused with one of these statuses.
type badRequest struct {
	method, path, contentType, body string
	want                            []int
}

func badRequests(good, small string) []badRequest {
	const json = "application/json"
	return []badRequest{
		{"POST", "/topic/" + good, "text/plain", "x", []int{415}},
		{"POST", "/topic/" + good, "image/png", "x", []int{400, 415}},
		{"POST", "/topic/" + good, "", "x", []int{400, 415}},
		{"GET", "/topic/" + good, "application/octet-stream", "", []int{415}},
		{"POST", "/topic/a%20b", testhub.NDJSON, "{}\n", []int{400}},
		{"POST", "/topic/..%2F..%2Fetc", testhub.NDJSON, "{}\n", []int{400, 404}},
		{"POST", "/topic/%00", testhub.NDJSON, "{}\n", []int{400}},
		{"POST", "/topic/" + strings.Repeat("x", 201), testhub.NDJSON, "{}\n", []int{400}},
		{"POST", "/topics", json, `{"id":"x"}`, []int{400}},
		{"POST", "/topics", json, `{"id":"b d","content-type":"text/plain"}`, []int{400}},
		{"POST", "/topics", json, `{"id":"x","content-type":"text/plain","durability":"maybe"}`, []int{400}},
		{"POST", "/topics", json, `{"id":"x","content-type":"text/plain","maxBytes":-1}`, []int{400}},
		{"POST", "/topics", json, `{"id":`, []int{400}},
		{"POST", "/topics", json, "\xff\xfe\x00garbage", []int{400}},
		{"POST", "/topics", json, fmt.Sprintf(`{"id":%q,"content-type":"text/plain"}`, good), []int{409}},
		{"GET", "/topic/" + good + "?from=garbage", "", "", []int{400}},
		{"GET", "/topic/" + good + "?limit=-1&follow=false", "", "", []int{400}},
		{"GET", "/topic/" + good + "?follow=perhaps", "", "", []int{400}},
		{"GET", "/topic/" + good + "?group=a/b", "", "", []int{400}},
		{"GET", "/topic/" + good + "?ack=explicit", "", "", []int{400}},
		{"POST", "/topic/" + good + "?acks=none", testhub.NDJSON, "{}\n", []int{400}},
		{"POST", "/topic/" + good + "/ack?group=nobody", json, `{"cursor":"garbage"}`, []int{400, 404}},
		{"POST", "/topic/" + good + "/ack", json, `{}`, []int{400}},
		{"DELETE", "/topics/nobody", "", "", []int{404}},
		{"POST", "/topic/" + small, testhub.NDJSON, `"` + strings.Repeat("x", 2000) + `"` + "\n", []int{413}},
		{"POST", "/topic/" + good, testhub.NDJSON, `"` + strings.Repeat("x", 3<<20), []int{413}},
	}
}

// rawRequests are bytes that are no HTTP, or hardly.
func rawRequests(good string) []string {
	post := "POST /api/v1/topic/" + good + " HTTP/1.1\r\nHost: x\r\nContent-Type: " + testhub.NDJSON + "\r\n"
	return []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and other noise\r\n\r\n",
		strings.Repeat("\x00", 4096),
		"GET /api/v1/topic/" + good + " HTTP/9.9\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("y", 4<<20) + "\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\nnot a length\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		post + "Content-Length: -5\r\n\r\n",
		post + "Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n",
	}
}

// badRequests sends what has to be refused while others write and read.
func (r *rig) badRequests(ctx context.Context, round int) error {
	good, err := r.newTopic(ctx, testhub.Topic{ID: fmt.Sprintf("good-%d", round)})
	if err != nil {
		return err
	}
	small, err := r.newTopic(ctx, testhub.Topic{ID: fmt.Sprintf("small-%d", round), MaxRecord: 1000})
	if err != nil {
		return err
	}
	good.produce(ctx, 300, 4*time.Millisecond, sendSmall)
	good.produce(ctx, 300, 4*time.Millisecond, sendAcked)
	good.read(ctx, "?from=start")
	if _, err := good.awaitAck(ctx, time.Time{}); err != nil {
		return err
	}
	for _, b := range badRequests(good.name, small.name) {
		r.refused(ctx, b)
	}
	for _, raw := range rawRequests(good.name) {
		r.rawRefused(ctx, raw)
	}
	if err := r.cutBody(ctx, good); err != nil {
		return err
	}
	if err := r.tooLarge(ctx, small); err != nil {
		return err
	}
	if err := good.finish(ctx); err != nil {
		return err
	}
	for _, t := range []*topic{good, small} {
		c, err := t.contents(ctx)
		if err != nil {
			return err
		}
		found, _ := t.book.Check(c)
		r.res.took("topic "+t.name, found)
		for _, f := range t.readers {
			if err := f.caughtUp(ctx, c); err != nil {
				return err
			}
			f.settle(c)
		}
	}
	return nil
}

// refused sends a request that has to be answered soon, with a status and words.
func (r *rig) refused(ctx context.Context, b badRequest) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	began := time.Now()
	_, err := r.hub.Do(ctx, b.method, b.path, b.contentType, strings.NewReader(b.body))
	var status *testhub.StatusError
	what := fmt.Sprintf("%s %.60s %q %.40q", b.method, b.path, b.contentType, b.body)
	switch {
	case err == nil:
		r.res.failf("%s is taken", what)
	case !errors.As(err, &status):
		r.res.failf("%s is not answered: %v", what, err)
	case !slices.Contains(b.want, status.Status):
		r.res.failf("%s: want %v, got %v", what, b.want, status)
	case status.Field("error") == nil || status.Field("error") == "":
		r.res.failf("%s: no words: %v", what, status)
	case time.Since(began) > refusedWithin:
		r.res.failf("%s: refused after %v", what, time.Since(began))
	}
}

// rawRefused sends bytes that must not be answered with success, nor hang.
func (r *rig) rawRefused(ctx context.Context, raw string) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", r.hub.Addr())
	if err != nil {
		r.res.failf("connect: %v", err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second)) // of a fresh connection
	_, _ = io.WriteString(conn, raw)                      // it may be refused before it is all sent
	if half, ok := conn.(*net.TCPConn); ok {
		_ = half.CloseWrite() // likewise
	}
	answer, err := io.ReadAll(conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		r.res.failf("%.60q is neither answered nor cut", raw)
	}
	if bytes.HasPrefix(answer, []byte("HTTP/1.1 2")) {
		r.res.failf("%.60q is answered with %.60q", raw, answer)
	}
}

// tooLarge posts two good records, one that is too large, and a good one: the
// first two are stored, and the refusal says so.
func (r *rig) tooLarge(ctx context.Context, t *topic) error {
	const producer = 1
	var body []byte
	for i := range 4 {
		fill := 100
		if i == 2 {
			fill = 2000
		}
		body = tally.Append(body, t.book.WriteNext(producer), fill)
	}
	_, err := r.hub.PostTopic(ctx, t.name, "", bytes.NewReader(body))
	var status *testhub.StatusError
	if !errors.As(err, &status) || status.Status != http.StatusRequestEntityTooLarge {
		r.res.failf("topic %s: a record over the limit: want 413, got %v", t.name, err)
		return ctx.Err()
	}
	if !strings.Contains(string(status.Body), `"records":2`) {
		r.res.failf("topic %s: the refusal does not say that 2 records are stored: %v", t.name, status)
	}
	t.ack(producer, 0, 2)
	c, err := t.contents(ctx)
	if err == nil && len(c.IDs) != 2 {
		r.res.failf("topic %s: %d records are there, want the 2 before the one too large", t.name, len(c.IDs))
	}
	return err
}
