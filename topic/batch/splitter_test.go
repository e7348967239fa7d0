package batch_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"waverider"
	"waverider/topic/batch"
)

// split cuts in into records as a Splitter does that gets it in pieces of the
// sizes of cuts, in turn, and holds each call to the contract.
func split(t testing.TB, kind batch.Kind, in []byte, cuts []int) (records []string, err error) {
	t.Helper()
	s := batch.NewSplitter(kind)
	fed := 0
	emit := func(p []byte, lengths []uint32) error {
		if sum(lengths) != len(p) || len(lengths) == 0 {
			t.Fatalf("lengths of %d for %d bytes", sum(lengths), len(p))
		}
		if n, size := batch.NewBuilder(0).Fit(lengths); n != len(lengths) || size != len(p) {
			t.Fatalf("%d records of %d bytes do not fit a batch", len(lengths), len(p))
		}
		if got := s.Position(); got > uint64(fed) || kind == batch.Lines && in[got-1] != '\n' && got != uint64(len(in)) {
			t.Fatalf("position %d is not behind a record", got)
		}
		for _, n := range lengths {
			records = append(records, string(p[:n]))
			p = p[n:]
		}
		return nil
	}
	for i := 0; err == nil && fed < len(in); i++ {
		n := len(in) - fed
		if len(cuts) > 0 {
			n = min(n, cuts[i%len(cuts)])
		}
		p := bytes.Clone(in[fed : fed+n])
		fed += n
		err = s.Split(p, emit)
		clear(p) // what is kept is a copy
		if err == nil && s.Position()+uint64(s.Pending()) != uint64(fed) {
			t.Fatalf("%d bytes came in, %d are done with, %d are pending", fed, s.Position(), s.Pending())
		}
		if s.Pending() >= batch.MaxRecord {
			t.Fatalf("%d bytes are kept", s.Pending())
		}
	}
	if closed := s.Close(emit); err == nil {
		err = closed
	} else if closed != err {
		t.Fatalf("%v is forgotten at the end: %v", err, closed)
	}
	if err == nil && (s.Pending() != 0 || s.Position() != uint64(len(in))) {
		t.Fatalf("%d bytes are left at the end, %d of %d are done with", s.Pending(), s.Position(), len(in))
	}
	return records, err
}

// lines is what a Splitter shall do, said simply.
func lines(in []byte) (records []string, err error) {
	for line := range bytes.Lines(in) {
		if line[len(line)-1] != '\n' {
			line = append(bytes.Clone(line), '\n')
		}
		if len(line) > batch.MaxRecord {
			return records, batch.ErrRecordTooLarge
		}
		if strings.Trim(string(line), " \t\r\n") != "" {
			records = append(records, string(line))
		}
	}
	return records, nil
}

func checkLines(t testing.TB, in []byte, cuts []int) {
	t.Helper()
	want, wantErr := lines(in)
	got, err := split(t, batch.Lines, in, cuts)
	if !errors.Is(err, wantErr) {
		t.Fatalf("%v, want %v", err, wantErr)
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("record %d of %d bytes, want %d", i, len(got[i]), len(want[i]))
		}
	}
}

func TestLinesAreRecords(t *testing.T) {
	line := func(n int) string { return strings.Repeat("x", n-1) + "\n" }
	for what, in := range map[string]string{
		"nothing":                      "",
		"one":                          "a\n",
		"no end":                       "a\nb",
		"blank lines":                  "\n\r\n  \na\n\n\t \r\nb\r\n  c\n\n",
		"only blanks":                  "\n \n\r",
		"blanks at the end":            "a\n  ",
		"many":                         strings.Repeat("ab\n", 100_000),
		"many and blank":               strings.Repeat("ab\n\n", 10_000),
		"a batch and more":             line(100_000) + line(400_000) + line(100_000) + line(600_000) + line(3),
		"exactly a batch":              line(batch.MaxData) + line(batch.MaxData-1) + line(1),
		"the largest":                  line(2) + line(batch.MaxRecord) + line(3),
		"too large":                    line(2) + line(batch.MaxRecord+1) + line(3),
		"too large at the end":         line(2) + strings.Repeat("x", batch.MaxRecord),
		"the largest at the end":       line(2) + strings.Repeat("x", batch.MaxRecord-1),
		"too large a blank":            line(2) + strings.Repeat(" ", batch.MaxRecord) + "\n",
		"the largest blank":            line(2) + strings.Repeat(" ", batch.MaxRecord-1) + "\n",
		"too large without end of all": strings.Repeat("x", 3*batch.MaxRecord),
	} {
		t.Run(what, func(t *testing.T) {
			for _, cuts := range [][]int{nil, {64 << 10}, {7, 1, 40_000, 3}, {batch.MaxRecord}, {batch.MaxRecord - 1, 1}, {1 << 10}} {
				checkLines(t, []byte(in), cuts)
			}
			if len(in) < 10_000 {
				checkLines(t, []byte(in), []int{1})
			}
		})
	}
}

func TestBytesAreWhatWentIn(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	in := make([]byte, 3<<20)
	for i := range in {
		in[i] = byte(r.Uint32())
	}
	for _, cuts := range [][]int{nil, {64 << 10}, {1, 100_000}, {2_000_000}} {
		records, err := split(t, batch.Bytes, in, cuts)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(records, "") != string(in) {
			t.Errorf("cut at %v, other bytes came out", cuts)
		}
		for _, rec := range records {
			if len(rec) == 0 || len(rec) > 64<<10 {
				t.Fatalf("a record of %d bytes", len(rec))
			}
		}
	}
}

func TestSplitterEndsWithAnError(t *testing.T) {
	mine := errors.New("mine")
	for _, kind := range []batch.Kind{batch.Lines, batch.Bytes} {
		s := batch.NewSplitter(kind)
		fail := func([]byte, []uint32) error { return mine }
		never := func([]byte, []uint32) error { t.Error("emits after an error"); return nil }
		if err := s.Split([]byte("a\nb\n"), fail); err != mine {
			t.Error(err)
		}
		if err := s.Split([]byte("a\n"), never); err != mine {
			t.Error(err)
		}
		if err := s.Close(never); err != mine {
			t.Error(err)
		}
	}
	if waverider.KindOf(batch.ErrRecordTooLarge) != waverider.TooLarge {
		t.Error("callers are not told that a record is too large")
	}
}

func TestWholeLinesAreNotCopied(t *testing.T) {
	s := batch.NewSplitter(batch.Lines)
	in := linesOf(64<<10, 100, 40)
	in = append(in, "unfinished"...)
	at := 0
	emit := func(p []byte, lengths []uint32) error {
		if at > 0 && unsafe.SliceData(p) != &in[at] {
			t.Errorf("a copy at %d", at)
		}
		at += len(p)
		return nil
	}
	at = 0
	first := true
	if err := s.Split(in, func(p []byte, lengths []uint32) error {
		if first && unsafe.SliceData(p) != &in[0] {
			t.Error("a copy at the beginning")
		}
		first = false
		return emit(p, lengths)
	}); err != nil {
		t.Fatal(err)
	}
	if at != len(in)-len("unfinished") {
		t.Errorf("%d bytes of %d", at, len(in))
	}
}

func TestSplittingAllocatesNothing(t *testing.T) {
	s := batch.NewSplitter(batch.Lines)
	in := append(linesOf(64<<10, 100, 40), "unfinished"...)
	emit := func([]byte, []uint32) error { return nil }
	if n := testing.AllocsPerRun(100, func() {
		if err := s.Split(in, emit); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for %d bytes of lines", n, len(in))
	}
}
