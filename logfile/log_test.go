package logfile_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider/logfile"
)

func TestMain(m *testing.M) {
	helper()
	goleak.VerifyTestMain(m)
}

// helper takes over when this binary was started as another process.
var helper = func() {}

func open(t *testing.T, dir string, limit int64) *logfile.Log {
	t.Helper()
	l, err := logfile.Open(dir, "stdout", limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// pumped starts a Pump and returns the pipe's write end and the Pump's result.
func pumped(t *testing.T, l *logfile.Log) (*os.File, <-chan error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() { done <- l.Pump(ctx, r) })
	t.Cleanup(func() { cancel(); wg.Wait(); r.Close(); w.Close() })
	return w, done
}

func content(t *testing.T, r *logfile.Reader) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var all []byte
	p := make([]byte, 7000)
	for {
		n, err := r.Read(ctx, p)
		all = append(all, p[:n]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("read after %d bytes: %v", len(all), err)
		}
	}
}

func diskUse(t *testing.T, dir string) (bytes int64, files int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "stdout.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		info, err := os.Stat(n)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	return bytes, len(names)
}

func await(t *testing.T, what string, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: nothing after 20 s", what)
		return nil
	}
}

func TestPumpStoresEveryByteAndFollowersSeeThem(t *testing.T) {
	l := open(t, t.TempDir(), 64<<20)
	w, done := pumped(t, l)
	r := l.NewReader(0, false)
	defer r.Close()

	want := sha256.New()
	var wg sync.WaitGroup
	wg.Go(func() {
		src := rand.NewChaCha8([32]byte{1})
		io.CopyN(io.MultiWriter(w, want), src, 30<<20)
		w.Close()
	})
	got := make(chan []byte, 1)
	wg.Go(func() {
		h := sha256.New()
		h.Write(content(t, r))
		got <- h.Sum(nil)
	})
	if err := await(t, "pump", done); err != nil {
		t.Fatalf("pump: %v", err)
	}
	l.Finish()
	wg.Wait()
	if !bytes.Equal(<-got, want.Sum(nil)) {
		t.Error("the reader saw other bytes than were written")
	}
	if l.Start() != 0 || l.End() != 30<<20 {
		t.Errorf("log spans %d…%d, want 0…%d", l.Start(), l.End(), 30<<20)
	}
}

func TestOldestIsDroppedOverTheLimit(t *testing.T) {
	dir := t.TempDir()
	const limit = 256 << 10
	l := open(t, dir, limit)
	w, done := pumped(t, l)
	slow := l.NewReader(0, false)
	defer slow.Close()

	for i := range 40_000 {
		fmt.Fprintf(w, "line %06d of the test\n", i)
	}
	w.Close()
	if err := await(t, "pump", done); err != nil {
		t.Fatal(err)
	}
	l.Finish()
	if n, _ := diskUse(t, dir); n > limit || n < limit/2 {
		t.Errorf("%d bytes on disk, limit %d", n, limit)
	}
	got := content(t, slow)
	if int64(len(got))+slow.Skipped() != l.End() {
		t.Errorf("read %d and skipped %d of %d bytes", len(got), slow.Skipped(), l.End())
	}
	if slow.Skipped() == 0 || !bytes.HasSuffix(got, []byte("line 039999 of the test\n")) {
		t.Errorf("skipped %d, ends with %q", slow.Skipped(), got[max(0, len(got)-30):])
	}
}

