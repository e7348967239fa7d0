package tally_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"waverider/faults/tally"
)

func id(p int, w int64) tally.ID { return tally.ID{Producer: p, Write: w} }

func TestRecordsAreReadBack(t *testing.T) {
	var text []byte
	var want []tally.Record
	for w := range int64(700) {
		r := tally.Record{ID: id(int(w%3), w), Number: w / 2}
		want, text = append(want, r), tally.Append(text, r, int(w))
	}
	for _, in := range []io.Reader{bytes.NewReader(text), iotest.OneByteReader(bytes.NewReader(text))} {
		var got []tally.Record
		corrupt, err := tally.Read(in, func(r tally.Record) { got = append(got, r) })
		if corrupt != 0 || err != nil || !slices.Equal(got, want) {
			t.Errorf("%d of %d records, %d corrupt, %v", len(got), len(want), corrupt, err)
		}
	}
	if r := tally.Append(nil, want[1], tally.MaxFill); len(r) > 1<<20 {
		t.Errorf("the largest record has %d bytes", len(r))
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	line := tally.Append(nil, tally.Record{ID: id(1, 22), Number: 21}, 40)
	for i := range line[:len(line)-1] {
		changed := slices.Clone(line)
		changed[i] ^= 1
		if r, ok := tally.Parse(changed); ok && r.ID == id(1, 22) {
			t.Errorf("byte %d: %q passes", i, changed)
		}
	}
}

func TestCutStreams(t *testing.T) {
	text := tally.Append(nil, tally.Record{}, 40)
	text = tally.Append(text, tally.Record{ID: id(0, 1), Number: 1}, 40)
	count := 0
	take := func(tally.Record) { count++ }
	if corrupt, err := tally.Read(bytes.NewReader(text[:len(text)-9]), take); corrupt != 1 || err != nil || count != 1 {
		t.Errorf("ended in a record: %d read, %d corrupt, %v", count, corrupt, err)
	}
	cut := errors.New("cut")
	in := io.MultiReader(bytes.NewReader(text[:len(text)-9]), iotest.ErrReader(cut))
	if corrupt, err := tally.Read(in, take); corrupt != 0 || !errors.Is(err, cut) || count != 2 {
		t.Errorf("failed in a record: %d read, %d corrupt, %v", count, corrupt, err)
	}
}

func TestCompareNoticesEachFault(t *testing.T) {
	want := []tally.ID{id(0, 0), id(1, 0), id(0, 1)}
	for name, c := range map[string]struct {
		got                                           []tally.ID
		records, lost, duplicated, reordered, corrupt int64
	}{
		"right":         {got: want, records: 3},
		"nothing":       {lost: 3},
		"one lost":      {got: []tally.ID{id(0, 0), id(0, 1)}, records: 2, lost: 1},
		"twice":         {got: []tally.ID{id(0, 0), id(0, 0), id(1, 0), id(0, 1)}, records: 3, duplicated: 1},
		"run twice":     {got: append(slices.Clone(want), want...), records: 3, duplicated: 3},
		"swapped":       {got: []tally.ID{id(1, 0), id(0, 0), id(0, 1)}, records: 3, reordered: 1},
		"never written": {got: append(slices.Clone(want), id(7, 7)), records: 3, corrupt: 1},
	} {
		f := tally.Compare(want, c.got)
		if f.Records != c.records || f.Lost != c.lost || f.Duplicated != c.duplicated || f.Reordered != c.reordered || f.Corrupt != c.corrupt {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestWithinTakesAnyUnbrokenPiece(t *testing.T) {
	all := map[tally.ID]int{id(0, 0): 0, id(0, 1): 1, id(0, 2): 2, id(0, 3): 3}
	for name, c := range map[string]struct {
		got              []tally.ID
		lost, duplicated int64
	}{
		"none":        {},
		"all":         {got: []tally.ID{id(0, 0), id(0, 1), id(0, 2), id(0, 3)}},
		"the middle":  {got: []tally.ID{id(0, 1), id(0, 2)}},
		"passed over": {got: []tally.ID{id(0, 0), id(0, 3)}, lost: 2},
		"gone":        {got: []tally.ID{id(0, 3), id(0, 4)}, lost: 1},
		"again":       {got: []tally.ID{id(0, 1), id(0, 2), id(0, 1)}, duplicated: 1},
	} {
		if f := tally.Within(all, c.got); f.Lost != c.lost || f.Duplicated != c.duplicated {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestCheckTailMissesOnlyWhatIsOldest(t *testing.T) {
	var b tally.Book
	for n := range int64(4) {
		b.Write(1, n)
	}
	b.Ack(1, 0, 4, time.Now())
	for name, c := range map[string]struct {
		got  []int64
		lost int64
	}{
		"all":    {got: []int64{0, 1, 2, 3}},
		"tail":   {got: []int64{2, 3}},
		"none":   {},
		"hole":   {got: []int64{1, 3}, lost: 1},
		"no end": {got: []int64{1, 2}, lost: 1},
	} {
		var text []byte
		for _, n := range c.got {
			text = tally.Append(text, tally.Record{ID: id(1, n), Number: n}, 10)
		}
		contents, err := tally.ReadAll(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if f, holes := b.CheckTail(contents); f.Lost != c.lost || len(holes) != int(c.lost) {
			t.Errorf("%s: %v, want %d lost", name, f, c.lost)
		}
	}
}

func TestBookNoticesEachFault(t *testing.T) {
	now := time.Now()
	var b tally.Book
	for n := range int64(3) {
		b.Write(1, n) // writes 0, 1, 2
	}
	b.Write(1, 2) // write 3 repeats number 2
	b.Write(2, 0)
	b.Ack(1, 0, 3, now)
	for name, c := range map[string]struct {
		got                                            []tally.Record
		lost, duplicated, reordered, corrupt, repeated int64
	}{
		"right":         {got: []tally.Record{{id(1, 0), 0}, {id(1, 1), 1}, {id(1, 2), 2}}},
		"by repetition": {got: []tally.Record{{id(1, 0), 0}, {id(1, 1), 1}, {id(1, 3), 2}}},
		"repeated":      {got: []tally.Record{{id(1, 0), 0}, {id(1, 1), 1}, {id(1, 2), 2}, {id(1, 3), 2}}, repeated: 1},
		"unacked too":   {got: []tally.Record{{id(1, 0), 0}, {id(2, 0), 0}, {id(1, 1), 1}, {id(1, 2), 2}}},
		"one lost":      {got: []tally.Record{{id(1, 0), 0}, {id(1, 2), 2}}, lost: 1},
		"twice":         {got: []tally.Record{{id(1, 0), 0}, {id(1, 1), 1}, {id(1, 1), 1}, {id(1, 2), 2}}, duplicated: 1},
		"swapped":       {got: []tally.Record{{id(1, 1), 1}, {id(1, 0), 0}, {id(1, 2), 2}}, reordered: 1},
		"made up":       {got: []tally.Record{{id(1, 0), 0}, {id(1, 1), 1}, {id(1, 2), 2}, {id(1, 9), 9}}, corrupt: 1},
		"wrong number":  {got: []tally.Record{{id(1, 0), 0}, {id(1, 1), 1}, {id(1, 2), 2}, {id(1, 3), 1}}, corrupt: 1},
	} {
		var text []byte
		for _, r := range c.got {
			text = tally.Append(text, r, 10)
		}
		contents, err := tally.ReadAll(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		f, losses := b.Check(contents)
		if f.Lost != c.lost || f.Duplicated != c.duplicated || f.Reordered != c.reordered || f.Corrupt != c.corrupt || f.Repeated != c.repeated {
			t.Errorf("%s: %v, %d repeated", name, f, f.Repeated)
		}
		if int64(len(losses)) != c.lost || c.lost > 0 && !losses[0].Acked.Equal(now) {
			t.Errorf("%s: losses %v", name, losses)
		}
	}
	if w := b.Writes(); len(w) != 2 || w[1] != 4 || w[2] != 1 {
		t.Errorf("writes %v", w)
	}
	if b.Acked() != 3 {
		t.Errorf("%d acked", b.Acked())
	}
}
