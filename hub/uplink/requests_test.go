package uplink_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waverider"
	"waverider/hub/uplink"
)

func openRequests(t *testing.T, path string) *uplink.Requests {
	t.Helper()
	q, err := uplink.OpenRequests(path)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func described(name waverider.TopicName, text string) waverider.TopicRequest {
	return waverider.TopicRequest{Topic: name, Description: &text, By: "ann"}
}

func told(list []waverider.TopicRequest) (words []string) {
	for _, r := range list {
		words = append(words, fmt.Sprint(r.Topic, " ", *r.Description, " ", r.State, " ", r.Reason))
	}
	return words
}

func TestRequestsOutliveTheirProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.json")
	q := openRequests(t, path)
	var ids []string
	for n, want := range []string{"as it was", "0", "1"} { // each knows what waits before it
		id, was, err := q.Add("s", described("a", fmt.Sprint(n)), waverider.TopicFacts{Description: "as it was", Owner: "o"})
		if err != nil || was.Description != want || was.Owner != "o" {
			t.Errorf("request %d is based on %+v (%v), want %s", n, was, err, want)
		}
		ids = append(ids, id)
	}
	q = openRequests(t, path) // nothing was closed
	if err := q.Settle(ids[0], "", ""); err != nil {
		t.Fatal(err)
	}
	if err := q.Settle(ids[2], waverider.Conflict, "no"); err != nil {
		t.Fatal(err)
	}
	if err := q.Settle(ids[2], "", ""); err == nil {
		t.Error("settled twice")
	}
	want := []string{"a 2 refused no", "a 1 waiting "}
	for range 2 {
		if got := told(q.List()); !slices.Equal(got, want) {
			t.Errorf("there are %q, want %q", got, want)
		}
		q = openRequests(t, path)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	q := openRequests(t, filepath.Join(t.TempDir(), "requests.json"))
	var ids []string
	for n := range uplink.WaitingMost {
		id, _, err := q.Add("s", described("a", fmt.Sprint(n)), waverider.TopicFacts{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if _, _, err := q.Add("s", described("a", "one more"), waverider.TopicFacts{}); waverider.KindOf(err) != waverider.Unavailable {
		t.Errorf("one more: %v", err)
	}
	for _, id := range ids[:uplink.RefusedKept+5] {
		if err := q.Settle(id, waverider.Forbidden, "no"); err != nil {
			t.Fatal(err)
		}
	}
	list := q.List()
	if n := len(list); n != uplink.WaitingMost-5 || *list[0].Description != "5" {
		t.Errorf("%d are kept, the first is %s", n, *list[0].Description)
	}
}

func TestDamagedRequestsArePutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	q, err := uplink.OpenRequests(path)
	if err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
	if _, _, err := q.Add("s", described("a", "b"), waverider.TopicFacts{}); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path + ".damaged"); err != nil || string(text) != "{" {
		t.Errorf("put aside is %q (%v)", text, err)
	}
}
