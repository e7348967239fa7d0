package uplink

import "waverider"

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
