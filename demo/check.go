package demo

import "slices"

// gapsMost bounds what a check remembers of what it misses.
const gapsMost = 10000

// check counts what is lost, doubled and out of order in a Topic. Its records are
// numbered from 1 in each run of the program that the numbers come from, and
// later runs have higher numbers than earlier ones. What the first program of a
// row had in hand when it was killed was never said, and does not count.
type check struct {
	records   int
	last      map[int]int // highest number of each run
	run       int         // the newest
	gaps      []gap       // numbers that were passed over
	skipped   int         // how many these are, and what is gone for good
	doubled   int
	reordered int // came after what was to come after them
}

// gap is numbers of a run that have not come.
type gap struct{ run, from, to int } // to is inside

// take adds the next record of the Topic.
func (c *check) take(run, n int) {
	if c.last == nil {
		c.last = map[int]int{}
	}
	c.records++
	last := c.last[run]
	switch {
	case n <= last && c.fill(run, n):
		c.reordered++
		return
	case n <= last:
		c.doubled++
		return
	case run < c.run:
		c.reordered++
	}
	if n > last+1 {
		c.skipped += n - last - 1
		if len(c.gaps) < gapsMost {
			c.gaps = append(c.gaps, gap{run, last + 1, n - 1})
		}
	}
	c.last[run] = n
	c.run = max(c.run, run)
}

// fill takes a number that is late out of the gaps; false: it was there.
func (c *check) fill(run, n int) bool {
	for i, g := range c.gaps {
		if g.run != run || n < g.from || n > g.to {
			continue
		}
		var left []gap
		if g.from < n {
			left = append(left, gap{run, g.from, n - 1})
		}
		if n < g.to {
			left = append(left, gap{run, n + 1, g.to})
		}
		c.gaps = slices.Replace(c.gaps, i, i+1, left...)
		c.skipped--
		return true
	}
	return false
}

// miss adds records that are said to be gone.
func (c *check) miss(n uint64) { c.skipped += int(n) }

// lost is how many records are missing. What source has of a run that both
// have gone beyond must be here; source is nil for the first of a row.
func (c *check) lost(source *check) int {
	lost := c.skipped
	if source == nil {
		return lost
	}
	for run, n := range source.last {
		if run < min(c.run, source.run) {
			lost += max(n-c.last[run], 0)
		}
	}
	return lost
}

// behind is how many records of source have still to come.
func (c *check) behind(source *check) (n int) {
	for run, last := range source.last {
		n += max(last-c.last[run], 0)
	}
	return n
}
