package replica

import (
	"cmp"
	"slices"

	"waverider/topic"
)

// standing is what a sender knows of its Topic and of what it has sent.
type standing struct {
	lives  []topic.Life
	oldest uint64 // number of the oldest record that is kept
	next   uint64 // of the record to come
	acked  uint64 // everything before has reached the receiver, or came from it
	told   place  // where the receiver was when acked was written down
	gone   bool   // the receiver's Topic was deleted since
}

// pastMost is how many past lives a receiver tells; if fewer, they are all.
const pastMost = 16

// start is where to begin.
type start struct {
	at    uint64
	renew bool // a new life has to begin first: the receiver is ahead of the current one
	fork  bool // the receiver has what is not here
}

// resume decides where to begin when the receiver is at a place, and was at those
// of past when it was sent another life.
//
// The receiver can be behind what it has acked, because its store was put back
// from a copy: then what it lacks is sent again. And it can know what is not
// stored here, because this store was put back, or lost its end. What both have
// ends in the newest life that both know of, where one of them comes to its end
// in it: what a life gave was sent in its order, after all that was before it.
func (s standing) resume(at place, past []place) start {
	switch {
	case at == s.told: // as it was left
		return start{at: s.acked}
	case at == place{} && s.gone:
		return start{at: s.acked}
	case at == place{}:
		return start{at: s.oldest}
	}
	all := append(slices.Clone(past), at)
	b := start{at: s.oldest}
	if i, with := s.shared(all); i >= 0 {
		end := s.end(i)
		b.at, b.fork = min(with.End, end), with != at || with.End > end
		if i == len(s.lives)-1 && with.End > end {
			b.at, b.renew = s.lives[i].First, true
		}
	} else if len(past) >= pastMost { // too long ago to be told
		b.at, b.fork = s.after(slices.MinFunc(all, func(p, q place) int { return cmp.Compare(p.Epoch, q.Epoch) })), true
	}
	if s.told != (place{}) && slices.ContainsFunc(all, func(p place) bool { return p.Epoch == s.told.Epoch && p.End >= s.told.End }) {
		b.at = max(b.at, s.acked) // it still has what it had
	}
	b.at = min(b.at, s.next)
	return b
}

// after is the first number of a life that is not older than a place.
func (s standing) after(p place) uint64 {
	for i := len(s.lives) - 1; i > 0; i-- {
		if s.lives[i-1].Epoch < p.Epoch {
			return s.lives[i].First
		}
	}
	return s.oldest
}

// shared finds the newest life that both know of, and how far the receiver is in
// it; -1: there is none.
func (s standing) shared(all []place) (int, place) {
	for i := len(s.lives) - 1; i >= 0; i-- {
		for _, p := range slices.Backward(all) {
			if s.lives[i].Since <= p.Epoch && p.Epoch <= s.lives[i].Epoch {
				return i, p
			}
		}
	}
	return -1, place{}
}

// end is the number after the last that a life gave.
func (s standing) end(i int) uint64 {
	if i == len(s.lives)-1 {
		return s.next
	}
	return s.lives[i+1].First
}
