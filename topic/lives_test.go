package topic_test

import (
	"sync"
	"testing"

	"waverider"
	"waverider/topic"
)

func livesOf(t *testing.T, s *topic.Store, name waverider.TopicName) []topic.Life {
	t.Helper()
	top, err := s.Topic(name)
	if err != nil {
		t.Fatal(err)
	}
	lives, err := top.Lives(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(lives); i++ {
		if lives[i].Epoch <= lives[i-1].Epoch || lives[i].First < lives[i-1].First || lives[i].Since <= lives[i-1].Epoch {
			t.Errorf("lives do not follow each other: %+v", lives)
		}
	}
	return lives
}

// reopened is a Store as it is after a kill, with so many records more.
func reopened(t *testing.T, dir string, from, to int) (*topic.Store, string) {
	t.Helper()
	dir = image(t, dir)
	s := open(t, dir)
	top, err := s.Topic("a")
	if err != nil {
		t.Fatal(err)
	}
	if from < to {
		write(t, top, from, to, 50)
	}
	return s, dir
}

func TestEachProcessThatGivesNumbersIsALife(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := create(t, s, "a", "sync")
	write(t, top, 0, 10, 50)
	if err := top.Remember(t.Context(), topic.FarSpace, 0); err != nil {
		t.Fatal(err)
	}
	write(t, top, 10, 20, 50)
	first := livesOf(t, s, "a")
	if len(first) != 1 || first[0].First != 1 {
		t.Errorf("lives of a new Topic: %+v", first)
	}
	s, dir = reopened(t, dir, 20, 25)
	if l := livesOf(t, s, "a"); len(l) != 2 || l[0] != first[0] || l[1].First != 21 {
		t.Errorf("lives after a kill: %+v", l)
	}
	s, dir = reopened(t, dir, 0, 0) // gives no number
	livesOf(t, s, "a")
	s, _ = reopened(t, dir, 25, 30)
	l := livesOf(t, s, "a")
	if len(l) != 3 || l[2].First != 26 {
		t.Errorf("lives after one that gave nothing: %+v", l)
	}
	if top, err := s.Topic("a"); err != nil || top.EpochAt(20) != l[0].Epoch || top.EpochAt(21) != l[1].Epoch || top.EpochAt(25) != l[1].Epoch || top.EpochAt(26) != l[2].Epoch || top.EpochAt(1e9) != l[2].Epoch {
		t.Errorf("records are not of the life that gave them: %+v, %v", l, err)
	}
}

func TestTopicsNobodyFarReadsKeepNoLives(t *testing.T) {
	dir := t.TempDir()
	write(t, create(t, open(t, dir), "a", "sync"), 0, 10, 50)
	s, _ := reopened(t, dir, 10, 20)
	if l := livesOf(t, s, "a"); len(l) != 1 {
		t.Errorf("lives: %+v", l)
	}
	// One that comes later begins another life: what this process gave before
	// was not sent to anybody.
	top, err := s.Topic("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := top.Remember(t.Context(), topic.FarSpace, 0); err != nil {
		t.Fatal(err)
	}
	if l := livesOf(t, s, "a"); len(l) != 2 || l[1].First != 21 {
		t.Errorf("lives: %+v", l)
	}
}

// While records come all the time, lives begin between two of them, and copies
// that go on from the same place differ.
func TestRenewBeginsAnotherLife(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := create(t, s, "a", "sync")
	if err := top.Remember(t.Context(), topic.FarSpace, 0); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
					write(t, top, n, n+1, 50)
				}
			}
		})
	}
	above := uint32(0)
	for range 20 {
		if err := top.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := livesOf(t, s, "a")
		if last := l[len(l)-1]; last.Epoch <= above {
			t.Errorf("epoch %d is not above %d", last.Epoch, above)
		} else {
			above = last.Epoch
		}
	}
	close(done)
	writers.Wait()
	a, _ := reopened(t, dir, 0, 1)
	b, _ := reopened(t, dir, 0, 1)
	la, lb := livesOf(t, a, "a"), livesOf(t, b, "a")
	if la[len(la)-1] == lb[len(lb)-1] { // the clock is behind them: it is no help
		t.Errorf("two copies go on in one life: %+v", la[len(la)-1])
	}
}

func TestLivesNobodyIsBehindBecomeOne(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := create(t, s, "a", "sync")
	r, err := top.Durable(t.Context(), topic.FarSpace, topic.From{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	first := livesOf(t, s, "a")[0]
	for n := range 40 {
		write(t, top, n, n+1, 50)
		if err := top.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if l := livesOf(t, s, "a"); len(l) != 41 || l[0] != first {
		t.Errorf("%d lives while a reader is behind all: %+v", len(l), l[0])
	}
	r.AckTo(31)
	if err := top.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := livesOf(t, s, "a")
	if len(l) != 16 || l[0].Since != first.Since || l[0].First != 1 || l[1].First > 31 {
		t.Errorf("%d lives, the oldest %+v %+v", len(l), l[0], l[1])
	}
}
