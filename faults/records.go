package main

import (
	"bytes"
	"slices"
	"strconv"
)

// recordSize is that of every record, its newline included, so that an offset
// in a stream tells which record stands there.
const recordSize = 128

var filler = func() []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	f := make([]byte, 1024)
	for i := range f {
		f[i] = letters[(i*i+7*i)%64]
	}
	return f
}()

// appendRecord appends record n: its number, and text that differs from that
// of its neighbours.
func appendRecord(p []byte, n int64) []byte {
	const digits = 15
	number := strconv.AppendInt(nil, n, 10)
	for range digits - len(number) {
		p = append(p, '0')
	}
	p = append(append(p, number...), ' ')
	at := n % 512
	p = append(p, filler[at:at+recordSize-digits-2]...)
	return append(p, '\n')
}

// bytesAt is the part of the endless stream of records that begins at offset.
func bytesAt(offset int64, size int) []byte {
	first, skip := offset/recordSize, int(offset%recordSize)
	p := make([]byte, 0, size+2*recordSize)
	for n := first; len(p) < skip+size; n++ {
		p = appendRecord(p, n)
	}
	return p[skip : skip+size]
}

// span is the records from first up to and without end.
type span struct{ first, end int64 }

// checker reads a stream of records and tells what is wrong with it. It is
// not safe for concurrent use.
type checker struct {
	next    int64  // the record that has to come now
	part    []byte // of a record that is not whole yet
	missing []span // passed over and not seen since, in order
	want    []byte
	skip    bool // up to the next newline: the stream began inside a record

	duplicated, reordered, corrupt int64
}

// checkFrom is a checker for a stream that begins at an offset.
func checkFrom(offset int64) *checker {
	c := &checker{next: offset / recordSize}
	if offset%recordSize != 0 {
		c.next, c.skip = c.next+1, true
	}
	return c
}

// Write takes the next bytes of the stream. It never fails.
func (c *checker) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			c.part = append(c.part, p...)
			break
		}
		line := p[:end+1]
		p = p[end+1:]
		if len(c.part) > 0 {
			line = append(c.part, line...)
			c.part = c.part[:0]
		}
		if c.skip {
			c.skip = false
			continue
		}
		c.take(line)
	}
	return n, nil
}

func (c *checker) take(line []byte) {
	c.want = appendRecord(c.want[:0], c.next)
	if bytes.Equal(line, c.want) {
		c.next++
		return
	}
	n, ok := parseRecord(line)
	switch {
	case !ok:
		c.corrupt++
	case n > c.next:
		c.missing = append(c.missing, span{c.next, n})
		c.next = n + 1
	case c.found(n):
		c.reordered++
	default:
		c.duplicated++
	}
}

func parseRecord(line []byte) (int64, bool) {
	if len(line) != recordSize {
		return 0, false
	}
	n, err := strconv.ParseInt(string(line[:15]), 10, 64)
	return n, err == nil && n >= 0 && bytes.Equal(line, appendRecord(nil, n))
}

// found takes n off the missing ones, if it is one.
func (c *checker) found(n int64) bool {
	i, _ := slices.BinarySearchFunc(c.missing, n, func(s span, n int64) int {
		if s.end <= n {
			return -1
		}
		return 1
	})
	if i == len(c.missing) || n < c.missing[i].first {
		return false
	}
	s := c.missing[i]
	parts := slices.DeleteFunc([]span{{s.first, n}, {n + 1, s.end}}, func(s span) bool { return s.first == s.end })
	c.missing = slices.Replace(c.missing, i, i+1, parts...)
	return true
}

// finish says that the stream is over and had to hold total records.
func (c *checker) finish(total int64) {
	if len(c.part) > 0 {
		c.part = nil
		c.corrupt++
	}
	if c.next < total {
		c.missing = append(c.missing, span{c.next, total})
		c.next = total
	}
	if c.next > total { // more than was ever written
		c.corrupt += c.next - total
	}
}

func (c *checker) lost() (n int64) {
	for _, s := range c.missing {
		n += s.end - s.first
	}
	return n
}
