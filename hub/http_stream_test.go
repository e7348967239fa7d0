package hub_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/runner/runnertest"
)

// scripted writes what it is told to, piece by piece.
type scripted struct {
	pieces chan string
}

func newScripted() *scripted { return &scripted{pieces: make(chan string)} }

func (s *scripted) run(p *proc) int {
	p.ready()
	p.produces("text/plain")
	for {
		select {
		case piece, more := <-s.pieces:
			if !more {
				return p.finish(0)
			}
			if _, err := p.Write([]byte(piece)); err != nil {
				return waverider.ExitKilled
			}
		case <-p.killed:
			return waverider.ExitKilled
		}
	}
}

// reader is a stream that is read step by step.
type reader struct {
	t    *testing.T
	resp *http.Response
}

func (s *site) reader(path string) *reader {
	s.t.Helper()
	resp := s.stream("GET", path, nil)
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		s.t.Fatalf("GET %s: %d %s", path, resp.StatusCode, body)
	}
	return &reader{s.t, resp}
}

// next wants the stream to go on with text.
func (r *reader) next(text string) {
	r.t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(r.resp.Body, got); err != nil || string(got) != text {
		r.t.Fatalf("read %q, %v; want %q", got[:n], err, text)
	}
}

// end wants the stream to be over.
func (r *reader) end() {
	r.t.Helper()
	if rest, err := io.ReadAll(r.resp.Body); err != nil || len(rest) > 0 {
		r.t.Fatalf("at the end: %q, %v", rest, err)
	}
}

func (r *reader) offset() string { return r.resp.Header.Get("Waverider-Offset") }

func TestOutputOfTheTimeBeforeGoesToTheFirstReader(t *testing.T) {
	s := newSite(t)
	script := newScripted()
	id := s.run("a.js", script.run, "")
	script.pieces <- "before "
	first := s.reader("/instance/" + id + "/output")
	first.next("before ")
	second := s.reader("/instance/" + id + "/output")
	if first.offset() != "0" || second.offset() != "7" {
		t.Errorf("offsets %s and %s, want 0 and 7", first.offset(), second.offset())
	}
	script.pieces <- "both"
	first.next("both")
	second.next("both")
	close(script.pieces)
	first.end()
	second.end()
}

func TestReadersGoOnWhereTheOneBeforeStopped(t *testing.T) {
	s := newSite(t)
	script := newScripted()
	id := s.run("a.js", script.run, "")
	for i, piece := range []string{"one", "two", "three"} {
		script.pieces <- piece
		r := s.reader("/instance/" + id + "/output")
		r.next(piece)
		if want := strconv.Itoa([]int{0, 3, 6}[i]); r.offset() != want {
			t.Errorf("reader %d starts at %s, want %s", i, r.offset(), want)
		}
		_ = r.resp.Body.Close()
		s.quiet() // the Hub has noticed
	}
}

func TestOffsetResumesAReader(t *testing.T) {
	s := newSite(t)
	script := newScripted()
	id := s.run("a.js", script.run, "")
	keep := s.reader("/instance/" + id + "/output") // holds the outlet open, takes all
	script.pieces <- "0123456789"
	keep.next("0123456789")
	if a := s.call("GET", "/instance/"+id+"/output?offset=4", ""); a.status != http.StatusGone || a.field(t, "offset") != "10" {
		t.Errorf("offset of delivered bytes: %d %s", a.status, a.body)
	}
	ahead := s.reader("/instance/" + id + "/output?offset=15")
	if ahead.offset() != "15" {
		t.Errorf("starts at %s", ahead.offset())
	}
	script.pieces <- "abcdefghij"
	keep.next("abcdefghij")
	ahead.next("fghij")
	for _, bad := range []string{"x", "-1", "1.5"} {
		s.want(http.StatusBadRequest, "GET", "/instance/"+id+"/output?offset="+bad, "")
	}
	close(script.pieces)
	keep.end()
	ahead.end()
}

