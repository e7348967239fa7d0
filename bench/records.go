package main

import (
	"bytes"
	"fmt"
	"io"
)

// Records that Topics are measured with are lines of JSON, 100 bytes each,
// numbered from 0: {"n":"0000000042","note":"…"}.
const (
	numberAt = len(`{"n":"`)
	digits   = 10
)

// numbered makes n records; the first has the number first.
func numbered(first, n int) []byte {
	note := bytes.Repeat([]byte("waves come in from the open sea "), 3)
	data := make([]byte, 0, n*lineSize)
	for i := range n {
		data = fmt.Appendf(data, `{"n":"%010d","note":"`, first+i)
		data = append(data, note[:lineSize-numberAt-digits-len(`","note":"`)-len("\"}\n")]...)
		data = append(data, "\"}\n"...)
	}
	return data
}

// checker holds a stream to records in order, each once.
type checker struct {
	next int    // number that comes next
	part []byte // of a record that was cut by the end of a read
}

// take looks at the next bytes of the stream.
func (c *checker) take(p []byte) error {
	if len(c.part) > 0 {
		n := min(lineSize-len(c.part), len(p))
		c.part = append(c.part, p[:n]...)
		p = p[n:]
		if len(c.part) < lineSize {
			return nil
		}
		if err := c.record(c.part); err != nil {
			return err
		}
		c.part = c.part[:0]
	}
	for ; len(p) >= lineSize; p = p[lineSize:] {
		if err := c.record(p[:lineSize]); err != nil {
			return err
		}
	}
	c.part = append(c.part, p...)
	return nil
}

func (c *checker) record(line []byte) error {
	n := 0
	for _, d := range line[numberAt : numberAt+digits] {
		n = n*10 + int(d-'0')
	}
	if n != c.next || line[lineSize-1] != '\n' {
		return fmt.Errorf("record %d came where %d was due: %.60q", n, c.next, line)
	}
	c.next++
	return nil
}

// readRecords reads until the record before upTo has come.
func (c *checker) readRecords(r io.Reader, upTo int) error {
	buf := make([]byte, pieceSize)
	for c.next < upTo {
		n, err := r.Read(buf)
		if takeErr := c.take(buf[:n]); takeErr != nil {
			return takeErr
		}
		if err != nil && c.next < upTo {
			return fmt.Errorf("after %d of %d records: %w", c.next, upTo, err)
		}
	}
	return nil
}

// writePieces writes data in pieces of a size that a client would use.
func writePieces(w io.Writer, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), pieceSize)
		if _, err := w.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}
