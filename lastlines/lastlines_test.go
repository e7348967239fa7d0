package lastlines_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider/auth"
	"waverider/lastlines"
	"waverider/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheNewestLinesAreKept(t *testing.T) {
	r := lastlines.New(3)
	if lines, next, _ := r.From(7); len(lines) != 0 || next != 0 {
		t.Errorf("%q %d", lines, next)
	}
	for i := range 5 {
		r.Add([]byte(fmt.Sprint(i)))
	}
	for from, want := range map[int]string{-1: "234", 0: "234", 3: "34", 5: "", 99: ""} {
		lines, next, _ := r.From(from)
		got := ""
		for _, l := range lines {
			got += string(l)
		}
		if got != want || next != 5 {
			t.Errorf("from %d: %q, next %d", from, got, next)
		}
	}
	_, _, more := r.From(5)
	r.Add([]byte("x"))
	<-more
}

// server answers with the lines of r.
func server(t *testing.T, r *lastlines.Ring) *httptest.Server {
	mux := wire.NewMux(nil)
	mux.Handle("GET /log", auth.Public, r.Follow)
	s := httptest.NewServer(mux.Serve(wire.Access{Gate: &auth.Gate{Open: true}}))
	t.Cleanup(s.Close)
	return s
}

func TestFollowersGetAllThatComes(t *testing.T) {
	r := lastlines.New(10_000)
	s := server(t, r)
	const lines = 3000
	var group sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 4 {
		req, _ := http.NewRequestWithContext(ctx, "GET", s.URL+"/log", http.NoBody)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			defer resp.Body.Close()
			in := bufio.NewReader(resp.Body)
			for i := range lines {
				if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintln(i) {
					t.Errorf("line %d: %q %v", i, line, err)
					return
				}
			}
		})
	}
	for i := range lines {
		r.Add([]byte(fmt.Sprintln(i)))
	}
	group.Wait()
	http.DefaultClient.CloseIdleConnections()
}

func TestAFollowerEndsWithItsClient(t *testing.T) {
	r := lastlines.New(0)
	s := server(t, r)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", s.URL+"/log", http.NoBody)
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("it ended by itself")
	}
	resp, err = http.Get(s.URL + "/log?follow=false")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Error(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
}

func TestRecordsBecomeLines(t *testing.T) {
	r := lastlines.New(0)
	log := slog.New(r.Handler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}), "Space")).With("hub", "x")
	log.Info("hello", "err", errors.New("bad"), "took", time.Second)
	log.Debug("quiet")
	lines, _, _ := r.From(0)
	if len(lines) != 2 || !strings.Contains(string(lines[0]), `"err":"bad"`) || !strings.Contains(string(lines[0]), `"took":"1s"`) ||
		!strings.Contains(string(lines[0]), `"from":"Space"`) || !strings.Contains(string(lines[0]), `"hub":"x"`) || !strings.Contains(string(lines[1]), `"DEBUG"`) {
		t.Errorf("%s", lines)
	}
}
