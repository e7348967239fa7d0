package space

import (
	"context"
	"encoding/json"
	"slices"

	"waverider"
	"waverider/link"
	"waverider/topic"
)

// maxAskID bounds the id of a request.
const maxAskID = 64

// ask decides about what somebody on the Hub wants to change of what is the
// Space's, and answers.
func (c *session) ask(ctx context.Context, msg link.Message) error {
	var ask link.Ask
	if err := msg.Decode(&ask); err != nil {
		return err
	}
	name, err := waverider.ParseTopicRef(ask.Topic)
	if err != nil || ask.ID == "" || len(ask.ID) > maxAskID {
		return &link.Breach{What: "it asks for a change that cannot be"}
	}
	answer := c.member.decide(ctx, name, ask)
	if answer.Kind == "" {
		if err := c.tellFacts(ask.Topic); err != nil {
			return err
		}
	}
	return c.Send(link.MessageAnswer, answer)
}

// refusals are the kinds of errors that another try does not change.
var refusals = []waverider.Kind{waverider.Invalid, waverider.Forbidden, waverider.Conflict, waverider.Unsupported}

// decide does what a Hub asks for, or says why not. What was decided is remembered
// until the next: the Hub asks again when the answer was lost, and what came to
// pass since must stand.
func (m *member) decide(ctx context.Context, name waverider.TopicName, ask link.Ask) link.Answer {
	if last := m.Record().Asked; last != nil && last.ID == ask.ID {
		return *last
	}
	answer := link.Answer{ID: ask.ID}
	err := m.applyAsk(ctx, name, ask)
	if err != nil {
		answer.Kind, answer.Message = waverider.KindOf(err), waverider.MessageOf(err)
		if answer.Kind == waverider.Gone {
			answer.Kind = waverider.NotFound
		}
		if answer.Kind == waverider.Internal {
			answer.Message = "the Space could not do it now"
			m.space.log.Error("a change that a hub asked for was not made", "hub", m.id, "topic", name, "err", err)
		}
		if !slices.Contains(refusals, answer.Kind) {
			return answer // it is asked again
		}
	}
	if err := m.change(ctx, func(r *HubRecord) error { r.Asked = &answer; return nil }); err != nil {
		return link.Answer{ID: ask.ID, Kind: waverider.Unavailable, Message: "the Space could not write it down"}
	}
	m.auditAsk(ask, answer)
	return answer
}

func (m *member) applyAsk(ctx context.Context, name waverider.TopicName, ask link.Ask) error {
	t, err := m.space.cfg.Topics.Topic(name)
	if err != nil {
		return err
	}
	if err := t.Takes(ask.ContentType); err != nil {
		return err
	}
	if err := m.may(name); err != nil {
		return err
	}
	rec := m.Record()
	if ask.Owner != nil && *ask.Owner != "" && *ask.Owner != rec.Domain {
		return waverider.Errorf(waverider.Forbidden, "Hub %s belongs to %s, and cannot give Topic %s to %s: do that in the Space", rec.Name, orNone(rec.Domain), name, *ask.Owner)
	}
	return t.Update(ctx, topic.Change{Description: ask.Description, Owner: ask.Owner, Check: func(cfg waverider.TopicConfig) error {
		return stillSo(cfg, ask)
	}})
}

// stillSo refuses a change of what was changed by another since it was looked at.
func stillSo(cfg waverider.TopicConfig, ask link.Ask) error {
	for _, f := range []struct {
		field     string
		wish      *string
		was, here string
	}{{"description", ask.Description, ask.Was.Description, cfg.Description}, {"owner", ask.Owner, ask.Was.Owner, cfg.Owner}} {
		if f.wish != nil && f.here != f.was && f.here != *f.wish {
			return waverider.Errorf(waverider.Conflict, "the %s of Topic %s was changed in the Space meanwhile, to %q: ask again if it should still be another", f.field, cfg.Name, f.here)
		}
	}
	return nil
}

// auditAsk writes down what was decided. Who asked is known from the Hub alone.
func (m *member) auditAsk(ask link.Ask, answer link.Answer) {
	rec := m.Record()
	detail, _ := json.Marshal(struct { // texts
		Description *string `json:"description,omitempty"`
		Owner       *string `json:"owner,omitempty"`
		By          string  `json:"askedBy"`
		Refused     string  `json:"refused,omitempty"`
	}{ask.Description, ask.Owner, shortText(ask.By), answer.Message})
	action := "topic change"
	if answer.Kind != "" {
		action = "topic refuse"
	}
	if len(detail) > maxAskDetail {
		detail = detail[:maxAskDetail]
	}
	if !m.space.audit.tell(&m.asks, auditRecord{Action: action, Hub: m.id, Name: ask.Topic, By: "hub " + rec.Name, Detail: string(detail)}) {
		return
	}
	m.space.log.Info("a hub asked to change a topic", "hub", m.id, "name", rec.Name, "topic", ask.Topic, "kind", answer.Kind, "message", answer.Message)
}

// maxAskDetail is the most that the audit keeps of a request.
const maxAskDetail = 4096
