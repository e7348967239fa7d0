package topic_test

import (
	"fmt"
	"sync"
	"testing"

	"waverider"
	"waverider/topic"
)

func TestChangesOfATopicDoNotUndoEachOther(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := create(t, s, "busy", "sync")
	var changing sync.WaitGroup
	stop := make(chan struct{})
	changing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			text := fmt.Sprint(i)
			if err := top.Update(t.Context(), topic.Change{Description: &text}); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range 8 { // past the size at which it gets a stream of its own
		write(t, top, i*10000, (i+1)*10000, 100)
	}
	close(stop)
	changing.Wait()
	want := info(t, top)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	top, err := s.Topic("busy")
	if err != nil {
		t.Fatal(err)
	}
	if got := info(t, top); got.Records != want.Records || got.Shared || got.Next != want.Next {
		t.Errorf("after a restart %d records, next %v, shared %t; want %d, %v, not shared", got.Records, got.Next.Number, got.Shared, want.Records, want.Next.Number)
	}
}

func TestTopicIsMadeAnewWhileItIsDeleted(t *testing.T) {
	s := open(t, t.TempDir())
	cfg := waverider.TopicConfig{Name: "again", ContentType: waverider.TypeNDJSON}
	for range 20 {
		top, err := s.Ensure(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		write(t, top, 0, 10, 100)
		var deleting sync.WaitGroup
		for range 2 { // one of them finds it gone, or both did it
			deleting.Go(func() {
				if err := s.Delete(t.Context(), "again"); err != nil && waverider.KindOf(err) != waverider.NotFound {
					t.Error(err)
				}
			})
		}
		deleting.Wait()
	}
}
