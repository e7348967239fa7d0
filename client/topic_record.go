package client

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"waverider"
)

// Record is a record of a Topic as an envelope holds it.
type Record struct {
	Cursor string
	Time   time.Time
	Data   []byte // as it was sent; with its end of line where records are lines
	Missed uint64 // above 0, nothing else is set: so many records are missing here
	Line   []byte // the envelope
}

// RecordReader reads Records that were asked for with Envelope.
type RecordReader struct {
	in          *bufio.Reader
	contentType string // of the Topic
	line        []byte
}

// NewRecordReader makes the reader of r.
func NewRecordReader(r *Records) *RecordReader {
	return &RecordReader{in: bufio.NewReaderSize(r, 256<<10), contentType: r.ContentType}
}

// Waiting tells whether Next may have to wait for the Hub.
func (r *RecordReader) Waiting() bool { return r.in.Buffered() == 0 }

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

func (r *RecordReader) open(line []byte) (Record, error) {
	var e struct {
		Cursor string          `json:"cursor"`
		Time   time.Time       `json:"time"`
		Data   json.RawMessage `json:"data"`
		Missed uint64          `json:"missed"`
	}
	err := json.Unmarshal(line, &e)
	record := Record{Cursor: e.Cursor, Time: e.Time, Missed: e.Missed, Line: line}
	if err == nil && e.Missed == 0 {
		record.Data, err = r.data(e.Data)
	}
	if err != nil {
		return Record{}, fmt.Errorf("the Hub sent a record that cannot be read: %w", err)
	}
	return record, nil
}

func (r *RecordReader) data(raw json.RawMessage) ([]byte, error) {
	switch r.contentType {
	case waverider.TypeText:
		var text string
		err := json.Unmarshal(raw, &text)
		return []byte(text), err
	case waverider.TypeBytes:
		var data []byte
		return data, json.Unmarshal(raw, &data)
	}
	return append(raw, '\n'), nil
}
