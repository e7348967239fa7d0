package demo

// check counts what is lost and doubled in a Topic. Its records are numbered
// from 1 in each run of the program that the numbers come from, and later runs
// have higher numbers than earlier ones. What the first program of a row had in
// hand when it was killed was never said, and does not count.
type check struct {
	records int
	last    map[int]int // highest number of each run
	run     int         // the newest
	skipped int         // numbers that were passed over
	doubled int
}

// take adds the next record of the Topic.
func (c *check) take(run, n int) {
	if c.last == nil {
		c.last = map[int]int{}
	}
	c.records++
	last := c.last[run]
	if n <= last {
		c.doubled++
		return
	}
	c.skipped += n - last - 1
	c.last[run] = n
	c.run = max(c.run, run)
}

// miss adds records that the Hub says are gone.
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
