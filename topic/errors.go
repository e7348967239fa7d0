package topic

import "waverider"

// Errors that callers branch on.
var (
	ErrClosed = waverider.Errorf(waverider.Unavailable, "the Hub is stopping; go on when it is back")
	// ErrFenced: another run of the same producer has written since.
	ErrFenced = waverider.Errorf(waverider.Conflict, "a newer run of this producer writes to the Topic")
)
