package bus_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"waverider/bus"
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

func TestFullDiskIsSaidAtOnceAndARestartBringsTheStreamBack(t *testing.T) {
	for name, test := range map[string]struct {
		stream  bus.Stream
		publish func(t *testing.T, b *bus.Bus, stream string, ms []bus.Msg) (last uint64, err error)
		mayLose bool // what was acknowledged
	}{
		"one by one": {stream: streams[0], publish: func(t *testing.T, b *bus.Bus, stream string, ms []bus.Msg) (last uint64, err error) {
			for _, m := range ms {
				seq, err := b.Publish(t.Context(), stream, m)
				if err != nil {
					return last, err
				}
				last = seq
			}
			return last, nil
		}},
		"all or none": {stream: streams[0], publish: func(t *testing.T, b *bus.Bus, stream string, ms []bus.Msg) (uint64, error) {
			return b.PublishAll(t.Context(), stream, ms)
		}},
		"async": {stream: streams[1], mayLose: true, publish: func(t *testing.T, b *bus.Bus, stream string, ms []bus.Msg) (last uint64, err error) {
			seqs, errs := b.PublishEach(t.Context(), stream, ms)
			for i := range ms {
				last = max(last, seqs[i])
				err = errors.Join(err, errs[i])
			}
			return last, err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t, 24<<20)
			b := open(t, filepath.Join(disk, "bus"))
			ensure(t, b)
			ballast := filepath.Join(disk, "ballast")
			if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); err != nil {
				t.Fatal(err)
			}

			stream := test.stream.Name
			var acked uint64
			publish := func() error {
				last, err := test.publish(t, b, stream, round(stream, acked, 5))
				acked = max(acked, last)
				return err
			}
			started := time.Now()
			for publish() == nil {
				started = time.Now()
			}
			if err := publish(); !errors.Is(err, bus.ErrFull) || time.Since(started) > time.Second {
				t.Errorf("a full disk is told after %v as: %v", time.Since(started), err)
			}
			if acked < 100 {
				t.Errorf("only %d messages acknowledged", acked)
			}
			t.Logf("%d messages acknowledged, failed for good after %v", acked, time.Since(started))

			// A restart that comes too early does no harm to what was acknowledged. The batch that got no answer may
			// lose its end by it.
			if name != "all or none" {
				if err := b.Restart(t.Context()); err != nil {
					t.Errorf("restart on a full disk: %v", err)
				} else if err := publish(); err == nil {
					t.Error("messages were stored on a full disk")
				}
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			started = time.Now()
			if err := b.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Logf("restart took %v", time.Since(started))
			s, err := b.State(t.Context(), stream)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d messages there", s.Last)
			if s.Last < acked && !test.mayLose {
				t.Errorf("%d messages were acknowledged, %d are there", acked, s.Last)
			}
			if name == "all or none" && s.Last%5 != 0 {
				t.Errorf("%d messages are there, from batches of 5", s.Last)
			}
			checkRounds(t, b, stream, s.Last)
			acked = s.Last - s.Last%5
			if _, err := b.Publish(t.Context(), stream, bus.Msg{Subject: "wr.hub." + stream + ".z.h.p"}); err != nil {
				t.Errorf("after the restart: %v", err)
			}
		})
	}
}
