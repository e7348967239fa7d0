package replica

// Total is Stats of many Topics as one.
type Total struct {
	Records uint64 `json:"records"` // sent or stored
	Bytes   uint64 `json:"bytes"`
	Resent  uint64 `json:"resent"`
	Lag     uint64 `json:"lag"`
	Missed  uint64 `json:"missed"`
	Streams int    `json:"streams"` // open now
	Failing int    `json:"failing"` // Topics whose last stream ended badly
}

// Sum adds up what is told of Topics.
func Sum(list []Stats) (t Total) {
	for _, s := range list {
		t.Records += s.Records
		t.Bytes += s.Bytes
		t.Resent += s.Resent
		t.Lag += s.Lag
		t.Missed += s.Missed
		if s.Running {
			t.Streams++
		} else if s.Error != "" {
			t.Failing++
		}
	}
	return t
}
