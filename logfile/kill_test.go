//go:build linux

package logfile_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"waverider/logfile"
)

func init() {
	helper = func() {
		if dir := os.Getenv("LOGFILE_TEST_PUMP"); dir != "" {
			pumpHelper(dir)
		}
	}
}

// pumpHelper is a process that pumps fd 3 into a log until it is killed.
func pumpHelper(dir string) {
	syscall.SetNonblock(3, true)
	l, err := logfile.Open(dir, "stdout", 1<<30)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("pumping")
	if err := l.Pump(context.Background(), os.NewFile(3, "pipe")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Kill -9 of the pump under a writer at full speed: each line is there once.
func TestKilledPumpLosesAndDoublesNothing(t *testing.T) {
	dir := t.TempDir()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stop := make(chan struct{})
	var written int
	var wg sync.WaitGroup
	wg.Go(func() {
		defer w.Close()
		buf := bufio.NewWriterSize(w, 1000) // pieces that end mid-line
		for ; ; written++ {
			select {
			case <-stop:
				buf.Flush()
				return
			default:
				buf.WriteString("line ")
				buf.WriteString(strconv.Itoa(written))
				buf.WriteByte('\n')
			}
		}
	})
	for kill := range 10 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "LOGFILE_TEST_PUMP="+dir)
		cmd.ExtraFiles = []*os.File{r}
		cmd.Stderr = os.Stderr
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		bufio.NewReader(out).ReadString('\n')
		if kill == 9 {
			close(stop)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			break
		}
		waitForGrowth(t, dir)
		cmd.Process.Kill()
		cmd.Wait()
	}
	wg.Wait()
	l := open(t, dir, 1<<30)
	l.Finish()
	rd := l.NewReader(0, false)
	defer rd.Close()
	lines := bufio.NewScanner(&reader{t.Context(), rd})
	n := 0
	for ; lines.Scan(); n++ {
		if want := "line " + strconv.Itoa(n); lines.Text() != want {
			t.Fatalf("line %d is %q", n, lines.Text())
		}
	}
	if n != written {
		t.Errorf("%d lines stored, %d written", n, written)
	}
	t.Logf("%d lines over 9 kills", n)
}

type reader struct {
	ctx context.Context
	r   *logfile.Reader
}

func (r *reader) Read(p []byte) (int, error) { return r.r.Read(r.ctx, p) }

// waitForGrowth returns when the other process has stored another 2 MB.
func waitForGrowth(t *testing.T, dir string) {
	t.Helper()
	from, _ := diskUse(t, dir)
	deadline := time.Now().Add(20 * time.Second)
	for {
		if n, _ := diskUse(t, dir); n > from+2<<20 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the log does not grow")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestFullDiskHoldsTheWriterAndDropsNothing(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk needs mount: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	ballast := dir + "/ballast"
	if err := os.WriteFile(ballast, make([]byte, 700<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir, 64<<20)
	defer l.Close()
	w, done := pumped(t, l)
	src := bytes.Repeat([]byte("0123456789abcde\n"), 40<<10) // 640 KiB into 324
	var wg sync.WaitGroup
	wg.Go(func() { w.Write(src); w.Close() })
	defer wg.Wait()
	for deadline := time.Now().Add(10 * time.Second); !l.Full(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not full with %d bytes", l.End())
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := await(t, "pump", done); err != nil {
		t.Fatal(err)
	}
	if l.Full() {
		t.Error("still Full")
	}
	l.Finish()
	r := l.NewReader(0, false)
	if got, _ := io.ReadAll(&reader{t.Context(), r}); !bytes.Equal(got, src) {
		t.Errorf("%d bytes stored, %d written", len(got), len(src))
	}
	r.Close()
}
