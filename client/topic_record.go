package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"waverider"
)

// Record is a record of a Topic as an envelope holds it.
type Record struct {
	Cursor string // the place after it
	From   string // of a group: the place before it
	Time   time.Time
	Data   []byte // as it was sent; with its end of line where records are lines
	Missed uint64 // above 0, nothing else is set: so many records are missing here
	Line   []byte // the envelope
}

// RecordReader reads Records that were asked for with Envelope.
type RecordReader struct {
	in          *bufio.Reader
	contentType string // of the Topic
	line, buf   []byte // used again
}

// NewRecordReader makes the reader of r.
func NewRecordReader(r *Records) *RecordReader {
	return &RecordReader{in: bufio.NewReaderSize(r, 256<<10), contentType: r.ContentType}
}

// Waiting tells whether Next has to wait for the Hub.
func (r *RecordReader) Waiting() bool {
	there, _ := r.in.Peek(r.in.Buffered()) // what is buffered is there
	return bytes.IndexByte(there, '\n') < 0
}

// CutError is the end of a connection before that of its stream.
type CutError struct{ Err error }

func (e *CutError) Error() string { return "the stream was cut before its end: " + e.Err.Error() }
func (e *CutError) Unwrap() error { return e.Err }

// Next is the next record; its bytes are good until the next call. It fails with
// io.EOF at the end of the stream and with a CutError where that was cut; part
// of a record is dropped.
func (r *RecordReader) Next() (Record, error) {
	r.line = r.line[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.line = append(r.line, part...)
		switch {
		case err == nil:
			return r.open(r.line)
		case errors.Is(err, bufio.ErrBufferFull):
		case err == io.EOF && len(r.line) == 0:
			return Record{}, err
		default:
			return Record{}, &CutError{err}
		}
	}
}

// envelope is a line of an answer with Envelope.
type envelope struct {
	Cursor   string          `json:"cursor"`
	From     string          `json:"from"`
	Time     time.Time       `json:"time"`
	Encoding string          `json:"encoding"` // where data is no JSON value of the record's own type
	Data     json.RawMessage `json:"data"`
	Missed   uint64          `json:"missed"`
}

func (r *RecordReader) open(line []byte) (record Record, err error) {
	e, ok := quick(line)
	if !ok {
		err = json.Unmarshal(line, &e)
	}
	record = Record{Cursor: e.Cursor, From: e.From, Time: e.Time, Missed: e.Missed, Line: line}
	if err == nil && e.Missed == 0 {
		record.Data, err = r.data(e)
	}
	if err != nil {
		return Record{}, fmt.Errorf("the Hub sent a record that cannot be read: %w", err)
	}
	return record, nil
}

// quick reads a line as Hubs write it: a JSON decoder takes ten times as long,
// and drops white space around data.
func quick(line []byte) (e envelope, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"cursor":"`))
	if !ok {
		return e, false
	}
	cursor, rest, _ := bytes.Cut(rest, []byte{'"'})
	from, rest := member(rest, `,"from":"`)
	at, rest := member(rest, `,"time":"`)
	encoding, rest := member(rest, `,"encoding":"`)
	data, ok := bytes.CutPrefix(rest, []byte(`,"data":`))
	if !ok || !bytes.HasSuffix(data, []byte("}\n")) {
		return e, false
	}
	e = envelope{Cursor: string(cursor), From: string(from), Encoding: string(encoding), Data: data[:len(data)-len("}\n")]}
	return e, e.Time.UnmarshalText(at) == nil
}

// member takes a text that has nothing escaped from the front of an object, if
// it is there.
func member(object []byte, name string) (value, rest []byte) {
	rest, ok := bytes.CutPrefix(object, []byte(name))
	if !ok {
		return nil, object
	}
	value, rest, _ = bytes.Cut(rest, []byte{'"'})
	return value, rest
}

// data is the bytes of a record.
func (r *RecordReader) data(e envelope) (data []byte, err error) {
	lines := r.contentType == waverider.TypeNDJSON || r.contentType == waverider.TypeTextNDJSON
	switch {
	case e.Encoding == "base64":
		err = json.Unmarshal(e.Data, &data)
		return data, err
	case lines && e.Encoding == "":
		r.buf = append(append(r.buf[:0], e.Data...), '\n')
		return r.buf, nil
	}
	var text string
	err = json.Unmarshal(e.Data, &text)
	if lines {
		text += "\n"
	}
	return []byte(text), err
}
