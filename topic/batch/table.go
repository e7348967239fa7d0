package batch

import "encoding/binary"

// table holds the parts of an encoded table. A part that is left out is nil.
type table struct {
	lengths []byte // a uvarint for each record
	times   []byte // runs
	keys    []byte // runs
	hashes  []byte // 4 bytes for each record with a key
}

// run says of how many neighbours a value is.
type run struct {
	count uint32
	value uint64
}

// addRun adds count records to runs, to its last run if the value is the same.
func addRun(runs []run, count int, value uint64) []run {
	if n := len(runs); n > 0 && runs[n-1].value == value {
		runs[n-1].count += uint32(count)
		return runs
	}
	return append(runs, run{uint32(count), value})
}

func appendRuns(p []byte, runs []run) []byte {
	for _, r := range runs {
		p = binary.AppendUvarint(p, uint64(r.count))
		p = binary.AppendUvarint(p, r.value)
	}
	return p
}

// runReader reads runs that are known to be whole.
type runReader struct {
	rest []byte
	run  run
}

func (r *runReader) next() bool {
	if len(r.rest) == 0 {
		return false
	}
	count, n := binary.Uvarint(r.rest)
	value, m := binary.Uvarint(r.rest[n:])
	r.rest = r.rest[n+m:]
	r.run = run{uint32(count), value}
	return true
}

// putLengths writes lengths to p, which has a byte to spare behind them, and
// returns how many bytes they take. Nearly all lengths take one byte or two,
// in no order a processor could foresee, so these are told apart without a
// branch.
func putLengths(p []byte, lengths []uint32) int {
	at := 0
	for _, l := range lengths {
		if l >= 1<<14 {
			at += binary.PutUvarint(p[at:], uint64(l))
			continue
		}
		two := (0x7f - l) >> 31
		binary.LittleEndian.PutUint16(p[at:], uint16(l&0x7f|two<<7|l>>7<<8))
		at += 1 + int(two)
	}
	return at
}

// length reads the length at p[at:] and tells where the next one is: at 0 if
// it is cut off or not in its shortest form.
func length(p []byte, at int) (l uint32, next int) {
	if at+1 < len(p) {
		if v := uint32(binary.LittleEndian.Uint16(p[at:])); v&0x8080 != 0x8080 {
			two := v >> 7 & 1
			l = v&0x7f | v>>8<<7*two
			if l >= two<<7 {
				return l, at + 1 + int(two)
			}
			return 0, 0
		}
	}
	return longLength(p, at)
}

func longLength(p []byte, at int) (l uint32, next int) {
	v, n := uvarint(p[at:])
	if n == 0 || v > MaxRecord {
		return 0, 0
	}
	return uint32(v), at + n
}

// uvarint is binary.Uvarint that takes the shortest form only; n is 0 for
// everything else.
func uvarint(p []byte) (v uint64, n int) {
	v, n = binary.Uvarint(p)
	if n <= 0 || n > 1 && p[n-1] == 0 {
		return 0, 0
	}
	return v, n
}
