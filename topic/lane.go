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
	if l.kind == bus.Sync && len(work) >= commitAtomic {
		l.publishAll(work)
		return
	}
	for len(work) > 0 {
		var round []*sealed
		if round, work = firstOfEach(work); len(round) == 1 {
			l.publishOne(round[0])
		} else {
			l.publishEach(round)
		}
	}
}

// firstOfEach takes the first batch of each Topic: what comes after it must not
// be stored before it is known to be.
func firstOfEach(work []*sealed) (first, rest []*sealed) {
	seen := make(map[*Topic]bool, len(work))
	for _, w := range work {
		if seen[w.topic] {
			rest = append(rest, w)
		} else {
			seen[w.topic] = true
			first = append(first, w)
		}
	}
	return first, rest
}

func (l *lane) publishOne(w *sealed) {
	ctx, cancel := context.WithTimeout(l.store.life, publishTimeout)
	defer cancel()
	var err error
	if w.seq, err = l.store.bus.Publish(ctx, l.stream, w.msg); err != nil {
		l.settle([]*sealed{w}, err)
	}
}

func (l *lane) publishEach(work []*sealed) {
	ctx, cancel := context.WithTimeout(l.store.life, publishTimeout)
	defer cancel()
	seqs, errs := l.store.bus.PublishEach(ctx, l.stream, messages(work))
	var failed []*sealed
	var err error
	for i, w := range work {
		if w.seq = seqs[i]; errs[i] != nil {
			failed, err = append(failed, w), errs[i]
		}
	}
	if err != nil {
		l.settle(failed, err)
	}
}

func (l *lane) publishAll(work []*sealed) {
	ctx, cancel := context.WithTimeout(l.store.life, publishTimeout)
	defer cancel()
	last, err := l.store.bus.PublishAll(ctx, l.stream, messages(work))
	for i, w := range work {
		w.seq = last - uint64(len(work)-1-i)
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
