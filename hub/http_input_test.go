package hub_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"waverider"
)

func TestInputTypeRules(t *testing.T) {
	s := newSite(t)
	id := s.run("echo.js", echo, "")
	in := "/instance/" + id + "/input"
	post := func(status int, kind string) {
		t.Helper()
		headers := []string{"x-end-stream", "false"}
		if kind != "" {
			headers = append(headers, "Content-Type", kind)
		}
		s.want(status, "POST", in, "x", headers...)
	}
	post(http.StatusNotAcceptable, "")
	post(http.StatusUnsupportedMediaType, "image/png")
	post(http.StatusUnsupportedMediaType, "a/b; c")
	if got := s.info(id).Input; got.ContentType != "" || got.Offset != 0 {
		t.Errorf("a refused body left %+v", got)
	}
	post(http.StatusAccepted, "Application/X-NDJSON; charset=utf-8")
	post(http.StatusAccepted, "")
	post(http.StatusAccepted, "application/x-ndjson")
	post(http.StatusUnsupportedMediaType, "text/plain")
	if got := s.info(id).Input; got.ContentType != "application/x-ndjson" || got.Offset != 3 {
		t.Errorf("input is %+v", got)
	}
}

func TestInputTypeGoesOnToTheProgram(t *testing.T) {
	s := newSite(t)
	told := make(chan string, 1)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		m, err := p.Expect("input")
		if err != nil {
			return waverider.ExitKilled
		}
		told <- string(m.Data)
		if _, err := io.Copy(io.Discard, p); err != nil {
			return waverider.ExitKilled
		}
		return p.finish(0)
	}, "")
	s.want(http.StatusOK, "POST", "/instance/"+id+"/input", "", "Content-Type", "text/plain")
	if got := <-told; !strings.Contains(got, `"text/plain"`) {
		t.Errorf("the program was told %s", got)
	}
}

func TestInputEndsOnce(t *testing.T) {
	s := newSite(t)
	id := s.run("echo.js", echo, "")
	in := "/instance/" + id + "/input"
	s.want(http.StatusAccepted, "POST", in, "a", "Content-Type", "text/plain", "x-end-stream", "false")
	s.want(http.StatusAccepted, "POST", in, "b", "x-end-stream", "success")
	s.want(http.StatusOK, "POST", in, "c", "x-end-stream", "true")
	s.want(http.StatusGone, "POST", in, "d")
	if a := s.get("/instance/" + id + "/output"); a.body != "abc" {
		t.Errorf("output %q", a.body)
	}
	s.ended(id)
	s.want(http.StatusGone, "POST", in, "e")
	s.want(http.StatusGone, "POST", "/instance/"+id+"/stdin", "e")
}

func TestInputSentAgainComesOnce(t *testing.T) {
	s := newSite(t)
	id := s.run("echo.js", echo, "")
	in := "/instance/" + id + "/input"
	post := func(status int, offset, body string) answer {
		t.Helper()
		return s.want(status, "POST", in, body, "Content-Type", "text/plain", "x-end-stream", "false", "Waverider-Offset", offset)
	}
	post(http.StatusAccepted, "0", "01234")
	post(http.StatusAccepted, "0", "01234") // the same again
	post(http.StatusAccepted, "3", "34567") // what it has, and more
	post(http.StatusAccepted, "1", "123")   // less than it has
	if a := post(http.StatusConflict, "12", "x"); a.field(t, "offset") != "8" {
		t.Errorf("gap: %s", a.body)
	}
	post(http.StatusBadRequest, "-1", "x")
	post(http.StatusBadRequest, "one", "x")
	s.want(http.StatusOK, "POST", in, "")
	if a := s.get("/instance/" + id + "/output"); a.body != "01234567" {
		t.Errorf("output %q", a.body)
	}
}

func TestInputFromATopicIsClosedToTheAPI(t *testing.T) {
	s := newJoinedSite(t)
	id := s.run("echo.js", echo, `{"inputTopic":"t"}`)
	a := s.want(http.StatusMethodNotAllowed, "POST", "/instance/"+id+"/input", "x", "Content-Type", "text/plain")
	if a.field(t, "error") != "Input provided in other way" {
		t.Errorf("answer %s", a.body)
	}
}

