package space_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"waverider/link"
)

// reading runs a session of a Hub that takes Topics and never acks. What comes
// of them is told: each name, and then all that is sent.
func (s *site) reading(request string) (d *disk, l *link.Session, began, got chan string) {
	s.t.Helper()
	d = newDisk(s.t)
	l, err := s.dial(d, s.joinToken(request).Answer())
	if err != nil {
		s.t.Fatal(err)
	}
	began, got = make(chan string, 100), make(chan string, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.Run(context.Background(), link.Handlers{Topic: func(_ context.Context, st *link.Stream) {
			in := bufio.NewReader(st)
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			var h struct{ Topic string }
			_ = json.Unmarshal([]byte(line), &h)
			_, _ = io.WriteString(st, `{"at":{"epoch":0,"end":0},"as":"`+h.Topic+`","window":1000000}`+"\n")
			began <- h.Topic
			for p := make([]byte, 4096); ; {
				n, err := in.Read(p)
				if err != nil {
					got <- "end"
					return
				}
				got <- string(p[:n])
			}
		}})
	}()
	s.t.Cleanup(func() { l.Close(nil); <-done })
	d.ticket = l.Welcome.Ticket
	if err := l.Send(link.MessageConfirm, link.Confirm{Ticket: d.ticket}); err != nil {
		s.t.Fatal(err)
	}
	return d, l, began, got
}

// holders are the readers that hold records of a Topic.
func (s *site) holders(name string) string {
	s.t.Helper()
	var v struct {
		Readers []struct {
			Name  string
			Holds bool
		}
	}
	s.want(http.StatusOK, "GET", "/api/v1/topics/"+name, s.admin, "", &v)
	var out []string
	for _, r := range v.Readers {
		if r.Holds {
			out = append(out, r.Name)
		}
	}
	return strings.Join(out, ", ")
}

func (s *site) put(name, body string) {
	s.t.Helper()
	resp := s.do("POST", "/api/v1/topic/"+name, s.admin, strings.NewReader(body), "Content-Type", "application/x-ndjson")
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatal(resp.Status, err)
	}
}

func (s *site) reads(l *link.Session, names ...string) {
	s.t.Helper()
	if err := l.Send(link.MessageReads, link.Reads{Topics: append([]string{}, names...)}); err != nil {
		s.t.Fatal(err)
	}
}

func TestAHubThatWantsATopicNoMoreHoldsNothingOfIt(t *testing.T) {
	s := newSite(t)
	s.put("t", "{}\n")
	_, l, began, _ := s.reading("")
	s.reads(l, "t")
	<-began
	if s.holders("t") == "" {
		t.Error("it holds nothing while it reads")
	}
	s.reads(l)
	s.until("it holds nothing", func() bool { return s.holders("t") == "" })
	s.reads(l, "t")
	<-began
	s.until("it holds again", func() bool { return s.holders("t") != "" })
}

func TestAHubThatWasRemovedHoldsNothing(t *testing.T) {
	s := newSite(t)
	s.put("t", "{}\n")
	d, l, began, _ := s.reading("")
	s.reads(l, "t")
	<-began
	s.want(http.StatusOK, "DELETE", "/api/v1/sth/"+d.key.ID()+"?force=true", s.admin, "", nil)
	s.until("it holds nothing", func() bool { return s.holders("t") == "" })
}

// sends opens a stream of a Topic, and returns what is answered.
func (s *site) sends(l *link.Session, hello string) (*link.Stream, string) {
	s.t.Helper()
	st, err := l.Open(s.t.Context(), link.KindTopic)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = st.Abort() })
	if _, err := io.WriteString(st, hello+"\n"); err != nil {
		s.t.Fatal(err)
	}
	_ = st.SetReadDeadline(time.Now().Add(10 * time.Second))
	line, err := bufio.NewReader(st).ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return st, line
}

func TestATopicThatAHubMakesBelongsToNoOtherDomain(t *testing.T) {
	s := newSite(t)
	_, of := s.join(`{"domain":"a"}`, nil)
	_, none := s.join("", nil)
	for i, c := range []struct {
		h            *here
		wants, owner string
	}{{of, "finance", "a"}, {of, "a", "a"}, {of, "", ""}, {none, "finance", ""}} {
		name := fmt.Sprint("billing-", i)
		_, line := s.sends(c.h.Session, `{"topic":"`+name+`","contentType":"application/x-ndjson","config":{"owner":"`+c.wants+`","description":"official"},"epoch":5,"next":1,"oldest":1}`)
		if !strings.Contains(line, `"at"`) {
			t.Errorf("owner %q: %s", c.wants, line)
			continue
		}
		var v struct{ Owner, Description string }
		s.want(http.StatusOK, "GET", "/api/v1/topics/"+name, s.admin, "", &v)
		if v.Owner != c.owner || v.Description != "official" {
			t.Errorf("owner %q, want %q: made with %+v", c.wants, c.owner, v)
		}
	}
}
