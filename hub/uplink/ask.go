package uplink

import (
	"context"
	"encoding/json"
	"time"

	"waverider"
	"waverider/link"
	"waverider/topic"
)

const (
	answerWait = 2 * time.Second // for which who asks is held while the Space is there
	askAgain   = time.Second     // after an answer that is none yet
)

// Ask asks the Space to change the facts of a Topic; nil stays. The request is on
// disk when this returns, and goes on until the Space has answered: what is
// returned is how it stands after a moment.
func (u *Uplink) Ask(ctx context.Context, t *topic.Topic, by string, description, owner *string) (waverider.TopicRequest, error) {
	u.mu.Lock()
	space, linked := u.memory.Space, u.session != nil
	u.mu.Unlock()
	r, err := u.requests.add(space, waverider.TopicRequest{Topic: t.Name(), Description: description, Owner: owner, By: by}, t.Config().Facts())
	if err != nil {
		return r.TopicRequest, err
	}
	u.audit("request", string(r.Topic), by, wishText(r.TopicRequest))
	u.log.Info("the Space is asked to change a topic", "topic", r.Topic, "by", by)
	if linked {
		timer := time.NewTimer(answerWait)
		defer timer.Stop()
		select {
		case <-r.over:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	now, ok := u.requests.find(r.ID)
	if !ok {
		now = r.TopicRequest
		now.State = waverider.RequestApplied
	}
	return now, nil
}

// Asked is what the Space was asked for about a Topic: what waits, and what was
// refused of late.
func (u *Uplink) Asked(name waverider.TopicName) (list []waverider.TopicRequest) {
	if u == nil {
		return nil
	}
	for _, r := range u.requests.list() {
		if r.Topic == name {
			list = append(list, r)
		}
	}
	return list
}

// wishText is a request for the audit.
func wishText(r waverider.TopicRequest) string {
	text, _ := json.Marshal(struct { // texts
		Description *string `json:"description,omitempty"`
		Owner       *string `json:"owner,omitempty"`
		Reason      string  `json:"reason,omitempty"`
	}{r.Description, r.Owner, r.Reason})
	return string(text)
}

// askSpace sends the requests, one after the other, until the session ends.
func (u *Uplink) askSpace(ctx context.Context, s *link.Session) {
	select {
	case <-u.answers: // of a session before
	default:
	}
	for _, r := range u.requests.ofOthers(s.Peer) {
		u.settled(r.ID, waverider.Conflict, "this Hub has joined another Space since")
	}
	later := map[waverider.TopicName]time.Time{}
	tick := time.NewTicker(askAgain / 2)
	defer tick.Stop()
	for ctx.Err() == nil {
		for name, at := range later {
			if time.Since(at) >= 0 {
				delete(later, name)
			}
		}
		r, changed := u.requests.next(later)
		if r != nil {
			if !u.askOne(ctx, s, *r) {
				later[r.Topic] = time.Now().Add(askAgain)
			}
			continue
		}
		var again <-chan time.Time
		if len(later) > 0 {
			again = tick.C
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
		}
	}
}

// askOne sends one request and takes its answer; false when it waits on.
func (u *Uplink) askOne(ctx context.Context, s *link.Session, r request) bool {
	ask := link.Ask{ID: r.ID, Topic: string(r.Topic), Description: r.Description, Owner: r.Owner, Was: r.Was, By: r.By}
	t := u.shared(r.Topic)
	if t != nil {
		ask.ContentType = t.Config().ContentType
	}
	if err := s.Send(link.MessageAsk, ask); err != nil {
		return false
	}
	for {
		select {
		case a := <-u.answers:
			switch {
			case a.ID != r.ID:
				continue
			case a.Kind == "", final(a.Kind), a.Kind == waverider.NotFound && t == nil:
				return u.settled(r.ID, a.Kind, a.Message)
			}
			u.requests.delay(r.ID, a.Message)
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// final tells that another try of the same would not be answered differently.
func final(k waverider.Kind) bool {
	switch k {
	case waverider.Invalid, waverider.Forbidden, waverider.Conflict, waverider.Unsupported:
		return true
	}
	return false
}

// settled ends a request; false when that is not on disk.
func (u *Uplink) settled(id string, kind waverider.Kind, reason string) bool {
	done, err := u.requests.settle(id, kind, reason)
	if err != nil {
		u.log.Error("the answer of the Space is not on disk; it is asked again", "err", err)
		return false
	}
	action := "applied"
	if kind != "" {
		action = "refused"
		u.log.Warn("the Space refuses to change a topic", "topic", done.Topic, "by", done.By, "why", reason)
	}
	u.audit(action, string(done.Topic), bySpace, wishText(done.TopicRequest))
	return true
}

// answered takes an answer of the Space.
func (u *Uplink) answered(a link.Answer) {
	select {
	case u.answers <- a:
	default: // to what nobody has asked
	}
}

// shared finds a Topic that the Space decides about; nil when it is none.
func (u *Uplink) shared(name waverider.TopicName) *topic.Topic {
	if u.share == nil {
		return nil
	}
	t, err := u.share.store.Topic(name)
	if err != nil || t.Config().Scope != waverider.ScopeSpace || t.Life().Err() != nil {
		return nil
	}
	return t
}

// takeFacts makes Topics here what the Space says of them.
func (u *Uplink) takeFacts(ctx context.Context, all link.Facts) {
	for name, f := range all.Topics {
		t := u.shared(waverider.TopicName(name))
		if t == nil || t.Takes(f.ContentType) != nil || t.Config().Facts() == f.TopicFacts {
			continue
		}
		if err := t.Update(ctx, topic.Change{Description: &f.Description, Owner: &f.Owner}); err != nil {
			if t.Config().Facts() != f.TopicFacts {
				u.log.Error("what the Space says of a topic is not written down", "topic", name, "err", err)
				continue
			}
			u.log.Warn("after a change of a topic", "topic", name, "err", err)
		}
		text, _ := json.Marshal(f.TopicFacts) // texts
		u.audit("topic change", name, bySpace, string(text))
	}
}
