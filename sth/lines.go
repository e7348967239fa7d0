package sth

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"waverider/tty"
)

// Lines is an slog.Handler that writes one line for each record: time, level,
// Hub, message, then what belongs to it.
type Lines struct {
	out   *lineWriter
	level slog.Level
	attrs []slog.Attr
}

type lineWriter struct {
	mu   sync.Mutex
	w    io.Writer
	term tty.Terminal
}

// NewLines writes records of level and above to w, in colours if w is a terminal
// and plain is not set.
func NewLines(w io.Writer, level slog.Level, plain bool) *Lines {
	return &Lines{out: &lineWriter{w: w, term: tty.Of(w, plain)}, level: level}
}

// Enabled is the slog.Handler's.
func (l *Lines) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

// WithAttrs is the slog.Handler's.
func (l *Lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Lines{out: l.out, level: l.level, attrs: append(l.attrs[:len(l.attrs):len(l.attrs)], attrs...)}
}

// WithGroup is the slog.Handler's; groups are not shown.
func (l *Lines) WithGroup(string) slog.Handler { return l }

// levels are sth's words for them and their colours, from the lowest on.
var levels = []struct {
	below       slog.Level
	word, style string
}{
	{slog.LevelDebug, "TRACE", tty.Dim},
	{slog.LevelInfo, "DEBUG", tty.Cyan},
	{slog.LevelWarn, "INFO ", tty.Green},
	{slog.LevelError, "WARN ", tty.Yellow},
}

func word(level slog.Level) (word, style string) {
	for _, l := range levels {
		if level < l.below {
			return l.word, l.style
		}
	}
	return "ERROR", tty.Red
}

// Handle is the slog.Handler's.
func (l *Lines) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	term := l.out.term
	level, style := word(r.Level)
	b.WriteString(term.Paint(tty.Dim, r.Time.UTC().Format("2006-01-02T15:04:05.000Z")) + " " + term.Paint(style, level) + " Hub " + oneLine(r.Message))
	add := func(a slog.Attr) bool {
		b.WriteString(" " + term.Paint(tty.Dim, a.Key+"=") + quoted(a.Value))
		return true
	}
	for _, a := range l.attrs {
		add(a)
	}
	r.Attrs(add)
	b.WriteByte('\n')
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	_, err := io.WriteString(l.out.w, b.String())
	return err
}

// oneLine keeps a message from looking like several entries.
func oneLine(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return strconv.Quote(text)
	}
	return text
}

func quoted(v slog.Value) string {
	text := fmt.Sprint(v.Resolve().Any())
	if t, ok := v.Any().(time.Time); ok {
		text = t.UTC().Format(time.RFC3339Nano)
	}
	if text == "" || strings.ContainsAny(text, " =\"") || oneLine(text) != text {
		return strconv.Quote(text)
	}
	return text
}
