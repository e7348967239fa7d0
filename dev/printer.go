package dev

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"waverider/client"
	"waverider/tty"
)

const (
	lineMost = 64 << 10               // a longer line is broken
	idleTime = 150 * time.Millisecond // a line without an end is shown after it
)

// Names in front of lines, beside those of streams.
const (
	nameDev    = "dev"
	nameBuild  = "build"
	nameOutput = "output"
)

var styles = map[string]string{
	nameDev: tty.Blue, nameBuild: tty.Dim,
	nameOutput: tty.Cyan, client.Stdout: tty.Green, client.Stderr: tty.Yellow, client.Log: tty.Purple,
}

// printer writes lines of several sources, each with the name of its source
// in front. It is safe for concurrent use.
type printer struct {
	terminal tty.Terminal

	mu     sync.Mutex
	out    io.Writer
	closed bool
}

func newPrinter(out io.Writer, terminal tty.Terminal) *printer {
	return &printer{out: out, terminal: terminal}
}

func (p *printer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}

// line writes one. A terminal that is gone takes the lines with it.
func (p *printer) line(source, style, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	at := p.terminal.Paint(tty.Dim, time.Now().Format(time.TimeOnly))
	name := p.terminal.Paint(styles[source], fmt.Sprintf("%6s │", source))
	_, _ = fmt.Fprintf(p.out, "%s %s %s\n", at, name, p.terminal.Paint(style, text))
}

// say is the word of the command itself.
func (p *printer) say(format string, args ...any) {
	p.line(nameDev, tty.Bold, fmt.Sprintf(format, args...))
}

// fault shows an error whole, line for line: a stack is worth reading.
func (p *printer) fault(what string, err error) {
	text := err.Error()
	if what != "" {
		text = what + ": " + text
	}
	for line := range strings.Lines(text) {
		p.line(nameDev, tty.Red, strings.TrimRight(line, "\r\n"))
	}
}

// stream is a writer whose lines are shown under a name.
func (p *printer) stream(name string) *lines {
	return &lines{printer: p, name: name}
}

// lines cuts what is written to it into lines.
type lines struct {
	printer *printer
	name    string

	mu    sync.Mutex
	part  []byte      // of a line without its end
	timer *time.Timer // shows part when nothing follows
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	l.part = append(l.part, b...)
	for {
		end := bytes.IndexByte(l.part, '\n')
		next := end + 1
		if end < 0 && len(l.part) > lineMost {
			end, next = lineMost, lineMost
		}
		if end < 0 {
			break
		}
		l.show(l.part[:end])
		l.part = l.part[next:]
	}
	if len(l.part) > 0 {
		l.timer = time.AfterFunc(idleTime, l.flush)
	}
	return len(b), nil
}

// flush shows a line whose end has not come.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.part) > 0 {
		l.show(l.part)
		l.part = nil
	}
}

// Close shows what is left.
func (l *lines) Close() error {
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	l.flush()
	return nil
}

func (l *lines) show(line []byte) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if l.name == client.Log {
		style, texts := logEntry(line)
		for _, text := range texts {
			l.printer.line(l.name, style, text)
		}
		return
	}
	if text, ok := homeward(readable(line)); ok {
		l.printer.line(l.name, "", text)
	}
}

// readable keeps bytes that are no text from the terminal.
func readable(line []byte) string {
	if !utf8.Valid(line) {
		return fmt.Sprintf("‹%d bytes that are no text›", len(line))
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\x1b' || r == 0x7f {
			return '·'
		}
		return r
	}, string(line))
}

func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	if n < 1000_000 {
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
