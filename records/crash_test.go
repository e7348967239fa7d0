package records_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"waverider/bus"
	"waverider/records"
)

const writers = 4

// writeUntilKilled counts up in some keys and tells each number when it is stored.
func writeUntilKilled(dir string) {
	ctx := context.Background()
	b, err := bus.Open(ctx, bus.Config{Dir: dir, Hub: "space", MaxStore: 1 << 30, Log: discard()})
	if err != nil {
		panic(err)
	}
	s, err := records.Open(ctx, b, discard())
	if err != nil {
		panic(err)
	}
	hubs := records.Of[hub](s, "hubs")
	for w := range writers {
		go func() {
			for i := 1; ; i++ {
				key := fmt.Sprint(w)
				if _, err := hubs.Put(ctx, key, hub{Seen: i}); err != nil {
					panic(err)
				}
				once := fmt.Sprintf("once-%d-%d-%d", os.Getpid(), w, i)
				large := hub{Labels: []string{strings.Repeat("x", rand.IntN(60_000))}} // so that there are many files
				if _, err := hubs.Create(ctx, once, large); err != nil {
					panic(err)
				}
				if err := hubs.Delete(ctx, once); err != nil {
					panic(err)
				}
				fmt.Printf("%d %d\n", w, i)
			}
		}()
	}
	select {}
}

func TestWhatWasAnsweredOutlivesAKill(t *testing.T) {
	dir := t.TempDir()
	for run := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "RECORDS_WRITER="+dir)
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		told := [writers]int{}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if n == 200 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			var w, i int
			if _, err := fmt.Sscan(lines.Text(), &w, &i); err != nil {
				continue // cut by the kill
			}
			told[w] = i
		}
		_ = cmd.Wait() // killed: always an error

		b := openBus(t, dir)
		s := openOn(t, b)
		list, err := records.Of[hub](s, "hubs").List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		once := fmt.Sprintf("once-%d-", cmd.Process.Pid)
		left := 0
		for _, item := range list {
			if strings.HasPrefix(item.Key, once) {
				left++
			}
			if strings.HasPrefix(item.Key, "once-") {
				continue
			}
			var w int
			if _, err := fmt.Sscan(item.Key, &w); err != nil {
				t.Fatal(err)
			}
			if n := item.Value.Seen; n < told[w] || n > told[w]+1 {
				t.Errorf("key %d has %d, %d was answered", w, n, told[w])
			}
		}
		if left > writers || len(list) > writers*(2+run) {
			t.Errorf("%d and %d values of %d writers are there that each deletes before it makes another", left, len(list), writers)
		}
		s.Close()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
