package space_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"waverider/link"
)

// frameOf is a frame of one record.
func frameOf(epoch uint32, first uint64, data string) []byte {
	le := binary.LittleEndian
	b := []byte{'D'}
	b = le.AppendUint32(b, epoch)
	b = le.AppendUint64(b, first)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, uint32(len(data)))
	t := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(b, t), t, []byte(data))
	b = le.AppendUint32(b, sum)
	return append(b, data...)
}

// asks is a client for what a Hub may ask the Space.
func asks(l *link.Session) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return l.Open(ctx, link.KindHTTP)
	}}}
}

const binaryTopic = `{"topic":"billing","contentType":"application/octet-stream","config":{},"epoch":5,"next":1,"oldest":1}`

func TestAHubWritesNoMoreToATopicThatIsGivenAway(t *testing.T) {
	s := newSite(t)
	d, h := s.join(`{"domain":"a"}`, nil)
	for i, change := range []func(){
		func() {
			s.want(http.StatusOK, "PATCH", "/api/v1/sth/"+d.key.ID(), s.admin, `{"domain":"b"}`, nil)
		},
		func() {
			s.want(http.StatusOK, "PATCH", "/api/v1/topics/billing", s.admin, `{"owner":"finance"}`, nil)
		},
	} {
		st, line := s.sends(h.Session, binaryTopic)
		if !strings.Contains(line, `"at"`) {
			t.Fatal(line)
		}
		s.want(http.StatusOK, "PATCH", "/api/v1/topics/billing", s.admin, `{"owner":"a"}`, nil)
		if _, err := st.Write(frameOf(5, uint64(i+1), "x")); err != nil {
			t.Fatal(err)
		}
		change()
		_ = st.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, st); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("the stream goes on: %v", err)
		}
		if _, line = s.sends(h.Session, binaryTopic); !strings.Contains(line, "belongs to") {
			t.Error(line)
		}
		s.want(http.StatusOK, "PATCH", "/api/v1/sth/"+d.key.ID(), s.admin, `{"domain":"a"}`, nil)
	}
}

func TestAHubThatIsMovedGetsNoMoreOfTheOldDomain(t *testing.T) {
	s := newSite(t)
	s.put("t", "{}\n")
	s.want(http.StatusOK, "PATCH", "/api/v1/topics/t", s.admin, `{"owner":"a"}`, nil)
	d, l, began, got := s.reading(`{"domain":"a"}`)
	s.reads(l, "t")
	<-began
	<-got
	resp, err := asks(l).Get("http://space/api/v1/topic/t")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s.want(http.StatusOK, "PATCH", "/api/v1/sth/"+d.key.ID(), s.admin, `{"domain":"b"}`, nil)
	if text := <-got; text != "end" {
		t.Errorf("it goes on with %q", text)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // its end
	s.put("t", `{"secret":"of a"}`+"\n")
	select {
	case text := <-got:
		t.Errorf("got %q", text)
	case <-began:
		t.Error("it is sent again")
	case <-time.After(300 * time.Millisecond):
	}
	s.until("it holds nothing", func() bool { return s.holders("t") == "" })
}

func TestHubsSeeTheNamesOfOthersOnly(t *testing.T) {
	s := newSite(t)
	da, a := s.join(`{"name":"first","domain":"a"}`, nil)
	_ = a.Send(link.MessageEntities, link.Entities{Instances: json.RawMessage(`[{"id":"1","args":["--password=x"]}]`), Topics: json.RawMessage(`[]`), Sequences: json.RawMessage(`[]`)})
	s.heard(a, da)
	db, b := s.join(`{"domain":"b","labels":{"x":"y"}}`, nil)
	resp, err := asks(b.Session).Get("http://space/api/v1/list")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list []map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"id": db.key.ID(), "name": "edge", "state": "connected", "labels": map[string]any{"x": "y"}}, {"id": da.key.ID(), "name": "first", "state": "connected"}}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("%v", list)
	}
}
