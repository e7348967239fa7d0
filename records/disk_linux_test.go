package records_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"waverider"
	"waverider/bus"
	"waverider/records"
	"waverider/topic"
)

// smallDisk mounts a file system of its own with so many bytes.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes values until the disk has no room; done has those that were stored.
func fill(t *testing.T, texts *records.Collection[string]) (done map[string]string) {
	t.Helper()
	done = map[string]string{}
	for i := range 5000 {
		key, text := fmt.Sprint("fill-", i), strings.Repeat(string(rune('a'+i%26)), 60_000)
		began := time.Now()
		_, err := texts.Put(t.Context(), key, text)
		if err == nil {
			done[key] = text
			continue
		}
		wantKind(t, err, waverider.Full)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("told after %v", took)
		}
		return done
	}
	t.Fatal("the disk does not fill up")
	return nil
}

// until tries again and again, as a client would.
func until(t *testing.T, within time.Duration, try func() error) {
	t.Helper()
	began, tries := time.Now(), 0
	for {
		err := try()
		tries++
		if err == nil {
			t.Logf("well again after %v and %d tries", time.Since(began), tries)
			return
		}
		if time.Since(began) > within {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func checkTexts(t *testing.T, texts *records.Collection[string], want map[string]string) {
	t.Helper()
	for key, text := range want {
		if got, _, err := texts.Get(t.Context(), key); err != nil || got != text {
			t.Errorf("%s was stored and has %d bytes, error %v", key, len(got), err)
		}
	}
}

// Nobody writes to a Topic, so it is up to the records to have the engine started anew.
func TestAFullDiskThatHasRoomAgainTakesValues(t *testing.T) {
	disk := smallDisk(t, 32<<20)
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBus(t, filepath.Join(disk, "bus"))
	s := openOn(t, b)
	texts := records.Of[string](s, "texts")
	done := fill(t, texts)
	t.Logf("%d values stored", len(done))
	checkTexts(t, texts, done) // they can be read all the time
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, 15*time.Second, func() error {
		_, err := texts.Put(t.Context(), "after", "x")
		return err
	})
	checkTexts(t, texts, done)
	s.Close()
	texts = records.Of[string](openOn(t, b), "texts")
	checkTexts(t, texts, done)
	if _, _, err := texts.Get(t.Context(), "after"); err != nil {
		t.Error(err)
	}
}

// One engine for both: whoever notices that the disk has room again starts it
// anew, and the other goes on.
func TestTopicsAndRecordsComeBackTogetherFromAFullDisk(t *testing.T) {
	disk := smallDisk(t, 48<<20)
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 24<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBus(t, filepath.Join(disk, "bus"))
	ledgers := filepath.Join(disk, "topics")
	if err := os.Mkdir(ledgers, 0o700); err != nil {
		t.Fatal(err)
	}
	topics, err := topic.Open(t.Context(), topic.Config{Dir: ledgers, Hub: "space", Bus: b, Log: logTo(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := topics.Close(); err != nil {
			t.Error(err)
		}
	})
	top, err := topics.Create(t.Context(), waverider.TopicConfig{Name: "jobs", ContentType: waverider.TypeNDJSON, Durability: waverider.DurabilitySync})
	if err != nil {
		t.Fatal(err)
	}
	w, err := top.Writer(t.Context(), "producer")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	append1 := func() {
		t.Helper()
		line := fmt.Appendf(nil, "{%q: 1}\n", strings.Repeat("x", 1_000_000))
		if err := w.Append(t.Context(), line, []uint32{uint32(len(line))}, topic.State{}); err != nil {
			t.Fatal(err)
		}
	}
	append1()
	if _, err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := openOn(t, b)
	texts := records.Of[string](s, "texts")
	done := fill(t, texts)
	append1() // it waits for room
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := w.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a record was stored on a full disk", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	until(t, 15*time.Second, func() error {
		_, err := texts.Put(t.Context(), "after", "x")
		return err
	})
	checkTexts(t, texts, done)
	if next := top.Next(); next != 3 {
		t.Errorf("the Topic goes on with %d", next)
	}
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	var at bus.State
	if at, err = b.State(t.Context(), "records"); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages for %d values", at.Messages, len(done)+1)
}
