package main

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

func stream(numbers ...int64) (p []byte) {
	for _, n := range numbers {
		p = appendRecord(p, n)
	}
	return p
}

func TestCheckerNoticesEachFault(t *testing.T) {
	changed := stream(0, 1, 2)
	changed[recordSize+40] ^= 1
	for name, c := range map[string]struct {
		in                                   []byte
		lost, duplicated, reordered, corrupt int64
	}{
		"right":                  {in: stream(0, 1, 2)},
		"one lost":               {in: stream(0, 2), lost: 1},
		"first lost":             {in: stream(1, 2), lost: 1},
		"last lost":              {in: stream(0, 1), lost: 1},
		"all lost":               {in: nil, lost: 3},
		"doubled":                {in: stream(0, 1, 1, 2), duplicated: 1},
		"run doubled":            {in: stream(0, 1, 0, 1, 2), duplicated: 2},
		"swapped":                {in: stream(0, 2, 1), reordered: 1},
		"swapped, then doubled":  {in: stream(0, 2, 1, 1), reordered: 1, duplicated: 1},
		"turned round":           {in: stream(2, 1, 0), reordered: 2},
		"bytes lost in a record": {in: append(stream(0, 1)[:recordSize+60], stream(2)...), lost: 2, corrupt: 1},
		"byte lost":              {in: append(stream(0)[:60], stream(0, 1, 2)[61:]...), lost: 1, corrupt: 1},
		"byte doubled":           {in: append(stream(0)[:60], stream(0, 1, 2)[59:]...), lost: 1, corrupt: 1},
		"byte changed":           {in: changed, lost: 1, corrupt: 1},
		"cut in the last":        {in: stream(0, 1, 2)[:3*recordSize-1], lost: 1, corrupt: 1},
		"more than was written":  {in: stream(0, 1, 2, 3), corrupt: 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, step := range []int{1, 7, recordSize, 1 << 20} {
				k := checkFrom(0)
				for rest := c.in; len(rest) > 0; {
					n := min(step, len(rest))
					_, _ = k.Write(rest[:n])
					rest = rest[n:]
				}
				k.finish(3)
				if k.lost() != c.lost || k.duplicated != c.duplicated || k.reordered != c.reordered || k.corrupt != c.corrupt {
					t.Errorf("in steps of %d: lost %d, duplicated %d, reordered %d, corrupt %d; want %d, %d, %d, %d",
						step, k.lost(), k.duplicated, k.reordered, k.corrupt, c.lost, c.duplicated, c.reordered, c.corrupt)
				}
			}
		})
	}
}

func TestCheckerCountsRandomDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		const total = 200
		var numbers []int64
		var lost, duplicated int64
		for n := range int64(total) {
			switch r.IntN(10) {
			case 0:
				lost++
			case 1:
				numbers = append(numbers, n, n)
				duplicated++
			default:
				numbers = append(numbers, n)
			}
		}
		k := checkFrom(0)
		_, _ = k.Write(stream(numbers...))
		k.finish(total)
		if k.lost() != lost || k.duplicated != duplicated || k.reordered != 0 || k.corrupt != 0 {
			t.Fatalf("%v: %+v", numbers, k)
		}
	}
}

func TestCheckerBeginsInsideARecord(t *testing.T) {
	all := stream(0, 1, 2, 3)
	for offset := range int64(2*recordSize + 1) {
		k := checkFrom(offset)
		_, _ = k.Write(all[offset:])
		k.finish(4)
		if k.lost()+k.duplicated+k.reordered+k.corrupt != 0 {
			t.Fatalf("from offset %d: %+v", offset, k)
		}
	}
}

func TestBytesAtAgreesWithTheStream(t *testing.T) {
	all := stream(0, 1, 2, 3, 4, 5)
	for offset := range 3 * recordSize {
		for _, size := range []int{0, 1, 127, 128, 129, 300} {
			if got := bytesAt(int64(offset), size); !bytes.Equal(got, all[offset:offset+size]) {
				t.Fatalf("bytesAt(%d, %d) = %q", offset, size, got)
			}
		}
	}
}

func TestProgramsWriteTheSameRecords(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	code := `const { records } = require("./programs/records"); process.stdout.write(records(0, 3)); process.stdout.write(records(99999, 1000))`
	out, err := exec.Command(node, "-e", code).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := stream(0, 1, 2)
	for n := range int64(1000) {
		want = appendRecord(want, 99999+n)
	}
	if !bytes.Equal(out, want) {
		i := 0
		for i < min(len(out), len(want)) && out[i] == want[i] {
			i++
		}
		t.Errorf("they differ at byte %d of %d: %q", i, len(want), strings.TrimSpace(string(out[max(0, i-20):min(len(out), i+40)])))
	}
}
