package hub

import (
	"context"
	"errors"
	"io"
	"net/http"

	"waverider"
	"waverider/topic"
	"waverider/topic/batch"
	"waverider/wire"
)

// cursorHeader is a place in a Topic: where an answer begins, or what a body
// was stored up to.
const cursorHeader = "Waverider-Cursor"

// getTopic streams records.
func (h *Hub) getTopic(w http.ResponseWriter, r *http.Request) error {
	want := r.Header.Get("Content-Type")
	if want == "" {
		want = waverider.TypeNDJSON
	}
	kind, err := waverider.ParseContentType(want)
	if err != nil {
		return err
	}
	t, err := h.topicOf(r, kind)
	if err != nil {
		return err
	}
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	reader, err := t.Plain(ctx)
	if err != nil {
		return err
	}
	defer reader.Close()
	w.Header().Set(cursorHeader, reader.At().String())
	out, err := wire.StreamOut(w, r, t.Config().ContentType)
	if err != nil {
		return err
	}
	return sendRecords(ctx, reader, out)
}

// sendRecords hands on what the reader has until the client leaves.
func sendRecords(ctx context.Context, r *topic.Reader, out *wire.Stream) error {
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		_, err = out.Write(m.Data())
		m.Release()
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return err
		}
		m.Ack()
	}
}

// postTopic stores a body's records; the answer says that they are durable.
func (h *Hub) postTopic(w http.ResponseWriter, r *http.Request) error {
	kind, err := waverider.ParseContentType(r.Header.Get("Content-Type"))
	if err != nil {
		return &waverider.Error{Kind: waverider.Invalid, Message: "Unsupported content-type", Err: err}
	}
	t, err := h.topicOf(r, kind)
	if err != nil {
		return err
	}
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	wire.Continue(w, r)
	out, err := t.Writer(ctx, topic.Anonymous)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := storeBody(ctx, out, splitterOf(kind), r.Body); err != nil {
		return err
	}
	at, err := out.Flush(ctx)
	if err != nil {
		return err
	}
	w.Header().Set(cursorHeader, at.String())
	return wire.WriteJSON(w, http.StatusOK, struct{}{})
}

func splitterOf(contentType string) *batch.Splitter {
	if contentType == waverider.TypeNDJSON || contentType == waverider.TypeTextNDJSON {
		return batch.NewSplitter(batch.Lines)
	}
	return batch.NewSplitter(batch.Bytes)
}

// A body is read in pieces that grow with its speed.
const (
	firstPiece = 4 << 10
	maxPiece   = 256 << 10
)

// storeBody adds the records of a body as they come.
func storeBody(ctx context.Context, out *topic.Writer, split *batch.Splitter, body io.Reader) error {
	add := func(records []byte, lengths []uint32) error {
		return out.Append(ctx, records, lengths, topic.State{})
	}
	buf := make([]byte, firstPiece)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if err := split.Split(buf[:n], add); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return split.Close(add)
		} else if err != nil {
			return cutBody(err)
		}
		if n == len(buf) && n < maxPiece {
			buf = make([]byte, min(4*n, maxPiece))
		}
	}
}
