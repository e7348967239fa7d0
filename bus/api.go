package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// request asks the engine something and decodes the answer. A nil body sends none.
func (b *Bus) request(ctx context.Context, within time.Duration, subject string, body, answer any) error {
	e, err := b.running()
	if err != nil {
		return err
	}
	var data []byte
	if body != nil {
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	w, err := e.read.begin(ctx, "", 1, within)
	if err != nil {
		return err
	}
	defer w.end()
	if err := e.read.send(&nats.Msg{Subject: subject, Reply: w.reply(0), Data: data}); err != nil {
		return err
	}
	m, err := w.next(ctx)
	if err != nil {
		return err
	}
	if nobodyThere(m) {
		return fmt.Errorf("%w: nobody serves %s", ErrUnavailable, subject)
	}
	var failed server.ApiResponse
	if err := json.Unmarshal(m.Data, &failed); err != nil {
		return fmt.Errorf("read the answer of %s: %w", subject, err)
	}
	if failed.Error != nil {
		return engineError(failed.Error)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(m.Data, answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", subject, err)
	}
	return nil
}

// nobodyThere tells an answer that the server gives when no one listens on a subject.
func nobodyThere(m *nats.Msg) bool {
	return len(m.Data) == 0 && m.Header.Get("Status") == "503"
}

// unserved returns why nobody listens on a subject of a stream.
func (b *Bus) unserved(ctx context.Context, stream string) error {
	if _, err := b.State(ctx, stream); errors.Is(err, ErrNoStream) {
		return ErrNoStream
	}
	return fmt.Errorf("%w: nobody takes the request", ErrUnavailable)
}

// engineError gives an error of the engine the meaning that callers know.
func engineError(e *server.ApiError) error {
	var kind error
	switch server.ErrorIdentifier(e.ErrCode) {
	case server.JSStreamWrongLastSequenceErrF:
		wrong := &WrongSequence{}
		if _, err := fmt.Sscanf(e.Description, "wrong last sequence: %d", &wrong.Last); err == nil {
			return wrong
		}
		kind = ErrWrongSequence
	case server.JSStreamWrongLastSequenceConstantErr:
		kind = ErrWrongSequence
	case server.JSStreamNotFoundErr:
		kind = ErrNoStream
	case server.JSNoMessageFoundErr:
		kind = ErrNotFound
	case server.JSInsufficientResourcesErr, server.JSStorageResourcesExceededErr, server.JSAccountResourcesExceededErr:
		kind = ErrFull
	case server.JSAtomicPublishIncompleteBatchErr:
		kind = ErrUnavailable
	default:
		if e.Code != 429 && e.Code < 500 {
			return fmt.Errorf("the engine refuses: %w", e)
		}
		kind = fullOr(ErrUnavailable, e.Description)
	}
	return fmt.Errorf("%w: %w", kind, e)
}
