package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// paced makes a send for producers of so many records a second.
func (m *mesh) paced(perSecond int) func(*topicProducer, context.Context) error {
	const beat = 20 * time.Millisecond
	count := max(1, perSecond*int(beat)/int(time.Second))
	every := time.Duration(count) * time.Second / time.Duration(perSecond)
	due := time.Now()
	return func(p *topicProducer, ctx context.Context) error {
		m.hold.RLock()
		err := sendRecords(p, ctx, count)
		m.hold.RUnlock()
		if err != nil {
			due = time.Now() // it does not make up for the time it stood
			return err
		}
		if due = due.Add(every); time.Until(due) < -time.Second {
			due = time.Now()
		}
		select {
		case <-time.After(time.Until(due)):
		case <-p.t.stop:
		case <-ctx.Done():
		}
		return nil
	}
}

// sendRecords posts one body of so many records.
func sendRecords(p *topicProducer, ctx context.Context, count int) error {
	text, end := p.records(p.next, count)
	if _, err := p.t.r.hub.PostTopic(ctx, p.t.name, "", bytes.NewReader(text)); err != nil {
		return err
	}
	p.t.ack(p.number, p.next, end)
	p.next = end
	return nil
}

const (
	inputProducers = 2
	inputFill      = 100 // bytes of text in a record
)

// produce starts the input: so many records a second in all.
func (m *mesh) produce(ctx context.Context, perSecond int) {
	m.perSecond = perSecond
	for range inputProducers {
		m.topic.produce(ctx, inputFill, 0, m.paced(perSecond/inputProducers))
	}
}

// pause stops the input until it is let go on, and waits until all of it is
// everywhere.
func (m *mesh) pause(ctx context.Context) (goOn func(), err error) {
	m.hold.Lock()
	for _, a := range m.ends() {
		for a.count() < m.topic.book.Acked() {
			select {
			case <-time.After(watchEvery):
			case <-ctx.Done():
				m.hold.Unlock()
				return nil, fmt.Errorf("%d of %d records are at the %s: %w", a.count(), m.topic.book.Acked(), a.place, ctx.Err())
			}
		}
	}
	return m.hold.Unlock, nil
}

// input is the rate of the input.
func (m *mesh) input() float64 { return float64(m.perSecond) }

// stored produces until so many more records are acked, as fast as it goes.
func (m *mesh) stored(ctx context.Context, records int64) error {
	const body = 5000
	goal := m.topic.book.Acked() + records
	done, cancel := context.WithCancel(ctx)
	defer cancel()
	m.topic.produce(done, inputFill, 0, func(p *topicProducer, ctx context.Context) error {
		if m.topic.book.Acked() >= goal {
			<-ctx.Done()
			return nil
		}
		return sendRecords(p, ctx, body)
	})
	for m.topic.book.Acked() < goal {
		select {
		case <-time.After(watchEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
