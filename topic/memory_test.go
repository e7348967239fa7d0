package topic_test

import (
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

// memoryTopic is a ring of 1 MiB and a reader of it, for which it waits so long.
func memoryTopic(t *testing.T, patience time.Duration) (*topic.Topic, *topic.Reader) {
	t.Helper()
	s := open(t, t.TempDir(), func(c *topic.Config) { c.Patience = patience })
	top := limited(t, s, waverider.TopicConfig{Durability: waverider.DurabilityMemory, MaxBytes: 1 << 20})
	r, err := top.Reader(t.Context(), topic.From{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return top, r
}

func TestReaderOfAMemoryTopicThatKeepsUpMissesNothing(t *testing.T) {
	top, r := memoryTopic(t, time.Hour)
	read := make(chan uint64)
	go func() {
		var n uint64
		for n < 200_000 {
			m, err := r.Next(t.Context())
			if err != nil {
				t.Error(err)
				break
			}
			if m.Missed > 0 {
				t.Errorf("%d records missed before %d", m.Missed, m.From)
			}
			n += m.Count() + m.Missed
			m.Release()
		}
		read <- n
	}()
	write(t, top, 0, 200_000, 100)
	<-read
}

func TestStoppedReaderOfAMemoryTopicIsToldWhatItMissed(t *testing.T) {
	top, r := memoryTopic(t, time.Millisecond)
	write(t, top, 0, 100_000, 100)
	m, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Release()
	if m.Missed == 0 || m.Missed != m.From-1 {
		t.Errorf("the first message begins at %d and says %d are missing", m.From, m.Missed)
	}
}
