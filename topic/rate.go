package topic

import "time"

// rate counts what came in and how fast, over about the last ten seconds.
type rate struct {
	records, bytes uint64 // since this Hub process opened the Topic
	at             time.Time
	perSecond      float64 // records
	bytesPerSecond float64
	newRecords     uint64 // since at
	newBytes       uint64
}

const rateWindow = time.Second

func (r *rate) add(now time.Time, records, bytes uint64) {
	r.records += records
	r.bytes += bytes
	r.newRecords += records
	r.newBytes += bytes
	r.roll(now)
}

// roll closes the current window when it is over.
func (r *rate) roll(now time.Time) {
	if r.at.IsZero() {
		r.at = now
		return
	}
	passed := now.Sub(r.at)
	if passed < rateWindow {
		return
	}
	const smooth = 5 * time.Second // older windows fade with this time constant
	keep := float64(smooth) / float64(smooth+passed)
	seconds := passed.Seconds()
	r.perSecond = r.perSecond*keep + float64(r.newRecords)/seconds*(1-keep)
	r.bytesPerSecond = r.bytesPerSecond*keep + float64(r.newBytes)/seconds*(1-keep)
	r.newRecords, r.newBytes, r.at = 0, 0, now
}
