package wire

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"

	"waverider"
)

// StatusInsufficientSpace is Scramjet's number for a Hub that has no room; its
// clients know it by this.
const StatusInsufficientSpace = 419

// statuses is the only place that knows which status a Kind becomes.
var statuses = map[waverider.Kind]int{
	waverider.Invalid:       http.StatusBadRequest,
	waverider.Unauthorized:  http.StatusUnauthorized,
	waverider.Forbidden:     http.StatusForbidden,
	waverider.NotFound:      http.StatusNotFound,
	waverider.NotAllowed:    http.StatusMethodNotAllowed,
	waverider.NotAcceptable: http.StatusNotAcceptable,
	waverider.Conflict:      http.StatusConflict,
	waverider.Gone:          http.StatusGone,
	waverider.TooLarge:      http.StatusRequestEntityTooLarge,
	waverider.Unsupported:   http.StatusUnsupportedMediaType,
	waverider.Overloaded:    StatusInsufficientSpace,
	waverider.Unprocessable: http.StatusUnprocessableEntity,
	waverider.Internal:      http.StatusInternalServerError,
	waverider.Unavailable:   http.StatusServiceUnavailable,
	waverider.Timeout:       http.StatusGatewayTimeout, // 408 makes browsers and proxies send the request again
	waverider.Full:          http.StatusInsufficientStorage,
}

// Status is what kind becomes.
func Status(kind waverider.Kind) int {
	if s, ok := statuses[kind]; ok {
		return s
	}
	return http.StatusInternalServerError
}

func errorBody(err error) (int, map[string]any) {
	var e *waverider.Error
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &big):
		e = waverider.Errorf(waverider.TooLarge, "the body is larger than %d bytes", big.Limit)
	case errors.Is(err, context.Canceled): // or the client left, and nobody reads this
		e = errDraining
	case errors.Is(err, context.DeadlineExceeded):
		e = waverider.Errorf(waverider.Timeout, "nothing happened in the time given")
	default:
		e = waverider.Errorf(waverider.Internal, "internal error: the Hub's log has the cause")
	}
	body := maps.Clone(e.Detail)
	if body == nil {
		body = map[string]any{}
	}
	body["error"], body["kind"] = e.Message, e.Kind
	return Status(e.Kind), body
}

// requestID names one failed request in the answer and in the log.
func requestID() string { return rand.Text()[:13] }

// DecodeError makes an Error of an answer that is none of success: from the
// kind in its body, else from the status.
func DecodeError(status int, body []byte) *waverider.Error {
	var fields map[string]any
	_ = json.Unmarshal(body, &fields) // a proxy's page, or nothing at all
	e := &waverider.Error{Kind: kindOfStatus(status)}
	if kind, ok := fields["kind"].(string); ok && statuses[waverider.Kind(kind)] != 0 {
		e.Kind = waverider.Kind(kind)
	}
	e.Message, _ = fields["error"].(string)
	if e.Message == "" {
		e.Message = plainMessage(status, body)
	}
	delete(fields, "kind")
	delete(fields, "error")
	if len(fields) > 0 {
		e.Detail = fields
	}
	return e
}

func plainMessage(status int, body []byte) string {
	text := http.StatusText(status)
	if text == "" {
		text = "unexpected answer"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if line != "" && len(line) < 200 && !strings.HasPrefix(line, "<") {
		return line
	}
	return strings.ToLower(text)
}

func kindOfStatus(status int) waverider.Kind {
	for kind, s := range statuses { // statuses has no number twice
		if s == status {
			return kind
		}
	}
	switch {
	case status == http.StatusRequestTimeout:
		return waverider.Timeout
	case status == http.StatusBadGateway, status == http.StatusTooManyRequests:
		return waverider.Unavailable
	case status >= 400 && status < 500:
		return waverider.Invalid
	}
	return waverider.Internal
}
