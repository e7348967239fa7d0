package replica

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"waverider"
)

// hello is what a sender says first.
type hello struct {
	Topic       waverider.TopicName   `json:"topic"`
	ContentType string                `json:"contentType"`
	Config      waverider.TopicConfig `json:"config"`
	Epoch       uint32                `json:"epoch"`          // of the current life
	Next        uint64                `json:"next"`           // number of the record to come
	Oldest      uint64                `json:"oldest"`         // of the oldest record that is kept
	Window      int                   `json:"max"`            // bytes it would send before an ack
	Pack        string                `json:"pack,omitempty"` // how it can pack frames
}

// answer is what the receiver says to it.
type answer struct {
	At     place               `json:"at"`               // what it has comes up to here
	Past   []place             `json:"past,omitempty"`   // where the lives before that of At have ended for it
	As     waverider.TopicName `json:"as,omitempty"`     // where it puts the records
	Window int                 `json:"window,omitempty"` // bytes to send at most before an ack
	Pack   string              `json:"pack,omitempty"`   // how frames may be packed
	refusal
}

// refusal says why a stream is not begun, or ends.
type refusal struct {
	Error string         `json:"error,omitempty"`
	Kind  waverider.Kind `json:"kind,omitempty"`
}

// err is the refusal as an error; nil when it is none.
func (r refusal) err() error {
	if r.Error == "" && r.Kind == "" {
		return nil
	}
	return &Refused{waverider.Errorf(r.Kind, "%s", r.Error)}
}

// Refused is why the receiver does not take records, or no more.
type Refused struct{ Err *waverider.Error }

func (r *Refused) Error() string { return "the other side takes no records: " + r.Err.Error() }

func (r *Refused) Unwrap() error { return r.Err }

// refuse makes words for the peer of an error, without what is for operators.
func refuse(err error) refusal {
	var e *waverider.Error
	if errors.As(err, &e) {
		return refusal{Error: e.Message, Kind: e.Kind}
	}
	return refusal{Error: "the records could not be stored; the log of this side says why", Kind: waverider.Internal}
}

const maxLine = 64 << 10

// writeLine writes v as one line of JSON.
func writeLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// readLine reads one line of JSON into v. The peer says nothing more before it is
// answered.
func readLine(r io.Reader, v any) error {
	line := make([]byte, 0, 1024)
	for {
		if len(line) == cap(line) {
			line = append(line, 0)[:len(line)]
		}
		n, err := r.Read(line[len(line):min(cap(line), maxLine)])
		line = line[:len(line)+n]
		switch i := bytes.IndexByte(line[len(line)-n:], '\n'); {
		case i >= 0 && i < n-1:
			return breach("%d bytes after a line that was not answered", n-1-i)
		case i >= 0:
			if err := json.Unmarshal(line, v); err != nil {
				return breach("a line that is no JSON: %v", err)
			}
			return nil
		case len(line) >= maxLine:
			return breach("a line of more than %d bytes", maxLine)
		case err != nil && len(line) > 0:
			return fmt.Errorf("read a line: %w", errors.Join(err, io.ErrUnexpectedEOF))
		case err != nil:
			return err
		}
	}
}

// Breach is what a peer did that no peer of this kind does.
type Breach struct{ What string }

func (b *Breach) Error() string { return "the other side breaks the rules: " + b.What }

func breach(format string, args ...any) error { return &Breach{fmt.Sprintf(format, args...)} }
