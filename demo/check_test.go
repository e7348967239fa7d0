package demo

import (
	"math/rand/v2"
	"testing"
)

func TestCheckCountsGapsDoublesAndLateOnes(t *testing.T) {
	for _, c := range []struct {
		name    string
		numbers [][2]int // run and number

		lost, doubled, reordered int
	}{
		{"nothing", nil, 0, 0, 0},
		{"in order", [][2]int{{1, 1}, {1, 2}, {1, 3}}, 0, 0, 0},
		{"a new run begins at 1", [][2]int{{1, 1}, {1, 2}, {2, 1}, {2, 2}}, 0, 0, 0},
		{"a run without records is none", [][2]int{{1, 1}, {3, 1}}, 0, 0, 0},
		{"the first are missing", [][2]int{{1, 3}}, 2, 0, 0},
		{"a gap", [][2]int{{1, 1}, {1, 4}}, 2, 0, 0},
		{"twice", [][2]int{{1, 1}, {1, 2}, {1, 2}}, 0, 1, 0},
		{"a whole piece again", [][2]int{{1, 1}, {1, 2}, {1, 3}, {1, 2}, {1, 3}, {1, 4}}, 0, 2, 0},
		{"an old run again", [][2]int{{1, 1}, {2, 1}, {1, 1}}, 0, 1, 0},
		{"one is late", [][2]int{{1, 1}, {1, 3}, {1, 2}}, 0, 0, 1},
		{"one of a gap is late, and comes twice", [][2]int{{1, 1}, {1, 6}, {1, 4}, {1, 4}}, 3, 1, 1},
		{"a gap is filled from its ends", [][2]int{{1, 5}, {1, 1}, {1, 4}, {1, 2}, {1, 3}}, 0, 0, 4},
		{"the rest of an old run is late", [][2]int{{1, 1}, {2, 1}, {1, 2}}, 0, 0, 1},
	} {
		var k check
		for _, n := range c.numbers {
			k.take(n[0], n[1])
		}
		if k.lost(nil) != c.lost || k.doubled != c.doubled || k.reordered != c.reordered || k.records != len(c.numbers) {
			t.Errorf("%s: lost %d, doubled %d, reordered %d of %d; want %d, %d, %d", c.name, k.lost(nil), k.doubled, k.reordered, k.records, c.lost, c.doubled, c.reordered)
		}
	}
}

// What is missing at the end of a run can be seen only by looking at what the
// records were made of.
func TestCheckMissesTheEndOfARun(t *testing.T) {
	var source, made check
	for n := 1; n <= 5; n++ {
		source.take(1, n)
	}
	made.take(1, 1)
	made.take(1, 2)
	made.take(1, 3)
	source.take(2, 1)
	if got := made.lost(&source); got != 0 {
		t.Errorf("%d lost while the rest can still come", got)
	}
	made.take(2, 1)
	if got := made.lost(&source); got != 2 {
		t.Errorf("%d lost, want 2", got)
	}
	var early check // its reader is ahead of the source's
	early.take(1, 1)
	early.take(2, 1)
	if got := early.lost(&check{last: map[int]int{1: 1}, run: 1}); got != 0 {
		t.Errorf("%d lost before the source is known", got)
	}
}

func TestCheckFindsWhatWasDroppedAndDoubled(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var source, made check
		var lost, doubled int
		for run := 1; run <= 3; run++ {
			for n := 1; n <= random.IntN(20); n++ {
				source.take(run, n)
				switch random.IntN(8) {
				case 0:
					lost++
				case 1:
					made.take(run, n)
					made.take(run, n)
					doubled++
				default:
					made.take(run, n)
				}
			}
		}
		source.take(4, 1)
		made.take(4, 1)
		if made.lost(&source) != lost || made.doubled != doubled {
			t.Fatalf("lost %d, doubled %d; want %d, %d", made.lost(&source), made.doubled, lost, doubled)
		}
	}
}

func TestBehindIsWhatHasStillToCome(t *testing.T) {
	var source, made check
	for n := 1; n <= 5; n++ {
		source.take(1, n)
	}
	source.take(2, 1)
	made.take(1, 1)
	if got := made.behind(&source); got != 5 {
		t.Errorf("%d behind, want 5", got)
	}
	if got := source.behind(&made); got != 0 {
		t.Errorf("%d behind what it is ahead of", got)
	}
}

func TestWhatACheckRemembersIsBounded(t *testing.T) {
	var c check
	for n := 2; n <= 2*(gapsMost+10); n += 2 {
		c.take(1, n)
	}
	if len(c.gaps) > gapsMost || c.lost(nil) != gapsMost+10 {
		t.Errorf("%d gaps are remembered, %d lost", len(c.gaps), c.lost(nil))
	}
}