func TestUnreadOutputIsThereAfterTheEnd(t *testing.T) {
	s := newSite(t)
	script := newScripted()
	id := s.run("a.js", script.run, "")
	script.pieces <- "0123456789"
	close(script.pieces)
	s.ended(id)
	check := func() {
		t.Helper()
		for offset, want := range map[string]string{"0": "0123456789", "4": "456789", "9": "9", "10": "", "99": ""} {
			if a := s.get("/instance/" + id + "/output?offset=" + offset); a.body != want {
				t.Errorf("offset %s: %q, want %q", offset, a.body, want)
			}
		}
	}
	check()
	s.reopen()
	check()
	if a := s.get("/instance/" + id + "/output"); a.body != "0123456789" || a.header.Get("Waverider-Offset") != "0" {
		t.Errorf("plain read: %q from %s", a.body, a.header.Get("Waverider-Offset"))
	}
	if a := s.get("/instance/" + id + "/output"); a.body != "" || a.header.Get("Waverider-Offset") != "10" {
		t.Errorf("second plain read: %q from %s", a.body, a.header.Get("Waverider-Offset"))
	}
	check() // a plain reader takes nothing from those that name an offset
}

func TestOutputIsHeldBackUntilItIsRead(t *testing.T) {
	s := newSite(t)
	const size = 1 << 20
	wrote := make(chan struct{})
	id := s.run("big.js", func(p *proc) int {
		p.ready()
		if p.Generate(size) != nil {
			return waverider.ExitKilled
		}
		close(wrote)
		return p.finish(0)
	}, "")
	want := make([]byte, size)
	runnertest.Pattern(want, 0)
	select {
	case <-wrote:
		t.Error("a program wrote 1 MiB that nobody had read")
	case <-time.After(50 * time.Millisecond): // it takes 2 where nothing holds it back
	}
	r := s.reader("/instance/" + id + "/output")
	got, err := io.ReadAll(r.resp.Body)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	<-wrote
}

func TestOutputGoesOnOverAHubThatComesBack(t *testing.T) {
	s := newSite(t)
	script := newScripted()
	id := s.run("a.js", script.run, "")
	script.pieces <- "one"
	r := s.reader("/instance/" + id + "/output")
	r.next("one")
	s.reopen()
	script.pieces <- "two"
	r = s.reader("/instance/" + id + "/output")
	if r.offset() != "3" && r.offset() != "0" {
		t.Errorf("goes on at %s", r.offset())
	}
	if r.offset() == "0" { // the ack of the first piece had not reached the runner
		r.next("one")
	}
	r.next("two")
	close(script.pieces)
	r.end()
}

func TestTextsAreKeptAndShared(t *testing.T) {
	s := newSite(t)
	lines := make(chan string)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		for line := range lines {
			p.print("stdout", line)
		}
		return p.finish(0)
	}, "")
	path := "/instance/" + id + "/stdout"
	lines <- "one"
	first := s.reader(path)
	first.next("one\n")
	if a := s.get(path + "?from=start&follow=false"); a.body != "one\n" {
		t.Errorf("from start: %q", a.body)
	}
	late := s.reader(path) // beside a plain reader it joins live
	lines <- "two"
	first.next("two\n")
	late.next("two\n")
	if a := s.get(path + "?from=4&follow=false"); a.body != "two\n" || a.header.Get("Waverider-Offset") != "4" {
		t.Errorf("from 4: %q at %s", a.body, a.header.Get("Waverider-Offset"))
	}
	if a := s.get(path + "?from=end&follow=false"); a.body != "" || a.header.Get("Waverider-Offset") != "8" {
		t.Errorf("from end: %q at %s", a.body, a.header.Get("Waverider-Offset"))
	}
	s.want(http.StatusBadRequest, "GET", path+"?from=middle", "")
	close(lines)
	first.end()
	late.end()
	s.ended(id)
	if a := s.get(path); a.body != "" { // all was read
		t.Errorf("plain read after the end: %q", a.body)
	}
	s.reopen()
	if a := s.get(path + "?from=start"); a.body != "one\ntwo\n" {
		t.Errorf("after the Hub came back: %q", a.body)
	}
}

func TestOutputStaysInOrderWhileItsReaderComes(t *testing.T) {
	s := newSite(t)
	var want strings.Builder
	for n := range 300 {
		want.WriteString(strconv.Itoa(n) + "\n")
	}
	s.on.on("a.js", func(p *proc) int {
		p.ready()
		for n := range 300 {
			if _, err := p.Write([]byte(strconv.Itoa(n) + "\n")); err != nil {
				return waverider.ExitKilled
			}
		}
		return p.finish(0)
	})
	seq := s.upload("", "", "a.js")
	for range 30 {
		id := s.start(seq, "")
		if got := s.get("/instance/" + id + "/output").body; got != want.String() {
			t.Fatalf("out of order: %.200q", got)
		}
	}
}
