package uplink

import (
	"context"

	"waverider"
	"waverider/topic"
)

// FailToHold makes the first tries fail to let a Topic hold its records for the
// Space. It is called before Run.
func (u *Uplink) FailToHold(times int, err error) {
	hold := u.share.hold
	u.share.hold = func(ctx context.Context, t *topic.Topic) error {
		if times--; times >= 0 {
			return err
		}
		return hold(ctx, t)
	}
}

// Requests is what is kept of requests, for tests.
type Requests = requests

// OpenRequests opens it.
var OpenRequests = openRequests

// WaitingMost and RefusedKept bound it.
const (
	WaitingMost = waitingMost
	RefusedKept = refusedKept
)

// Add keeps a request, and answers its id and what it is based on.
func (q *requests) Add(space string, r waverider.TopicRequest, known waverider.TopicFacts) (string, waverider.TopicFacts, error) {
	made, err := q.add(space, r, known)
	return made.ID, made.Was, err
}

// Settle ends one.
func (q *requests) Settle(id string, kind waverider.Kind, reason string) error {
	_, err := q.settle(id, kind, reason)
	return err
}

// List is those that were refused and those that wait.
func (q *requests) List() []waverider.TopicRequest { return q.list() }

// FitNames and FitLists cut what a message has no room for.
var (
	FitNames = fitNames
	FitLists = fitLists
)

// ReadsRoom makes the room for names of Topics in a message as small as a test
// has Topics. It is called before Run.
func (u *Uplink) ReadsRoom(bytes int) { u.readsRoom = bytes }
