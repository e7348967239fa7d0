package batch

// place is where a record begins: in the data and, when there are, in the
// lengths.
type place struct{ data, length int }

// stride is how many records lie between two places that are remembered.
const stride = 64

// index is the position in the batch of the record of a number, or of the
// first after it.
func (b *Batch) index(number uint64) uint32 {
	if number <= b.header.First {
		return 0
	}
	return uint32(min(number-b.header.First, uint64(b.header.Count)))
}

func (b *Batch) place(i uint32) place {
	switch {
	case i == 0:
		return place{}
	case i == b.header.Count:
		return place{data: len(b.data)}
	case b.table.lengths == nil:
		return place{data: int(i) * (len(b.data) / int(b.header.Count))}
	}
	at := place{}
	if i >= stride {
		at = b.remembered()[i/stride-1]
	}
	for range i % stride {
		at = b.after(at)
	}
	return at
}

// after is the place of the record that follows the one at a place.
func (b *Batch) after(at place) place {
	if b.table.lengths == nil {
		return place{data: at.data + len(b.data)/int(b.header.Count)}
	}
	l, next := length(b.table.lengths, at.length)
	return place{at.data + int(l), next}
}

// remembered are the places of every record whose index is a multiple of
// stride. They are found when first asked for: most batches are read whole.
func (b *Batch) remembered() []place {
	if p := b.places.Load(); p != nil {
		return *p
	}
	n := (b.header.Count - 1) / stride
	places, at := make([]place, n), place{}
	for i := range places {
		for range stride {
			at = b.after(at)
		}
		places[i] = at
	}
	b.places.Store(&places)
	return places
}
