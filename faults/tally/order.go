package tally

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Findings is what is wrong with a stream of records.
type Findings struct {
	Records                              int64 // that are right
	Lost, Duplicated, Reordered, Corrupt int64
	Repeated                             int64 // there again because their producer sent them again: no fault
	Examples                             []string
}

// Good reports whether nothing is wrong.
func (f Findings) Good() bool { return f.Lost+f.Duplicated+f.Reordered+f.Corrupt == 0 }

func (f Findings) String() string {
	text := fmt.Sprintf("of %d records %d lost, %d duplicated, %d reordered, %d corrupt", f.Records, f.Lost, f.Duplicated, f.Reordered, f.Corrupt)
	if len(f.Examples) > 0 {
		text += ": " + strings.Join(f.Examples, ", ")
	}
	return text
}

const maxExamples = 5

func (f *Findings) example(format string, args ...any) {
	if len(f.Examples) < maxExamples {
		f.Examples = append(f.Examples, fmt.Sprintf(format, args...))
	}
}

// Read reads lines to the end of r, and counts those that are no records or
// are cut.
func Read(r io.Reader, take func(Record)) (corrupt int64, err error) {
	in := bufio.NewReaderSize(r, 256<<10)
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch err {
		case nil:
			if rec, ok := Parse(line); ok {
				take(rec)
			} else {
				corrupt++
			}
			line = line[:0]
		case bufio.ErrBufferFull:
		case io.EOF:
			if len(bytes.TrimSpace(line)) > 0 {
				corrupt++
			}
			return corrupt, nil
		default:
			return corrupt, err // what is cut by it is no fault of the stream
		}
	}
}

// Compare holds what came against what had to come, in order.
func Compare(want, got []ID) (f Findings) {
	index := make(map[ID]int, len(want))
	for i, id := range want {
		index[id] = i
	}
	seen := make([]bool, len(want))
	next := 0
	for _, id := range got {
		i, known := index[id]
		switch {
		case !known:
			f.Corrupt++
			f.example("%v was never written", id)
		case seen[i]:
			f.Duplicated++
			f.example("%v twice", id)
		case i < next:
			f.Reordered++
			f.example("%v late", id)
			fallthrough
		default:
			seen[i] = true
			f.Records++
			next = max(next, i+1)
		}
	}
	f.missing(want, seen)
	return f
}

// missing counts what was not seen, and tells of the first runs of them.
func (f *Findings) missing(want []ID, seen []bool) {
	const runs = 3
	told := 0
	for i := 0; i < len(seen); i++ {
		first := i
		for i < len(seen) && !seen[i] {
			i++
		}
		if i == first {
			continue
		}
		f.Lost += int64(i - first)
		if told++; told <= runs {
			f.Examples = append(f.Examples, fmt.Sprintf("%d missing from %v, the record %d, on", i-first, want[first], first))
		}
	}
}

// Within finds out whether got is an unbroken piece of all: what one
// connection may see of a Topic. Records of it that all does not have are lost.
func Within(all map[ID]int, got []ID) (f Findings) {
	at := -1
	for _, id := range got {
		i, known := all[id]
		switch {
		case !known:
			f.Lost++
			f.example("%v was seen by a reader and is gone", id)
			continue
		case at < 0 || i == at+1:
			f.Records++
		case i > at:
			f.Lost += int64(i - at - 1)
			f.example("%d records passed over before %v", i-at-1, id)
		default:
			f.Duplicated++
			f.example("%v again", id)
		}
		at = i
	}
	return f
}
