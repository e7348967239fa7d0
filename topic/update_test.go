package topic_test

import (
	"fmt"
	"sync"
	"testing"

	"waverider"
	"waverider/topic"
)

func TestUpdateIsRefusedByField(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "p", "sync")
	less, odd, twice := int64(-1), waverider.Discard("new"), "two\nlines"
	for field, c := range map[string]topic.Change{"maxBytes": {MaxBytes: &less}, "discard": {Discard: &odd}, "owner": {Owner: &twice}} {
		if err := top.Update(t.Context(), c); waverider.KindOf(err) != waverider.Invalid {
			t.Errorf("%s: %v, want Invalid", field, err)
		}
	}
	if err := s.Delete(t.Context(), "p"); err != nil {
		t.Fatal(err)
	}
	if err := top.Update(t.Context(), topic.Change{}); waverider.KindOf(err) != waverider.Gone {
		t.Errorf("of a deleted Topic: %v, want Gone", err)
	}
	if err := s.Delete(t.Context(), "p"); waverider.KindOf(err) != waverider.NotFound {
		t.Errorf("deleted twice: %v, want NotFound", err)
	}
}

// What is written down of a Topic changes from many sides: by users, by
// records that go, and when it outgrows the shared stream.
func TestLimitHoldsWhileATopicChanges(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := create(t, s, "p", "async")
	limit := int64(6 << 20)
	if err := top.Update(t.Context(), topic.Change{MaxBytes: &limit}); err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	for producer := range 4 {
		tasks.Go(func() { write(t, top, producer*50_000, (producer+1)*50_000, 100) })
	}
	for _, field := range []string{"description", "owner"} {
		tasks.Go(func() {
			for i := range 50 {
				text := fmt.Sprint(i)
				c := topic.Change{Description: &text}
				if field == "owner" {
					c = topic.Change{Owner: &text}
				}
				if err := top.Update(t.Context(), c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	tasks.Wait()
	before := info(t, top)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	top, err := open(t, dir).Topic("p")
	if err != nil {
		t.Fatal(err)
	}
	if c := top.Config(); c.Description != "49" || c.Owner != "49" || c.MaxBytes != limit {
		t.Errorf("reopened: %+v", c)
	}
	after := info(t, top)
	if after.First != before.First || after.Bytes != before.Bytes || after.Shared || after.Bytes > uint64(limit) {
		t.Errorf("reopened: %+v, was %+v", after, before)
	}
	if _, n := readAll(t, top, topic.From{}); uint64(n) != after.Records {
		t.Errorf("%d records are read, info says %d", n, after.Records)
	}
	if i := info(t, top); len(i.Damage) > 0 {
		t.Errorf("damage: %v", i.Damage)
	}
}
