package topic

import "time"

// clockMost is the latest time that is believed, in seconds since 1970: numbers
// made of a later one would leave no room above them.
const clockMost = 3 << 30

// stamp is the number that a time stands for, 0 for one that cannot be.
func stamp(now time.Time) uint32 {
	if s := now.Unix(); s > 0 && s < clockMost {
		return uint32(s)
	}
	return 0
}

// incarnate makes the number of an incarnation: above that of the one before,
// and another than a Topic of the same name had that was deleted, wherever the
// clock has been.
func (s *Store) incarnate(before uint32) uint32 {
	for {
		last := s.incarnation.Load()
		n := max(stamp(s.now()), last+1, before+1)
		if s.incarnation.CompareAndSwap(last, n) {
			return n
		}
	}
}

// raise sees to it that those to come are above one.
func (s *Store) raise(above uint32) {
	for {
		last := s.incarnation.Load()
		if last >= above || s.incarnation.CompareAndSwap(last, above) {
			return
		}
	}
}

// now is what the clock says.
func (s *Store) now() time.Time {
	if s.cfg.Now != nil {
		return s.cfg.Now()
	}
	return time.Now()
}
