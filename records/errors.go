package records

import (
	"context"
	"errors"

	"waverider"
	"waverider/bus"
)

// failed gives an error of a write the meaning that callers know. Unless it
// says otherwise, the write may be stored or not.
func (s *Store) failed(at address, err error) error {
	out := &waverider.Error{Err: err}
	switch {
	case s.life.Err() != nil:
		return ErrClosed
	case errors.Is(err, bus.ErrFull):
		out.Kind, out.Message = waverider.Full, "the disk is full; free some space and try again"
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, bus.ErrUnavailable), errors.Is(err, bus.ErrWrongSequence), errors.Is(err, context.DeadlineExceeded):
		out.Kind, out.Message = waverider.Unavailable, "it is not known whether the change was stored; look, and try again"
	default:
		out.Kind, out.Message = waverider.Internal, "the change could not be stored; the log of the Space says why"
	}
	s.log.Warn("change not stored for sure", "collection", at.collection, "key", at.key, "err", err)
	return out
}
