package topic_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"waverider"
	"waverider/topic"
)

// However Writers of one producer take over from each other, each knows exactly
// what those before it have stored, and none adds after it has lost its turn.
func TestWriterThatTakesOverKnowsAllThatIsStored(t *testing.T) {
	for _, d := range []waverider.Durability{"sync", "async"} {
		t.Run(string(d), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			top := create(t, s, "a", d)
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 20 {
						if err := takeTurn(t, top, 50); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			if err := takeTurn(t, top, 1); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again, err := open(t, dir).Topic("a")
			if err != nil {
				t.Fatal(err)
			}
			got, n := readAll(t, again, topic.From{})
			var want bytes.Buffer
			for i := range n {
				fmt.Fprintln(&want, i)
			}
			if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%d records are not the numbers from 0 on: %.200q", n, got)
			}
		})
	}
}

// takeTurn adds the numbers that come next until another takes over.
func takeTurn(t *testing.T, top *topic.Topic, most int) error {
	w, err := top.TakeOver(t.Context(), "hub-1")
	if errors.Is(err, topic.ErrFenced) {
		return nil
	} else if err != nil {
		return err
	}
	defer w.Close()
	next := w.Last().End
	for range most {
		line := fmt.Appendln(nil, next)
		next++
		err := w.Append(t.Context(), line, []uint32{uint32(len(line))}, topic.State{Epoch: 1, End: next})
		if errors.Is(err, topic.ErrFenced) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func TestTakeOverEndsAWriterThatWaitsForRoom(t *testing.T) {
	top := limited(t, open(t, t.TempDir()), waverider.TopicConfig{MaxBytes: 100_000})
	if err := top.Remember(t.Context(), topic.FarSpace, 0); err != nil {
		t.Fatal(err)
	}
	w, err := top.TakeOver(t.Context(), "hub-1")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ended := make(chan error)
	stored := uint64(0)
	go func() {
		for n := uint64(1); ; n++ {
			data, lengths := lines(int(n), int(n)+1, 10_000)
			if err := w.Append(t.Context(), data, lengths, topic.State{Epoch: 1, End: n}); err != nil {
				ended <- err
				return
			}
			stored = n
		}
	}()
	for full := false; !full; full = info(t, top).Full {
	}
	w2, err := top.TakeOver(t.Context(), "hub-1")
	if err != nil {
		t.Fatal(err)
	}
	defer w2.Close()
	if err := <-ended; !errors.Is(err, topic.ErrFenced) {
		t.Errorf("the writer ended with %v", err)
	}
	if last := w2.Last(); last.End != stored || last.Epoch != 1 {
		t.Errorf("it goes on after %+v, %d were stored", last, stored)
	}
}
