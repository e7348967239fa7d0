package batch

// Part is records that come one after the other, in the form in which they can
// be handed on: nothing is made of each of them.
type Part struct {
	To      uint64 // number after the last record
	Data    []byte // the records, one after the other
	Lengths []byte // as in a table: a uvarint for each record; nil where all are the same
}

// Part is the first of the records numbered from to to-1 that have at most so
// many bytes of data together, at least one if there is one. It is valid as long
// as the batch.
func (b *Batch) Part(from, to uint64, most int) Part {
	first, end := b.index(from), b.index(to)
	start := b.place(first)
	at, i := start, first
	if b.table.lengths == nil && first < end {
		each := len(b.data) / int(b.header.Count)
		n := end - first
		if each > 0 {
			n = min(n, uint32(max(1, most/each)))
		}
		i, at = first+n, b.place(first+n)
	}
	for ; i < end; i++ {
		next := b.after(at)
		if i > first && next.data-start.data > most {
			break
		}
		at = next
	}
	p := Part{To: b.header.First + uint64(i), Data: b.data[start.data:at.data:at.data]}
	if b.table.lengths != nil {
		p.Lengths = b.table.lengths[start.length:at.length:at.length]
	}
	return p
}

// AppendLengths adds to dst the length of each of count records of so many
// bytes, as a Part tells them. It fails with ErrCorrupt when they do not add up,
// or one is over MaxRecord.
func AppendLengths(dst []uint32, lengths []byte, count, size int) ([]uint32, error) {
	if len(lengths) == 0 {
		if count == 0 && size != 0 || count != 0 && (size%count != 0 || size/count > MaxRecord) {
			return dst, corrupt("%d bytes in %d equal records", size, count)
		}
		for range count {
			dst = append(dst, uint32(size/count))
		}
		return dst, nil
	}
	at, sum := 0, uint64(0)
	for i := range count {
		n, next := length(lengths, at)
		if next == 0 || n > MaxRecord {
			return dst, corrupt("length %d of %d", i+1, count)
		}
		dst = append(dst, n)
		sum += uint64(n)
		at = next
	}
	if at != len(lengths) || sum != uint64(size) {
		return dst, corrupt("lengths of %d bytes add up to %d, not %d of %d", at, sum, size, len(lengths))
	}
	return dst, nil
}
