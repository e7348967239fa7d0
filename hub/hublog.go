package hub

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"
)

// LogRing keeps the Hub's newest log entries in the shape of GET /log, and
// wakes who follows them.
type LogRing struct {
	mu    sync.Mutex
	lines [][]byte
	first int // number of lines[0]
	size  int
	more  chan struct{}
}

// NewLogRing keeps size entries; 0 means 2,000.
func NewLogRing(size int) *LogRing {
	if size == 0 {
		size = 2000
	}
	return &LogRing{size: size, more: make(chan struct{})}
}

func (l *LogRing) add(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == l.size {
		l.lines[0] = nil
		l.lines = l.lines[1:]
		l.first++
	}
	l.lines = append(l.lines, line)
	close(l.more)
	l.more = make(chan struct{})
}

// from answers the entries numbered n and later, the number to ask for next,
// and a channel that is closed when there are more.
func (l *LogRing) from(n int) (lines [][]byte, next int, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := min(max(n-l.first, 0), len(l.lines))
	return append([][]byte(nil), l.lines[start:]...), l.first + len(l.lines), l.more
}

// Handler is an slog.Handler that feeds the ring and passes records on to next.
func (l *LogRing) Handler(next slog.Handler) slog.Handler { return &ringHandler{ring: l, next: next} }

type ringHandler struct {
	ring  *LogRing
	next  slog.Handler
	attrs []slog.Attr
}

func (h *ringHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *ringHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &ringHandler{h.ring, h.next.WithAttrs(attrs), append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

func (h *ringHandler) WithGroup(name string) slog.Handler {
	return &ringHandler{h.ring, h.next.WithGroup(name), h.attrs}
}

func (h *ringHandler) Handle(ctx context.Context, r slog.Record) error {
	entry := map[string]any{"level": logLevel(r.Level), "msg": r.Message, "ts": r.Time.UnixMilli(), "from": "Hub"}
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
		h.ring.add(append(line, '\n'))
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
