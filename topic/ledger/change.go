package ledger

import (
	"errors"
	"fmt"
	"syscall"

	bolt "go.etcd.io/bbolt"

	"waverider"
)

// change is what one caller wants to have written. apply may run more than once.
type change struct {
	apply func(*bolt.Tx) error
	done  bool
	err   error
}

// update writes a change and answers when it is on disk. All that wait for their
// turn are written together by the first of them and share its fsync.
func (l *Ledger) update(apply func(*bolt.Tx) error) error {
	c := &change{apply: apply}
	l.mu.Lock()
	l.waiting = append(l.waiting, c)
	l.mu.Unlock()

	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if !c.done {
		l.mu.Lock()
		together := l.waiting
		l.waiting = nil
		l.mu.Unlock()
		l.write(together)
	}
	if c.err != nil {
		return fmt.Errorf("write ledger: %w", full(c.err))
	}
	return nil
}

// write does all changes at once, or one by one when that fails: what has no
// room must not fail its neighbours.
func (l *Ledger) write(together []*change) {
	err := l.commit(together)
	for i, c := range together {
		if c.err = err; err != nil && len(together) > 1 {
			c.err = l.commit(together[i : i+1])
		}
		c.done = true
	}
}

func (l *Ledger) commit(together []*change) error {
	return guard(func() error {
		return l.db.Update(func(tx *bolt.Tx) error {
			for _, c := range together {
				if err := c.apply(tx); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// full gives a full disk the words a user can act on.
func full(err error) error {
	if waverider.KindOf(err) != waverider.Full && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) {
		return &waverider.Error{Kind: waverider.Full,
			Message: "the disk of the data dir is full; free some space and try again", Err: err}
	}
	return err
}