func TestHoldingReaderStopsThePumpUntilItReads(t *testing.T) {
	dir := t.TempDir()
	const limit, total = 64 << 10, 1 << 20
	l := open(t, dir, limit)
	w, done := pumped(t, l)
	r := l.NewReader(0, true)
	defer r.Close()

	src := make([]byte, total)
	rand.NewChaCha8([32]byte{2}).Read(src)
	var wg sync.WaitGroup
	wg.Go(func() { w.Write(src); w.Close() })
	defer wg.Wait()

	// The log fills up to its limit and no further.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	full := l.NewReader(0, false)
	defer full.Close()
	p := make([]byte, 4096)
	for full.Offset() < limit {
		if _, err := full.Read(ctx, p); err != nil {
			t.Fatalf("the log stopped at %d: %v", full.Offset(), err)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("pump ended (%v) though a reader holds", err)
	default:
	}
	if l.Start() != 0 || l.End() != limit {
		t.Fatalf("log spans %d…%d while held, want 0…%d", l.Start(), l.End(), limit)
	}
	go func() {
		if err := <-done; err == nil {
			l.Finish()
		}
	}()
	if got := content(t, r); !bytes.Equal(got, src) || r.Skipped() != 0 {
		t.Errorf("holding reader got %d of %d bytes, skipped %d", len(got), total, r.Skipped())
	}
}

func TestSilentReaderHoldsNoMore(t *testing.T) {
	l := open(t, t.TempDir(), 64<<10)
	l.SetHoldTime(50 * time.Millisecond)
	w, done := pumped(t, l)
	r := l.NewReader(0, true)
	defer r.Close()
	if _, err := w.Write(make([]byte, 512<<10)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := await(t, "pump", done); err != nil {
		t.Fatal(err)
	}
	l.Finish()
	if got := content(t, r); r.Skipped() == 0 || int64(len(got))+r.Skipped() != 512<<10 {
		t.Errorf("read %d, skipped %d", len(got), r.Skipped())
	}
}

func TestReopenGoesOnAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	var want []byte
	for round := range 5 {
		l := open(t, dir, 1<<20)
		if l.End() != int64(len(want)) {
			t.Fatalf("round %d: End is %d, want %d", round, l.End(), len(want))
		}
		w, done := pumped(t, l)
		text := bytes.Repeat([]byte(fmt.Sprintf("round %d\n", round)), 9000)
		w.Write(text)
		w.Close()
		if err := await(t, "pump", done); err != nil {
			t.Fatal(err)
		}
		want = append(want, text...)
		l.Close()
	}
	l := open(t, dir, 1<<20)
	l.Finish()
	r := l.NewReader(0, false)
	defer r.Close()
	if got := content(t, r); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

func TestCancelledPumpLosesNothing(t *testing.T) {
	l := open(t, t.TempDir(), 1<<20)
	r, w, _ := os.Pipe()
	defer r.Close()
	for i := range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		fmt.Fprintf(w, "%d\n", i)
		done := make(chan error, 1)
		go func() { done <- l.Pump(ctx, r) }()
		cancel()
		if err := await(t, "pump", done); !errors.Is(err, context.Canceled) {
			t.Fatalf("pump: %v", err)
		}
	}
	w.Close()
	if err := l.Pump(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	l.Finish()
	rd := l.NewReader(0, false)
	defer rd.Close()
	var want strings.Builder
	for i := range 50 {
		fmt.Fprintf(&want, "%d\n", i)
	}
	if got := content(t, rd); string(got) != want.String() {
		t.Errorf("got %q", got)
	}
}

func TestAppendNeverBreaksALine(t *testing.T) {
	l := open(t, t.TempDir(), 8<<20)
	w, done := pumped(t, l)
	var wg sync.WaitGroup
	const lines, remarks = 20_000, 300
	wg.Go(func() {
		for i := range lines {
			// Two writes a line, so that the pipe often ends mid-line.
			io.WriteString(w, "program ")
			fmt.Fprintf(w, "%d\n", i)
		}
		io.WriteString(w, "no newline")
		w.Close()
	})
	wg.Go(func() {
		for i := range remarks {
			if err := l.Append([]byte(fmt.Sprintf("remark %d\n", i))); err != nil {
				t.Errorf("append: %v", err)
			}
		}
	})
	wg.Wait()
	if err := await(t, "pump", done); err != nil {
		t.Fatal(err)
	}
	if err := l.Append([]byte("last\n")); err != nil {
		t.Fatal(err)
	}
	l.Finish()
	if err := l.Append([]byte("late\n")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("append after Finish: %v", err)
	}
	r := l.NewReader(0, false)
	defer r.Close()
	nextLine, nextRemark := 0, 0
	for _, line := range strings.Split(string(content(t, r)), "\n") {
		switch line {
		case fmt.Sprintf("program %d", nextLine):
			nextLine++
		case fmt.Sprintf("remark %d", nextRemark):
			nextRemark++
		case "no newline", "last", "":
		default:
			t.Fatalf("broken line %q after %d and %d", line, nextLine, nextRemark)
		}
	}
	if nextLine != lines || nextRemark != remarks {
		t.Errorf("%d of %d lines, %d of %d remarks", nextLine, lines, nextRemark, remarks)
	}
}

func TestAppendWaitsOnlySoMuch(t *testing.T) {
	l := open(t, t.TempDir(), 1<<20)
	w, _ := pumped(t, l)
	r := l.NewReader(0, false)
	defer r.Close()
	io.WriteString(w, "prompt> ")
	if _, err := r.Read(t.Context(), make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	line := append(bytes.Repeat([]byte("x"), 100<<10), '\n')
	var err error
	for range 20 {
		if err = l.Append(line); err != nil {
			break
		}
	}
	if !errors.Is(err, logfile.ErrBusy) {
		t.Errorf("2 MB of waiting lines: %v, want ErrBusy", err)
	}
}

func TestReadWaitsAndEnds(t *testing.T) {
	l := open(t, t.TempDir(), 1<<20)
	r := l.NewReader(99, false)
	defer r.Close()
	if n, err := r.TryRead(make([]byte, 10)); n != 0 || err != nil {
		t.Errorf("TryRead of an empty log: %d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { _, err := r.Read(ctx, make([]byte, 10)); done <- err }()
	cancel()
	if err := await(t, "read", done); !errors.Is(err, context.Canceled) {
		t.Errorf("Read after cancel: %v", err)
	}
	go func() { _, err := r.Read(context.Background(), make([]byte, 10)); done <- err }()
	l.Finish()
	if err := await(t, "read", done); !errors.Is(err, io.EOF) {
		t.Errorf("Read after Finish: %v", err)
	}
	closed := open(t, t.TempDir(), 1<<20)
	rc := closed.NewReader(0, false)
	go func() { _, err := rc.Read(context.Background(), make([]byte, 10)); done <- err }()
	closed.Close()
	if err := await(t, "read", done); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
}

func TestHoleAndForeignFilesAreSurvived(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"stdout.0000000000000000": "abc",   // should reach to 8: cut short
		"stdout.0000000000000008": "defgh", // reaches into the next
		"stdout.000000000000000a": "ij\n",
		"stdout.zzz":              "foreign",
		"stdout.00000000000000zz": "foreign",
		"stdoutx":                 "foreign",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Mkdir(filepath.Join(dir, "stdout.0000000000000100"), 0o700)
	l := open(t, dir, 1<<20)
	l.Finish()
	r := l.NewReader(0, false)
	defer r.Close()
	if got := content(t, r); string(got) != "abcdeij\n" || r.Skipped() != 5 {
		t.Errorf("got %q, skipped %d", got, r.Skipped())
	}
}
