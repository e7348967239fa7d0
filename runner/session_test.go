package runner_test

import (
	"bytes"
	"testing"

	"waverider/runner/runnertest"
)

func TestBytesComeBackFromAnEcho(t *testing.T) {
	b := newBench(t)
	r := b.runner()
	echoed := make(chan error, 1)
	go func() { echoed <- r.Echo() }()
	const size = 20 << 20
	b.s.Output().SetWindow(1 << 20)
	go func() {
		if n, err := b.s.Input().ReadFrom(b.ctx, &patternReader{n: size}); n != size || err != nil {
			t.Errorf("ReadFrom = %d, %v", n, err)
		}
		if err := b.s.Input().End(b.ctx); err != nil {
			t.Error(err)
		}
	}()
	at := int64(0)
	b.readAll(func(offset uint64, p []byte) {
		want := make([]byte, len(p))
		runnertest.Pattern(want, at)
		if offset != uint64(at) || !bytes.Equal(p, want) {
			t.Fatalf("wrong bytes at %d (offset %d)", at, offset)
		}
		at += int64(len(p))
	})
	if at != size {
		t.Fatalf("%d bytes came back of %d", at, size)
	}
	b.ok(<-echoed)
	b.ok(r.Drain())
}
