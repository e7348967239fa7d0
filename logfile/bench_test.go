package logfile_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"waverider/logfile"
)

// BenchmarkPump stores what a program prints as fast as it can.
func BenchmarkPump(b *testing.B) {
	l, err := logfile.Open(b.TempDir(), "stdout", 0)
	if err != nil {
		b.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	var wg sync.WaitGroup
	wg.Go(func() { l.Pump(context.Background(), r) })
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if _, err := w.Write(p); err != nil {
			b.Fatal(err)
		}
	}
	w.Close()
	wg.Wait()
	l.Close()
}
