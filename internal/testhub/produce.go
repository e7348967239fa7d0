package testhub

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// DeleteTopic removes a Topic with its records, whoever does not have them yet.
func (a API) DeleteTopic(ctx context.Context, name string) error {
	return a.JSON(ctx, http.MethodDelete, "/topics/"+url.PathEscape(name)+"?force=true", nil, nil)
}

// Producer is an open body of lines to a Topic whose answer comes at its end.
type Producer struct {
	In
	path string
}

// Produce opens a body; Finish ends it.
func (a API) Produce(ctx context.Context, name string) (*Producer, error) {
	return a.ProduceAs(ctx, name, NDJSON)
}

// ProduceAs is Produce for a Topic of another content type.
func (a API) ProduceAs(ctx context.Context, name, contentType string) (*Producer, error) {
	path := a.way.Base + "/topic/" + url.PathEscape(name)
	e, err := a.send(ctx, http.MethodPost, path, "Content-Type", contentType, "Transfer-Encoding", "chunked")
	if err != nil {
		return nil, err
	}
	return &Producer{In{exchange: e}, path}, nil
}

// Finish ends the body and waits for the answer, which says that all of it is
// stored. The connection is closed.
func (p *Producer) Finish() error {
	_, err := io.WriteString(p.conn, "0\r\n\r\n")
	if err == nil {
		err = p.answer(http.MethodPost, p.path)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, p.resp.Body)
	}
	return errors.Join(err, p.Close())
}
