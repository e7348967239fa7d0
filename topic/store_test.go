package topic_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider"
	"waverider/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a Store in dir; it is closed with the test.
func open(t *testing.T, dir string, change ...func(*topic.Config)) *topic.Store {
	t.Helper()
	cfg := topic.Config{Dir: dir, Hub: "hub-1", MaxStore: 4 << 30, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range change {
		f(&cfg)
	}
	s, err := topic.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func create(t *testing.T, s *topic.Store, name string, d waverider.Durability) *topic.Topic {
	t.Helper()
	top, err := s.Create(t.Context(), waverider.TopicConfig{Name: waverider.TopicName(name), ContentType: waverider.TypeNDJSON, Durability: d})
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// lines makes records numbered from..to-1, of about size bytes.
func lines(from, to, size int) (data []byte, lengths []uint32) {
	for i := from; i < to; i++ {
		line := fmt.Appendf(nil, `{"n":%d,"pad":"%s"}`+"\n", i, bytes.Repeat([]byte("x"), max(0, size-20)))
		data, lengths = append(data, line...), append(lengths, uint32(len(line)))
	}
	return data, lengths
}

// write stores records and waits until they are durable.
func write(t *testing.T, top *topic.Topic, from, to, size int) topic.Cursor {
	t.Helper()
	w, err := top.Writer(t.Context(), topic.Anonymous)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := from; i < to; i += 500 {
		data, lengths := lines(i, min(i+500, to), size)
		if err := w.Append(t.Context(), data, lengths, topic.State{}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := w.Flush(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// readAll reads what is there from a place on.
func readAll(t *testing.T, top *topic.Topic, from topic.From) (data []byte, records int) {
	t.Helper()
	r, err := top.Reader(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.UntilNow()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		m, err := r.Next(ctx)
		cancel()
		if errors.Is(err, io.EOF) {
			return data, records
		} else if err != nil {
			t.Fatal(err)
		}
		if m.Missed > 0 {
			t.Errorf("%d records missed before %d", m.Missed, m.From)
		}
		data = append(data, m.Data()...)
		records += int(m.Count())
		m.Release()
	}
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	for _, d := range []waverider.Durability{"sync", "async", "memory"} {
		t.Run(string(d), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			top := create(t, s, "a.b", d)
			write(t, top, 0, 2000, 100)
			c := write(t, top, 2000, 3000, 100)
			write(t, top, 3000, 4000, 100)
			want, _ := lines(0, 4000, 100)
			if got, n := readAll(t, top, topic.From{}); n != 4000 || !bytes.Equal(got, want) {
				t.Errorf("read %d records, %d bytes, want 4000, %d", n, len(got), len(want))
			}
			want, _ = lines(3000, 4000, 100)
			if got, _ := readAll(t, top, topic.From{Cursor: &c}); !bytes.Equal(got, want) {
				t.Errorf("from the cursor: %d bytes, want %d", len(got), len(want))
			}
			if d == "memory" {
				return
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
			top, err := s.Topic("a.b")
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := readAll(t, top, topic.From{Cursor: &c}); !bytes.Equal(got, want) {
				t.Errorf("from the cursor, after a restart: %d bytes, want %d", len(got), len(want))
			}
			write(t, top, 4000, 5000, 100)
			if _, n := readAll(t, top, topic.From{}); n != 5000 {
				t.Errorf("after a restart: %d records, want 5000", n)
			}
		})
	}
}

func TestBusyTopicMovesToItsOwnStream(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "busy", "sync")
	other := create(t, s, "other", "sync")
	write(t, other, 0, 10, 100)
	for i := range 10 {
		write(t, top, i*10000, (i+1)*10000, 100)
	}
	info, err := top.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Shared {
		t.Error("10 MB did not move the Topic")
	}
	want, _ := lines(0, 100000, 100)
	if got, n := readAll(t, top, topic.From{}); !bytes.Equal(got, want) {
		t.Errorf("read %d records, %d bytes, want %d bytes", n, len(got), len(want))
	}
	if info.Bytes != uint64(len(want)) || info.Records != 100000 {
		t.Errorf("info: %d bytes, %d records; want %d, 100000", info.Bytes, info.Records, len(want))
	}
}

func TestLiveReaderGetsWhatComes(t *testing.T) {
	for _, d := range []waverider.Durability{"sync", "async", "memory"} {
		t.Run(string(d), func(t *testing.T) {
			s := open(t, t.TempDir())
			top := create(t, s, "live", d)
			r, err := top.Reader(t.Context(), topic.From{New: true})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got := make(chan int)
			go func() {
				defer close(got)
				n := 0
				for n < 1000 {
					m, err := r.Next(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					n += int(m.Count())
					m.Release()
				}
				got <- n
			}()
			for i := range 100 {
				write(t, top, i*10, i*10+10, 50)
			}
			if n := <-got; n != 1000 {
				t.Errorf("%d records came, want 1000", n)
			}
		})
	}
}

func TestReadersAndWritersEndWithTheTopic(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "gone", "sync")
	r, err := top.Reader(t.Context(), topic.From{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ended := make(chan error)
	go func() {
		_, err := r.Next(t.Context())
		ended <- err
	}()
	if err := s.Delete(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; waverider.KindOf(err) != waverider.Gone {
		t.Errorf("the reader of a deleted Topic got %v, want Gone", err)
	}
	if _, err := s.Topic("gone"); waverider.KindOf(err) != waverider.NotFound {
		t.Errorf("a deleted Topic is answered with %v, want NotFound", err)
	}
	again := create(t, s, "gone", "sync")
	write(t, again, 0, 10, 50)
	if _, n := readAll(t, again, topic.From{}); n != 10 {
		t.Errorf("a new Topic of that name has %d records, want 10", n)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestTopicThatIsBeingMadeIsNotUsedBefore(t *testing.T) {
	s := open(t, t.TempDir())
	var tasks sync.WaitGroup
	for i := range 20 {
		for range 3 {
			tasks.Go(func() {
				name := waverider.TopicName(fmt.Sprint("t", i))
				top, err := s.Ensure(t.Context(), waverider.TopicConfig{Name: name, ContentType: waverider.TypeNDJSON})
				if err != nil {
					t.Error(err)
					return
				}
				if found, err := s.Topic(name); err != nil || found != top {
					t.Errorf("%s is not found after it was made: %v", name, err)
				}
				write(t, top, 0, 1, 50)
			})
		}
	}
	tasks.Wait()
	if n := len(s.Topics()); n != 20 {
		t.Errorf("%d Topics, want 20", n)
	}
}
