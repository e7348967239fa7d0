package tally

import (
	"io"
	"sync"
	"time"
)

// Book is what producers know of one Topic: what they have sent, and of what
// they were told that it is durable. It is safe for concurrent use.
type Book struct {
	mu        sync.Mutex
	producers map[int]*account
}

// account is the part of one producer.
type account struct {
	numbers []int64     // of each write
	acked   []time.Time // of each number, zero while it is not
}

// Write gives the producer's next record; number is one that it has not sent
// yet, or repeats. Numbers begin at 0 and leave none out.
func (b *Book) Write(producer int, number int64) Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.account(producer)
	r := Record{ID: ID{Producer: producer, Write: int64(len(a.numbers))}, Number: number}
	a.numbers = append(a.numbers, number)
	if number == int64(len(a.acked)) {
		a.acked = append(a.acked, time.Time{})
	}
	return r
}

// WriteNext gives the producer's next record with a new number.
func (b *Book) WriteNext(producer int) Record {
	b.mu.Lock()
	number := int64(len(b.account(producer).acked))
	b.mu.Unlock()
	return b.Write(producer, number)
}

func (b *Book) account(producer int) *account {
	if b.producers == nil {
		b.producers = map[int]*account{}
	}
	a := b.producers[producer]
	if a == nil {
		a = &account{}
		b.producers[producer] = a
	}
	return a
}

// Ack notes that the numbers from first up to and without end are durable, as
// the producer was told now.
func (b *Book) Ack(producer int, first, end int64, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.account(producer)
	for n := first; n < end; n++ {
		if a.acked[n].IsZero() {
			a.acked[n] = now
		}
	}
}

// Writes counts what each producer has sent.
func (b *Book) Writes() map[int]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	writes := map[int]int64{}
	for p, a := range b.producers {
		writes[p] = int64(len(a.numbers))
	}
	return writes
}

// Acked counts the records that are durable.
func (b *Book) Acked() (n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.producers {
		for _, at := range a.acked {
			if !at.IsZero() {
				n++
			}
		}
	}
	return n
}

// Contents is a Topic read whole.
type Contents struct {
	IDs     []ID
	Index   map[ID]int // where in IDs
	Numbers []int64    // of IDs
	Corrupt int64
}

// ReadAll reads a Topic whole.
func ReadAll(r io.Reader) (c Contents, err error) {
	c.Index = map[ID]int{}
	c.Corrupt, err = Read(r, func(rec Record) {
		if _, twice := c.Index[rec.ID]; !twice {
			c.Index[rec.ID] = len(c.IDs)
		}
		c.IDs = append(c.IDs, rec.ID)
		c.Numbers = append(c.Numbers, rec.Number)
	})
	return c, err
}

// Loss is an acked record that is not there.
type Loss struct {
	ID     ID
	Number int64
	Acked  time.Time
}

// CheckTail is Check for a Topic that drops its oldest records: what is missing
// of a producer is older than all that is there of it.
func (b *Book) CheckTail(c Contents) (f Findings, holes []Loss) {
	oldest := map[int]int64{}
	for i, id := range c.IDs {
		if n, known := oldest[id.Producer]; !known || c.Numbers[i] < n {
			oldest[id.Producer] = c.Numbers[i]
		}
	}
	var losses []Loss
	f, losses = b.Check(c)
	f.Lost, f.Examples = 0, nil
	for _, l := range losses {
		if n, known := oldest[l.ID.Producer]; known && l.Number > n {
			f.Lost++
			f.example("producer %d number %d missing between others", l.ID.Producer, l.Number)
			holes = append(holes, l)
		}
	}
	return f, holes
}

// Check holds a Topic against the book: every acked number is there, every
// write is there at most once and after those before it. Writes that were
// never acked may be there or not.
func (b *Book) Check(c Contents) (f Findings, losses []Loss) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f.Corrupt = c.Corrupt
	type progress struct {
		last    int64
		writes  []bool
		numbers []bool
	}
	at := map[int]*progress{}
	for p, a := range b.producers {
		at[p] = &progress{last: -1, writes: make([]bool, len(a.numbers)), numbers: make([]bool, len(a.acked))}
	}
	for i, id := range c.IDs {
		p, n := at[id.Producer], c.Numbers[i]
		if p == nil || id.Write >= int64(len(p.writes)) || b.producers[id.Producer].numbers[id.Write] != n {
			f.Corrupt++
			f.example("%v was never written", id)
			continue
		}
		switch {
		case p.writes[id.Write]:
			f.Duplicated++
			f.example("%v twice", id)
			continue
		case id.Write < p.last:
			f.Reordered++
			f.example("%v late", id)
		}
		if p.numbers[n] {
			f.Repeated++
		}
		f.Records++
		p.writes[id.Write], p.numbers[n] = true, true
		p.last = max(p.last, id.Write)
	}
	for producer, a := range b.producers {
		for n, acked := range a.acked {
			if !acked.IsZero() && !at[producer].numbers[n] {
				f.Lost++
				f.example("producer %d number %d missing", producer, n)
				losses = append(losses, Loss{ID: ID{Producer: producer}, Number: int64(n), Acked: acked})
			}
		}
	}
	return f, losses
}
