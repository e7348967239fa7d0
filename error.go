package waverider

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an Error is. Only package wire knows which
// HTTP status a Kind becomes.
type Kind string

const (
	Invalid       Kind = "invalid"        // the request is malformed
	Unauthorized  Kind = "unauthorized"   // no valid credentials
	Forbidden     Kind = "forbidden"      // known caller, not allowed
	NotFound      Kind = "not_found"      // no such thing
	Conflict      Kind = "conflict"       // the state of the thing forbids it, or the name is ambiguous
	Gone          Kind = "gone"           // it was here and has ended
	TooLarge      Kind = "too_large"      // over a limit
	Unsupported   Kind = "unsupported"    // a media type nobody here takes
	NotAllowed    Kind = "not_allowed"    // the operation is closed for this thing
	NotAcceptable Kind = "not_acceptable" // a needed content type is missing
	Unprocessable Kind = "unprocessable"  // well-formed, but the content is wrong
	Overloaded    Kind = "overloaded"     // this Hub has no room for it now
	Full          Kind = "full"           // the disk is full
	Timeout       Kind = "timeout"        // nothing happened in the time given
	Unavailable   Kind = "unavailable"    // try again later
	Internal      Kind = "internal"       // our fault
)

// Error is what crosses the API edge. Message is safe to show and says what to
// do next; Err is the cause, for the operator's log only. Detail, when set, is
// sent beside the message (candidates of an ambiguous name, a field, an offset).
type Error struct {
	Kind    Kind
	Message string
	Detail  map[string]any
	Err     error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a kind with a message that is safe to show.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// KindOf is the Kind of err, Internal when it carries none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// MessageOf is the part of err that a user may see; of one that is no Error, its
// text.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
