package demo

import (
	"fmt"

	"waverider"
)

// lost is how many records are missing anywhere. One that is lost at a place is
// missing at those behind it too, and counts once.
func (s *display) lost() int {
	return max(s.stored.lost(nil), s.arrived.lost(&s.stored), s.computed.lost(&s.stored)) + s.told.lost(nil)
}

// doubled counts as lost does.
func (s *display) doubled() int {
	return max(s.stored.doubled, s.arrived.doubled, s.computed.doubled) + s.told.doubled
}

// reordered counts as lost does.
func (s *display) reordered() int {
	return max(s.stored.reordered, s.arrived.reordered, s.computed.reordered) + s.told.reordered
}

// verdict is what the check has found, in words.
func (s *display) verdict() string {
	return fmt.Sprintf("%d lost, %d doubled, %d reordered", s.lost(), s.doubled(), s.reordered())
}

// outcome is what the display has seen, in words.
func (s *display) outcome() string {
	return fmt.Sprintf("%s, %s, %s", count(s.computed.records, "reading"), count(s.told.records, "alert"), s.verdict())
}

// complete tells that all that was to arrive before the end has arrived.
func (s *display) complete() bool {
	return s.ending && s.awaited >= 0 && s.seen >= s.awaited && s.missing() == 0 && s.reports[edge].toGo == 0
}

// missing is how many readings have still to go through all.
func (s *display) missing() int {
	return max(s.arrived.behind(&s.stored), s.computed.behind(&s.stored))
}

// failure is the error that the check has found, if any.
func (s *display) failure() error {
	switch {
	case s.lost() > 0 || s.doubled() > 0 || s.reordered() > 0:
		return waverider.Errorf(waverider.Internal, "the numbers of the records are not in order: %s", s.verdict())
	case s.ending && !s.complete():
		return waverider.Errorf(waverider.Timeout, "not all that is stored has arrived within %s: %d of %s missing", finishPatience, s.missing(), count(s.stored.records, "reading"))
	}
	return nil
}
