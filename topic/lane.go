package topic

import (
	"context"
	"sync"

	"waverider/bus"
	"waverider/topic/batch"
)

// A commit takes at most so much at once. An atomic batch of the engine costs
// about as much as ten writes of one message, so fewer go one by one.
const (
	commitMessages = bus.MaxBatch
	commitBytes    = 8 << 20
	commitAtomic   = 10
)

// lane commits what the Topics of one stream have gathered. Its goroutine
// exists only while there is something to do, and everything that waits when
// it looks shares one write to disk.
type lane struct {
	store  *Store
	stream string
	kind   bus.Kind

	mu      sync.Mutex
	waiting []*Topic
	running bool
	idle    signal
}

// add hands a Topic with open batches to the lane. The Topic is busy.
func (l *lane) add(t *Topic) {
	l.mu.Lock()
	l.waiting = append(l.waiting, t)
	start := !l.running
	l.running = true
	l.mu.Unlock()
	if start {
		go l.run()
	}
}

func (l *lane) run() {
	for {
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.running = false
			l.idle.fire()
			l.mu.Unlock()
			return
		}
		take := l.waiting
		l.waiting = nil
		l.mu.Unlock()
		l.commit(take)
	}
}

// drain waits until the lane has nothing to do.
func (l *lane) drain(ctx context.Context) {
	for {
		l.mu.Lock()
		if !l.running {
			l.mu.Unlock()
			return
		}
		idle := l.idle.wait()
		l.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return
		}
	}
}

// sealed is a batch on its way to the disk.
type sealed struct {
	topic *Topic
	from  *producer
	batch *batch.Batch
	count uint64
	last  State
	msg   bus.Msg
	in    segment
	seq   uint64 // once stored
	err   error  // why it will never be
}

// commit stores what the Topics have open now.
func (l *lane) commit(topics []*Topic) {
	l.store.marks.reserve(l.store.life, topics)
	for len(topics) > 0 {
		var work []*sealed
		n, size := 0, 0
		for n < len(topics) && (n == 0 || len(work) < commitMessages && size < commitBytes) {
			more, bytes := topics[n].seal(commitMessages - len(work))
			work = append(work, more...)
			size += bytes
			n++
		}
		l.publish(work)
		for i := 0; i < len(work); {
			j := i
			for j < len(work) && work[j].topic == work[i].topic {
				j++
			}
			work[i].topic.complete(work[i:j])
			i = j
		}
		for _, t := range topics[:n] {
			t.again()
		}
		topics = topics[n:]
	}
}

// publish stores the batches and returns when each is, or has failed for good.
func (l *lane) publish(work []*sealed) {
	if len(work) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(l.store.life, publishTimeout)
	defer cancel()
	var err error
	switch {
	case len(work) == 1:
		work[0].seq, err = l.store.bus.Publish(ctx, l.stream, work[0].msg)
	case l.kind == bus.Sync && len(work) >= commitAtomic:
		var last uint64
		last, err = l.store.bus.PublishAll(ctx, l.stream, messages(work))
		for i, w := range work {
			w.seq = last - uint64(len(work)-1-i)
		}
	default:
		seqs, errs := l.store.bus.PublishEach(ctx, l.stream, messages(work))
		for i, w := range work {
			w.seq = seqs[i]
			if errs[i] != nil && err == nil {
				err = errs[i]
			}
		}
	}
	if err != nil {
		l.settle(work, err)
	}
}

func messages(work []*sealed) []bus.Msg {
	ms := make([]bus.Msg, len(work))
	for i, w := range work {
		ms[i] = w.msg
	}
	return ms
}
