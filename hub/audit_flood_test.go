package hub_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"waverider/auth"
	"waverider/wire"
)

// direct answers requests without a network between.
func (s *site) direct() http.Handler {
	mux := wire.NewMux(slog.New(slog.DiscardHandler))
	s.hub.Routes(mux)
	return mux.Serve(wire.Access{Gate: &auth.Gate{Open: true}})
}

// held is a body of one byte that ends when it is let go.
type held struct {
	read sync.Once
	came *sync.WaitGroup
	free chan struct{}
}

func (b *held) Read(p []byte) (n int, err error) {
	b.read.Do(func() {
		p[0], n = ' ', 1
		b.came.Done()
	})
	if n == 0 {
		<-b.free
		return 0, io.EOF
	}
	return n, nil
}

func (b *held) Close() error { return nil }

// Thousands of requests may begin, move and end at once: of each the reader
// gets every record.
func TestAuditOfManyRequestsAtOnce(t *testing.T) {
	const many = 8000
	s := newSite(t)
	id := s.run("a.js", idle, "")
	audit, hub := s.followAudit(), s.direct()
	var came, done sync.WaitGroup
	came.Add(many)
	free := make(chan struct{})
	for range many {
		done.Go(func() {
			r := httptest.NewRequest("POST", "/api/v1/instance/"+id+"/_event", &held{came: &came, free: free})
			r.ContentLength = -1
			hub.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	defer done.Wait()
	counts := map[string]int{}
	until := func(state string) {
		t.Helper()
		audit.until(func(a auditLine) bool {
			if a.OpCode == 11113 {
				counts[a.OpState]++
			}
			return counts[state] == many
		})
	}
	came.Wait()
	until("START")
	close(free) // none of them sent an event
	until("ERROR")
}

// Who reads too slowly for what is kept sees that something is missing.
func TestAuditIsCutForWhoLags(t *testing.T) {
	s := newSite(t)
	resp := s.stream("GET", "/audit", http.NoBody)
	defer resp.Body.Close()
	hub := s.direct()
	for range 70_000 {
		hub.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/instance/nope/stdout", nil))
	}
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("the audit ended well after %d bytes", n)
	}
}
