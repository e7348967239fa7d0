package topicapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"waverider"
	"waverider/topic"
	"waverider/topic/batch"
)

// envelope writes records as JSON lines that tell where and when each is.
type envelope struct {
	kind  string // of the Topic
	group bool   // say where each record begins: acks need it
	buf   []byte
}

const envelopeTime = "2006-01-02T15:04:05.000Z"

// of is the lines for a message, valid until the next call.
func (e *envelope) of(m *topic.Message) []byte {
	e.buf = e.buf[:0]
	if m.Missed > 0 {
		e.buf = append(e.buf, `{"missed":`...)
		e.buf = strconv.AppendUint(e.buf, m.Missed, 10)
		e.buf = append(e.buf, "}\n"...)
	}
	at := m.Cursor() // all of them belong to one incarnation
	for rec := range m.Records {
		e.buf = append(e.buf, `{"cursor":"`...)
		at.Number = rec.Number + 1
		e.buf = append(e.buf, at.String()...)
		if e.group {
			e.buf = append(e.buf, `","from":"`...)
			at.Number = rec.Number
			e.buf = append(e.buf, at.String()...)
		}
		e.buf = append(e.buf, `","time":"`...)
		e.buf = time.UnixMilli(rec.Time).UTC().AppendFormat(e.buf, envelopeTime)
		e.buf = append(e.buf, `",`...)
		e.record(rec)
		e.buf = append(e.buf, "}\n"...)
	}
	return e.buf
}

// record adds the data of a record. What the type of the Topic promises and
// the record does not keep is sent all the same, in a form that can carry it.
func (e *envelope) record(rec batch.Record) {
	data := rec.Data
	switch lines := e.kind == waverider.TypeNDJSON || e.kind == waverider.TypeTextNDJSON; {
	case lines && json.Valid(data):
		e.buf = append(e.buf, `"data":`...)
		e.buf = append(e.buf, bytes.TrimSuffix(data, []byte{'\n'})...)
	case e.kind == waverider.TypeBytes || !utf8.Valid(data):
		e.buf = append(e.buf, `"encoding":"base64","data":"`...)
		e.buf = base64.StdEncoding.AppendEncode(e.buf, data)
		e.buf = append(e.buf, '"')
	default:
		if lines {
			e.buf = append(e.buf, `"encoding":"text",`...)
			data = bytes.TrimSuffix(data, []byte{'\n'})
		}
		e.buf = append(e.buf, `"data":`...)
		text, _ := json.Marshal(string(data)) // a string always can be
		e.buf = append(e.buf, text...)
	}
}
