package pump_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/runner"
	"waverider/topic"
)

func TestInputIsAckedWhenOutputIsDurable(t *testing.T) {
	r := newRig(t)
	in, out := r.topic("in", waverider.TypeNDJSON), r.topic("out", waverider.TypeNDJSON)
	r.send(in, "1\n", "2\n", "3\n")
	v := r.start(in, out, false)
	v.read(t, 6)
	v.Mark(1, 0, true) // a filter: nothing came of it
	r.acked(in, 2)
	v.write(t, "two\n")
	v.Mark(2, 0, true)
	r.acked(in, 3)
	if got := r.await(out, 4); got != "two\n" {
		t.Errorf("stored %q", got)
	}
	v.write(t, "thr")
	v.Mark(3, 0, true) // of a record that is not whole
	v.write(t, "ee\n")
	v.Mark(3, 0, true)
	r.acked(in, 4)
	if got := r.await(out, 10); got != "two\nthree\n" {
		t.Errorf("stored %q", got)
	}
}

// A killed program gave more than it told of: that is given again.
func TestWhatAKilledRunDidNotTellIsNotStored(t *testing.T) {
	r := newRig(t)
	in, out := r.topic("in", waverider.TypeNDJSON), r.topic("out", waverider.TypeNDJSON)
	r.send(in, "1\n", "2\n")
	v := r.start(in, out, false)
	v.read(t, 4)
	v.write(t, "a\n")
	v.Mark(0, 1, true)
	r.await(out, 2)
	v.write(t, "b\nc\n")
	for v.session.Output().Received() < 6 {
		time.Sleep(time.Millisecond)
	}
	v.kill()
	v = r.start(in, out, false)
	if v.skip == nil || *v.skip != (runner.Skip{Done: 0, N: 1}) {
		t.Errorf("the next run is told to skip %+v, want one unit", v.skip)
	}
	if got := v.read(t, 4); got != "1\n2\n" {
		t.Errorf("it is given %q", got)
	}
	v.write(t, "b\nc\n")
	v.Mark(2, 0, true)
	r.acked(in, 3)
	if got := r.await(out, 6); got != "a\nb\nc\n" {
		t.Errorf("stored %q", got)
	}
}

// A runner that sends no marks has its output stored all the same.
func TestOutputWithoutMarksIsStored(t *testing.T) {
	r := newRig(t)
	in, out := r.topic("in", waverider.TypeNDJSON), r.topic("out", waverider.TypeNDJSON)
	v := r.start(in, out, false)
	v.write(t, "a\nb\n")
	if got := r.await(out, 4); got != "a\nb\n" {
		t.Errorf("stored %q", got)
	}
	big := strings.Repeat(strings.Repeat("x", 999)+"\n", 3000)
	v.write(t, big)
	v.End()
	if err := <-v.drained; err != nil {
		t.Fatal(err)
	}
	if got := r.await(out, 4+len(big)); got != "a\nb\n"+big {
		t.Errorf("stored %d bytes, want %d", len(got), 4+len(big))
	}
}

// Blank lines are no records; what waits for the output before them must not
// wait for the next one.
func TestBlankLinesHoldNothingBack(t *testing.T) {
	r := newRig(t)
	in, out := r.topic("in", waverider.TypeNDJSON), r.topic("out", waverider.TypeNDJSON)
	r.send(in, "1\n", "2\n")
	v := r.start(in, out, false)
	v.read(t, 4)
	v.write(t, "a\n\n  \n")
	v.Mark(1, 0, true)
	r.acked(in, 2)
	v.write(t, "\n\n")
	v.Mark(2, 0, true)
	r.acked(in, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := v.edge.Await(ctx, 8); err != nil {
		t.Errorf("a save waits for blank lines: %v", err)
	}
}

// More output between two marks than a batch holds.
func TestOneRecordThatBringsAboutMuch(t *testing.T) {
	r := newRig(t)
	in, out := r.topic("in", waverider.TypeNDJSON), r.topic("out", waverider.TypeNDJSON)
	r.send(in, "1\n")
	v := r.start(in, out, false)
	v.read(t, 2)
	all := strings.Repeat(strings.Repeat("x", 99)+"\n", 30_000)
	v.write(t, all)
	v.Mark(1, 0, true)
	r.acked(in, 2)
	if got := r.await(out, len(all)); got != all {
		t.Errorf("stored %d bytes, want %d", len(got), len(all))
	}
}

func TestRecordOverTheLimitEndsTheRun(t *testing.T) {
	r := newRig(t)
	out := r.topic("out", waverider.TypeNDJSON)
	v := r.start(nil, out, false)
	v.write(t, "a\n")
	v.write(t, strings.Repeat("x", 1<<20)+"\n")
	if err := <-v.drained; waverider.KindOf(err) != waverider.TooLarge {
		t.Errorf("Drain returned %v", err)
	}
	if got := r.await(out, 2); got != "a\n" {
		t.Errorf("stored %q", got)
	}
}

func TestTextAndBytesKeepEveryByte(t *testing.T) {
	for _, kind := range []string{waverider.TypeText, waverider.TypeBytes} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t)
			in, out := r.topic("in", kind), r.topic("out", kind)
			r.send(in, "ab\n\n", "\x00cd", "ef")
			v := r.start(in, out, false)
			if got := v.read(t, 9); got != "ab\n\n\x00cdef" {
				t.Errorf("given %q", got)
			}
			v.write(t, "ab\n\n\x00")
			v.Mark(5, 0, true)
			r.acked(in, 2) // whole records only
			v.kill()
			v = r.start(in, out, false)
			if v.skip != nil {
				t.Errorf("skip %+v of what is cut elsewhere in each run", v.skip)
			}
			if got := v.read(t, 5); got != "\x00cdef" {
				t.Errorf("given again %q", got)
			}
			v.write(t, "\x00cdef")
			v.Mark(5, 0, true)
			v.End()
			if err := <-v.drained; err != nil {
				t.Fatal(err)
			}
			if got := r.await(out, 10); got != "ab\n\n\x00\x00cdef" { // at least once
				t.Errorf("stored %q", got)
			}
			v.kill() // the mark may come behind the end of the output
			r.acked(in, 4)
		})
	}
}

