package uplink

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"waverider/auth"
	"waverider/link"
	"waverider/wire"
)

// How often the Space hears how the Hub is.
const (
	loadEvery   = 5 * time.Second
	entityEvery = 2 * time.Second // when they have changed
)

// entitiesMost is what the lists of a link.Entities may have together.
const entitiesMost = link.BodyMost - len(`{"sequences":,"instances":,"topics":}`)

// serve runs one session.
func (u *Uplink) serve(ctx context.Context, s *link.Session) error {
	far := newCaller(s)
	defer far.transport.CloseIdleConnections()
	u.mu.Lock()
	u.session, u.caller, u.problem, u.since = s, far, nil, time.Now()
	ticket := u.memory.Ticket
	u.mu.Unlock()
	u.log.Info("space reached", "space", s.Peer, "name", s.Welcome.Space, "address", s.Remote)
	u.audit("connect", "", "", "space "+s.Peer+" at "+s.Remote)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	gate := &auth.Gate{Signer: s.Key, Audience: link.Audience(u.cfg.Key.ID(), s.ID), Via: "space"}
	server := &wire.Server{Log: u.log, Grace: time.Second, Limit: 4096, Handler: u.core.API(gate)}
	tasks.Go(func() { _ = server.Run(s.Context(), s.HTTP()) })
	tasks.Go(func() {
		if err := s.Send(link.MessageConfirm, link.Confirm{Ticket: ticket}); err == nil {
			u.report(s.Context(), s)
		}
	})
	tasks.Go(func() { u.sendTopics(s.Context(), s) })
	tasks.Go(func() { u.askSpace(s.Context(), s) })
	return s.Run(ctx, link.Handlers{Topic: u.takeTopic, Message: func(m link.Message) error { return u.hear(s.Context(), m) }})
}

// hear takes a message of the Space.
func (u *Uplink) hear(ctx context.Context, m link.Message) error {
	switch m.Type {
	case link.MessageSettings:
		var s link.Settings
		if err := m.Decode(&s); err != nil {
			return err
		}
		u.settle(s)
	case link.MessageAnswer:
		var a link.Answer
		if err := m.Decode(&a); err != nil {
			return err
		}
		u.answered(a)
	case link.MessageFacts:
		var f link.Facts
		if err := m.Decode(&f); err != nil {
			return err
		}
		u.takeFacts(ctx, f)
	case link.MessageNotice, link.MessageEnd:
		var n link.Notice
		if err := m.Decode(&n); err != nil {
			return err
		}
		u.mu.Lock()
		u.notice = n.Message
		u.mu.Unlock()
		u.log.Error("the Space says", "what", n.Kind, "message", n.Message)
		u.auditNotice(n)
		if m.Type == link.MessageEnd {
			return errors.New(n.Message)
		}
	}
	return nil // of a later version
}

// report tells the Space how the Hub is until the session ends.
func (u *Uplink) report(ctx context.Context, s *link.Session) {
	load, entity := time.NewTicker(loadEvery), time.NewTicker(entityEvery)
	defer load.Stop()
	defer entity.Stop()
	var told [sha256.Size]byte
	var reads []string
	u.reportReads(s, &reads)
	u.reportLoad(s)
	u.reportLag(s)
	u.reportEntities(s, &told)
	for {
		var changes <-chan struct{}
		if u.cfg.Topics != nil {
			changes = u.cfg.Topics.Changes()
		}
		select {
		case <-load.C:
			u.reportLoad(s)
			u.reportLag(s)
			u.reportReads(s, &reads)
		case <-entity.C:
			u.reportEntities(s, &told)
		case <-u.reads:
			u.reportReads(s, &reads)
		case <-changes:
			u.reportReads(s, &reads)
		case <-ctx.Done():
			return
		}
	}
}

func (u *Uplink) reportLoad(s *link.Session) {
	if l, err := u.core.Load(); err == nil {
		_ = s.Send(link.MessageLoad, l) // the end of the session tells more
	}
}

func (u *Uplink) reportLag(s *link.Session) {
	if u.share != nil {
		up, _ := u.totals()
		_ = s.Send(link.MessageLag, link.Lag{Records: up.Lag, Missed: up.Missed})
	}
}

// reportEntities tells what there is when it is not what was told last.
func (u *Uplink) reportEntities(s *link.Session, told *[sha256.Size]byte) {
	var e link.Entities
	sequences, instances, topics, err := u.core.Entities()
	if err == nil {
		e.Sequences, err = json.Marshal(sequences)
	}
	if err == nil {
		e.Instances, err = json.Marshal(instances)
	}
	if err == nil {
		e.Topics, err = json.Marshal(topics)
	}
	if err != nil {
		u.log.Debug("entities not told to the Space", "err", err)
		return
	}
	left, err := fitLists([]*json.RawMessage{&e.Sequences, &e.Instances, &e.Topics}, entitiesMost)
	if err != nil {
		u.log.Debug("entities not told to the Space", "err", err)
		return
	}
	u.leavesOut(&u.entitiesCut, left, "this Hub has more sequences, instances and topics than the Space can be told of; it does not know some")
	text, err := json.Marshal(e)
	if sum := sha256.Sum256(text); err == nil && sum != *told {
		if err := s.Send(link.MessageEntities, e); err != nil {
			u.log.Debug("entities not told to the Space", "err", fmt.Errorf("%d bytes: %w", len(text), err))
			return
		}
		*told = sum
	}
}
