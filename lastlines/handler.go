package lastlines

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"
)

// Handler is an slog.Handler that feeds the ring, in the shape of GET /log, and
// passes records on to next. from is the role that speaks: "Hub".
func (l *Ring) Handler(next slog.Handler, from string) slog.Handler {
	return &ringHandler{ring: l, next: next, from: from}
}

type ringHandler struct {
	ring  *Ring
	next  slog.Handler
	from  string
	attrs []slog.Attr
}

func (h *ringHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *ringHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &ringHandler{h.ring, h.next.WithAttrs(attrs), h.from, append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

func (h *ringHandler) WithGroup(name string) slog.Handler {
	return &ringHandler{h.ring, h.next.WithGroup(name), h.from, h.attrs}
}

func (h *ringHandler) Handle(ctx context.Context, r slog.Record) error {
	entry := map[string]any{"level": logLevel(r.Level), "msg": r.Message, "ts": r.Time.UnixMilli(), "from": h.from}
	set := func(a slog.Attr) bool {
		v := a.Value.Resolve().Any()
		if err, ok := v.(error); ok {
			v = err.Error()
		} else if d, ok := v.(time.Duration); ok {
			v = d.String()
		}
		entry[a.Key] = v
		return true
	}
	for _, a := range h.attrs {
		set(a)
	}
	r.Attrs(set)
	if line, err := json.Marshal(entry); err == nil {
		h.ring.Add(append(line, '\n'))
	}
	return h.next.Handle(ctx, r)
}

func logLevel(l slog.Level) string {
	switch {
	case l < slog.LevelDebug:
		return "TRACE"
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < slog.LevelWarn:
		return "INFO"
	case l < slog.LevelError:
		return "WARN"
	}
	return "ERROR"
}