// A program that works on several records at a time.
func TestParallelProgramLosesNothing(t *testing.T) {
	r := newRig(t)
	in, out := r.topic("in", waverider.TypeNDJSON), r.topic("out", waverider.TypeNDJSON)
	r.send(in, "1\n", "2\n", "3\n", "4\n")
	v := r.start(in, out, false)
	v.read(t, 8)
	v.write(t, "1\n2\n")
	v.Mark(1, 0, false) // it may be that 2 is not finished
	r.acked(in, 2)
	v.kill()
	v = r.start(in, out, false)
	if v.skip != nil {
		t.Errorf("skip %+v", v.skip)
	}
	if got := v.read(t, 6); got != "2\n3\n4\n" {
		t.Errorf("given again %q", got)
	}
	v.write(t, "2\n3\n4\n")
	v.Mark(3, 0, false)
	r.acked(in, 5)
	if got := r.await(out, 10); got != "1\n2\n2\n3\n4\n" {
		t.Errorf("stored %q", got)
	}
}

// A program whose output Topic has no room stands still, and goes on by itself.
func TestProgramWaitsForRoomInItsTopic(t *testing.T) {
	r := newRig(t)
	out, err := r.store.Create(t.Context(), waverider.TopicConfig{Name: "out", ContentType: waverider.TypeNDJSON, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	slow, err := out.Durable(t.Context(), "slot:slow", topic.From{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	v := r.start(nil, out, false)
	line := strings.Repeat("x", 999) + "\n"
	const lines = 16_000
	wrote := make(chan error, 1)
	go func() {
		for range lines {
			if _, err := v.Write([]byte(line)); err != nil {
				wrote <- err
				return
			}
		}
		v.End()
		wrote <- nil
	}()
	got := 0
	for got < 500 {
		m, err := slow.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got += int(m.Count())
		m.Release()
	}
	select {
	case <-v.drained:
		t.Fatal("16 MB went into a Topic of 1 MiB that a reader holds")
	case <-time.After(300 * time.Millisecond):
	}
	for got < lines {
		slow.AckTo(uint64(got + 1))
		m, err := slow.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got += int(m.Count())
		m.Release()
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if err := <-v.drained; err != nil {
		t.Fatal(err)
	}
}

// The second run of a program that does not do the same again. Each record is
// answered, by a part of the old answer and the rest of the new one.
func TestProgramThatAnswersOtherwiseTheSecondTime(t *testing.T) {
	r := newRig(t)
	in, out := r.topic("in", waverider.TypeNDJSON), r.topic("out", waverider.TypeNDJSON)
	r.send(in, "1\n", "2\n")
	v := r.start(in, out, false)
	v.read(t, 4)
	v.write(t, "a1\n")
	v.Mark(0, 1, true)
	r.await(out, 3)
	v.kill()
	v = r.start(in, out, false)
	if v.skip == nil || *v.skip != (runner.Skip{N: 1}) {
		t.Fatalf("skip %+v", v.skip)
	}
	v.read(t, 4)
	v.write(t, "b2\n") // b1 is dropped
	v.Mark(1, 0, true)
	v.write(t, "b3\n")
	v.Mark(2, 0, true)
	r.acked(in, 3)
	if got := r.await(out, 9); got != "a1\nb2\nb3\n" {
		t.Errorf("stored %q", got)
	}
}