func TestInOut(t *testing.T) {
	s := newSite(t)
	id := s.run("echo.js", echo, "")
	body, feed := io.Pipe()
	go func() { _, _ = io.WriteString(feed, "there ") }()
	r := &reader{t, s.stream("POST", "/instance/"+id+"/inout", body, "Content-Type", "text/plain")}
	r.next("there ")
	if _, err := io.WriteString(feed, "and back"); err != nil {
		t.Fatal(err)
	}
	r.next("and back")
	// The body of inout does not end the input; another does, and so the output.
	s.want(http.StatusOK, "POST", "/instance/"+id+"/input", "")
	r.end()
	_ = feed.Close()
}

// What ends the reading of a body must not meet the next request.
func TestConnectionServesOnAfterInOut(t *testing.T) {
	s := newSite(t)
	waiting := "/instance/" + s.run("idle.js", idle, "") + "/event/e?timeout=1ms"
	for range 100 {
		id := s.run("echo.js", echo, "")
		c := s.dial("POST /api/v1/instance/" + id + "/inout HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n" +
			"x-end-stream: true\r\nContent-Length: 5\r\n\r\nthere")
		in := bufio.NewReader(c)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "there" {
			t.Fatalf("inout gave %q: %v", body, err)
		}
		if _, err := io.WriteString(c, "GET /api/v1"+waiting+" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if resp, err = http.ReadResponse(in, nil); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusGatewayTimeout {
			t.Fatalf("the next request was answered %s", resp.Status)
		}
	}
}

func TestStdinReachesTheProgram(t *testing.T) {
	s := newSite(t)
	got := make(chan string, 1)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		all, _ := io.ReadAll(p.stdinR)
		got <- string(all)
		<-p.killed
		return waverider.ExitKilled
	}, "")
	in := "/instance/" + id + "/stdin"
	s.want(http.StatusUnsupportedMediaType, "POST", in, "x", "Content-Type", "text/plain")
	s.want(http.StatusAccepted, "POST", in, "typed ", "x-end-stream", "false")
	s.want(http.StatusOK, "POST", in, "in", "Content-Type", "application/octet-stream")
	if text := <-got; text != "typed in" {
		t.Errorf("stdin was %q", text)
	}
	if a := s.want(http.StatusGone, "POST", in, "more"); !strings.Contains(a.field(t, "error"), "has ended") {
		t.Errorf("after its end: %s", a.body)
	}
	s.reopen()
	s.want(http.StatusGone, "POST", in, "more")
}

// A client that takes the early answer for the end of its body sends the next
// one on another connection, where it may be the faster.
func TestBodiesComeInTheOrderOfTheirAnswers(t *testing.T) {
	s := newSite(t)
	for _, stream := range []string{"input", "stdin"} {
		t.Run(stream, func(t *testing.T) {
			got := make(chan string, 1)
			id := s.run("a.js", func(p *proc) int {
				p.ready()
				from := map[string]io.Reader{"input": p, "stdin": p.stdinR}[stream]
				all, _ := io.ReadAll(from)
				got <- string(all)
				<-p.killed
				return waverider.ExitKilled
			}, "")
			path := "/instance/" + id + "/" + stream
			kind := map[string]string{"input": "text/plain", "stdin": "application/octet-stream"}[stream]
			first := s.dial("POST /api/v1" + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: " + kind +
				"\r\nx-end-stream: false\r\nContent-Length: 6\r\n\r\n")
			if resp, err := http.ReadResponse(bufio.NewReader(first), nil); err != nil || resp.StatusCode != http.StatusAccepted {
				t.Fatal(resp, err)
			}
			second := s.dial("POST /api/v1" + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: " + kind +
				"\r\nContent-Length: 2\r\n\r\nin")
			if resp, err := http.ReadResponse(bufio.NewReader(second), nil); err != nil || resp.StatusCode != http.StatusOK {
				t.Fatal(resp, err)
			}
			if _, err := io.WriteString(first, "typed "); err != nil {
				t.Fatal(err)
			}
			if text := <-got; text != "typed in" {
				t.Errorf("%s was %q", stream, text)
			}
		})
	}
}

// A body that goes on and on holds nobody up for long.
func TestBodyIsNotHeldUpForEver(t *testing.T) {
	s := newSite(t)
	id := s.run("echo.js", echo, "")
	in := "/instance/" + id + "/input"
	s.dial("POST /api/v1" + in + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nx-end-stream: false\r\nContent-Length: 6\r\n\r\n")
	s.want(http.StatusOK, "POST", in, "b", "Content-Type", "text/plain")
	if a := s.get("/instance/" + id + "/output"); a.body != "b" {
		t.Errorf("output %q", a.body)
	}
}

func (s *site) dial(text string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/api/v1"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	return c
}
