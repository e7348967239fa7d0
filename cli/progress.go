package cli

import (
	"fmt"
	"io"
	"time"
)

// progress is one line on a terminal's stderr that tells how far an upload is.
type progress struct {
	app   *app
	total int64
	begin time.Time
	drawn time.Time
	on    bool
}

const progressEvery = 100 * time.Millisecond

func newProgress(a *app, total int64) *progress {
	now := time.Now()
	return &progress{app: a, total: total, begin: now, drawn: now, on: isTerminal(a.err)}
}

// told draws at most every progressEvery, so a small package draws nothing.
func (p *progress) told(sent int64) {
	if !p.on || time.Since(p.drawn) < progressEvery {
		return
	}
	p.drawn = time.Now()
	rate := float64(sent) / max(time.Since(p.begin).Seconds(), 0.001)
	line := size(float64(sent))
	if p.total > 0 {
		const width = 24
		done := int(width * min(sent, p.total) / p.total)
		line = fmt.Sprintf("[%-*s] %3d %%  %s of %s", width, repeat('#', done), 100*min(sent, p.total)/p.total, line, size(float64(p.total)))
	}
	fmt.Fprintf(p.app.err, "\rsending %s  %s/s\x1b[K", line, size(rate))
}

// reader tells of what is read from in.
func (p *progress) reader(in io.Reader) io.Reader { return &told{Reader: in, p: p} }

type told struct {
	io.Reader
	p    *progress
	sent int64
}

func (t *told) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	t.sent += int64(n)
	t.p.told(t.sent)
	return n, err
}

// end takes the line away.
func (p *progress) end() {
	if p.on && p.drawn.After(p.begin) {
		fmt.Fprint(p.app.err, "\r\x1b[K")
	}
}

func repeat(c byte, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = c
	}
	return string(b)
}
