package uplink

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"waverider"
	"waverider/datadir"
)

// Bounds of what is kept of requests.
const (
	waitingMost = 256
	refusedKept = 20
)

// request is one that waits for the Space, or was refused.
type request struct {
	waverider.TopicRequest
	Was  waverider.TopicFacts `json:"was"` // what who asked knew, with what waits before it
	over chan struct{}        // closed when it waits no more; nil: nobody waits for that
}

// requests is what people want from the Space, on disk.
type requests struct {
	path    string
	writing sync.Mutex // one change at a time

	mu      sync.Mutex
	kept    requestFile
	changed chan struct{} // closed when there is another one
}

type requestFile struct {
	Space   string    `json:"space,omitempty"` // whom they are for
	Waiting []request `json:"waiting,omitempty"`
	Refused []request `json:"refused,omitempty"` // the newest, oldest first
}

// openRequests reads what waits. A damaged file is put aside, which its error says.
func openRequests(path string) (*requests, error) {
	q := &requests{path: path, changed: make(chan struct{})}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return q, nil
	} else if err != nil {
		return q, err
	}
	if err := json.Unmarshal(text, &q.kept); err != nil {
		q.kept = requestFile{}
		return q, errors.Join(fmt.Errorf("%s is damaged, and was put aside as %s.damaged: %w", path, path, err), os.Rename(path, path+".damaged"))
	}
	return q, nil
}

// change changes what is kept, on disk first. f replaces slices, it does not write
// into them.
func (q *requests) change(f func(*requestFile) error) error {
	q.writing.Lock()
	defer q.writing.Unlock()
	q.mu.Lock()
	kept := q.kept
	q.mu.Unlock()
	if err := f(&kept); err != nil {
		return err
	}
	text, err := json.MarshalIndent(kept, "", "  ")
	if err == nil {
		err = datadir.WriteFile(q.path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep what the Space is asked for: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.kept = kept
	close(q.changed)
	q.changed = make(chan struct{})
	return nil
}

// add keeps a request for a Space about a Topic whose facts are known so.
func (q *requests) add(space string, r waverider.TopicRequest, known waverider.TopicFacts) (request, error) {
	r.ID, r.At, r.State = rand.Text(), time.Now().UTC(), waverider.RequestWaiting
	made := request{TopicRequest: r, Was: known, over: make(chan struct{})}
	err := q.change(func(k *requestFile) error {
		if len(k.Waiting) >= waitingMost {
			return waverider.Errorf(waverider.Unavailable, "%d changes wait for the Space already: try again when it has answered", waitingMost)
		}
		for _, before := range k.Waiting {
			if before.Topic == r.Topic {
				made.Was = before.Over(made.Was)
			}
		}
		k.Space, k.Waiting = space, append(slices.Clone(k.Waiting), made)
		return nil
	})
	return made, err
}

// settle ends a request: it was applied, or refused when kind says why.
func (q *requests) settle(id string, kind waverider.Kind, reason string) (done request, err error) {
	err = q.change(func(k *requestFile) error {
		at := slices.IndexFunc(k.Waiting, func(r request) bool { return r.ID == id })
		if at < 0 {
			return fmt.Errorf("no request %s waits", id)
		}
		done = k.Waiting[at]
		k.Waiting = slices.Delete(slices.Clone(k.Waiting), at, at+1)
		if done.State = waverider.RequestApplied; kind != "" {
			done.State, done.Kind, done.Reason = waverider.RequestRefused, kind, reason
			k.Refused = append(slices.Clone(k.Refused), done)
			k.Refused = k.Refused[max(0, len(k.Refused)-refusedKept):]
		}
		return nil
	})
	if err == nil && done.over != nil {
		close(done.over)
	}
	return done, err
}

// delay notes why a request still waits. It is not kept.
func (q *requests) delay(id, why string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.kept.Waiting = slices.Clone(q.kept.Waiting)
	for i := range q.kept.Waiting {
		if r := &q.kept.Waiting[i]; r.ID == id {
			r.Reason = why
		}
	}
}

// list is those that were refused, and those that wait, oldest first.
func (q *requests) list() (all []waverider.TopicRequest) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range append(slices.Clone(q.kept.Refused), q.kept.Waiting...) {
		all = append(all, r.TopicRequest)
	}
	return all
}

// find is a request as it is now; it is not there once it was applied.
func (q *requests) find(id string) (waverider.TopicRequest, bool) {
	for _, r := range q.list() {
		if r.ID == id {
			return r, true
		}
	}
	return waverider.TopicRequest{}, false
}

// next is the oldest that waits, but for Topics that are to be asked about later,
// and what is closed when there may be another one.
func (q *requests) next(later map[waverider.TopicName]time.Time) (*request, <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.kept.Waiting {
		if _, ok := later[r.Topic]; !ok {
			return &r, q.changed
		}
	}
	return nil, q.changed
}

// ofOthers is those that wait for another Space than this.
func (q *requests) ofOthers(space string) (list []request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.kept.Space != space {
		list = slices.Clone(q.kept.Waiting)
	}
	return list
}
