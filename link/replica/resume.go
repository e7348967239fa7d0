package replica

import "waverider/topic"

// standing is what a sender knows of its Topic and of what it has sent.
type standing struct {
	lives  []topic.Life
	oldest uint64 // number of the oldest record that is kept
	next   uint64 // of the record to come
	acked  uint64 // everything before has reached the receiver, or came from it
	told   place  // where the receiver was when acked was written down
	gone   bool   // the receiver's Topic was deleted since
}

// resume decides where to begin when the receiver is at a place; renew says that
// a new life has to begin first, above the receiver's epoch.
//
// The receiver can be behind what it has acked, because its store was put back
// from a copy: then what it lacks is sent again. And it can be ahead of what is
// stored here, because this store was: then what it has is not sent, and what
// was stored here since is. The lives tell which is which: what a life gave up
// to some number was sent in its order, and is in every copy that knows of it.
// (One exception is not seen: a store that is put back from a copy of a time that
// an earlier copy has undone meanwhile.)
func (s standing) resume(at place) (begin uint64, renew bool) {
	switch {
	case at == s.told: // as it was left
		return s.acked, false
	case at == place{} && s.gone:
		return s.acked, false
	case at == place{}:
		return s.oldest, false
	}
	i := len(s.lives) - 1
	for i >= 0 && s.lives[i].Since > at.Epoch {
		i--
	}
	if i < 0 {
		return s.oldest, false // it knows another Topic, which was here before this one
	}
	life, end, current := s.lives[i], s.next, i == len(s.lives)-1
	if !current {
		end = s.lives[i+1].First
	}
	known := at.Epoch <= life.Epoch
	switch {
	case known && at.End <= end:
		begin = max(at.End, 1)
	case !current: // the rest of the life, and those after it, are lost here
		begin = end
	default: // it is ahead of this very life, or knows a later one
		begin, renew = life.First, true
	}
	if s.told.before(at) {
		begin = max(begin, s.acked)
	}
	return min(begin, s.next), renew
}
