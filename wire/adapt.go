package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"

	"waverider"
	"waverider/auth"
)

type gateKey struct{}
type identityKey struct{}

// IdentityOf is who sent r. It is the zero Identity on a public route that was
// called without a token.
func IdentityOf(r *http.Request) auth.Identity {
	id, _ := r.Context().Value(identityKey{}).(auth.Identity)
	return id
}

// adapt puts the rule before h, and leaves its error to Serve.
func adapt(rule auth.Rule, h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, err := authorize(r, rule)
		if err == nil {
			err = h(w, r)
		}
		w.(*response).err = err
	})
}

func authorize(r *http.Request, rule auth.Rule) (*http.Request, error) {
	gate, _ := r.Context().Value(gateKey{}).(*auth.Gate)
	if gate == nil {
		return r, errors.New("a route was served without a gate")
	}
	id, err := gate.Identify(r.Header.Get("Authorization"))
	if err != nil && rule != auth.Public {
		return r, err
	}
	if err := id.Allow(rule); err != nil {
		return r, err
	}
	return r.WithContext(context.WithValue(r.Context(), identityKey{}, id)), nil
}

// finish turns what a handler returned into the end of the answer.
func (m *Mux) finish(w *response, r *http.Request, body *tracked, err error) {
	switch {
	case err == nil, errors.Is(err, errHead):
		body.settle(w, r)
	case !w.wrote:
		if body.long(r) {
			w.Header().Set("Connection", "close")
		}
		m.answerError(w, r, err)
		body.settle(w, r)
	default:
		if !gone(r, err) {
			m.log.Warn("answer cut short", "method", r.Method, "path", r.URL.Path, "err", err)
		}
		abort(r)
	}
}

// gone reports that the client left or the server is stopping, which is no
// news.
func gone(r *http.Request, err error) bool {
	return r.Context().Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, errDraining)
}

// abort cuts the connection: with the status out already, it is the only way
// to tell the client that this is not the whole answer.
func abort(r *http.Request) {
	stopReading(r)
	panic(http.ErrAbortHandler)
}

// recoverPanic makes an answer of a panic v.
func (m *Mux) recoverPanic(w *response, r *http.Request, body *tracked, v any) {
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	err := fmt.Errorf("panic: %v", v)
	m.log.Error("handler panicked", "method", r.Method, "path", r.URL.Path, "err", err, "stack", string(debug.Stack()))
	if w.wrote {
		abort(r)
	}
	m.answerError(w, r, err)
	body.settle(w, r)
}

// answerError sends err as JSON. Causes are for the log only.
func (m *Mux) answerError(w http.ResponseWriter, r *http.Request, err error) {
	status, body := errorBody(err)
	switch {
	case gone(r, err):
	case status == http.StatusInternalServerError:
		id := requestID()
		body["request"] = id
		m.log.Error("request failed", "request", id, "method", r.Method, "path", r.URL.Path, "err", err)
	case status == http.StatusInsufficientStorage:
		m.log.Warn("no room", "method", r.Method, "path", r.URL.Path, "err", err)
	default: // a wait that was in vain is no fault
		m.log.Debug("request refused", "method", r.Method, "path", r.URL.Path, "status", status, "err", err)
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="waverider"`)
	}
	if err := WriteJSON(w, status, body); err != nil {
		m.log.LogAttrs(r.Context(), slog.LevelDebug, "error not sent", slog.Any("err", err))
	}
}

// unknownPath is what is said to who asks for what is not there.
func (m *Mux) unknownPath(r *http.Request) error {
	if m.Unknown != nil {
		if err := m.Unknown(r); err != nil {
			return err
		}
	}
	return waverider.Errorf(waverider.NotFound, "%s %s: there is no such route", r.Method, r.URL.Path)
}

// response remembers how far an answer has come.
type response struct {
	http.ResponseWriter
	moved *Traffic
	below Corked // of a connection with TLS; else nil
	wrote bool   // the status is out
	err   error  // what the handler returned
}

func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	if status >= 200 {
		w.wrote = true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	w.wrote = true
	if w.below != nil && len(p) >= longWrite {
		w.below.Hold()
		defer w.below.Release() // an error comes again with the next write
	}
	n, err := w.ResponseWriter.Write(p)
	w.moved.out.Add(int64(n))
	return n, err
}

// longWrite is one of more than a record of TLS.
const longWrite = 16<<10 + 1

// Hijack takes the connection over, as for a websocket.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.wrote = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// ReadFrom keeps the standard writer's short ways from files to the socket.
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	w.wrote = true
	n, err := io.Copy(w.ResponseWriter, src)
	w.moved.out.Add(n)
	return n, err
}
