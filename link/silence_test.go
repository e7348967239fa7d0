//go:build linux

package link_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"waverider/internal/testnet"
	"waverider/link"
)

// noticedWithin is what users are promised.
const noticedWithin = 10 * time.Second

func TestSilenceIsNoticedInTimeByBothSides(t *testing.T) {
	streams := map[string]int{"idle": 0, "busy": 16} // so many that the system takes no more of them
	for busy := range streams {
		t.Run(busy, func(t *testing.T) {
			t.Parallel()
			s := newSpace(t, link.Handlers{})
			p, err := testnet.Open(testnet.Options{To: s.addr, Hold: 1 << 20}) // so little that writers wait
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.Close() })
			d := s.dialer(t)
			d.URL = "https://" + p.Addr()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			hub, err := d.Dial(ctx, hello)
			if err != nil {
				t.Fatal(err)
			}
			over := make(chan struct{}, 2)
			var reading sync.WaitGroup
			t.Cleanup(reading.Wait)
			flood := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for block := make([]byte, 64<<10); ; {
					if _, err := w.Write(block); err != nil {
						return
					}
				}
			})
			go func() {
				_ = runWithHTTP(ctx, hub, link.Handlers{}, flood)
				over <- struct{}{}
			}()
			here := <-s.sessions
			for range streams[busy] {
				resp, err := client(here).Get("http://hub/")
				if err != nil {
					t.Fatal(err)
				}
				first := make(chan struct{})
				var once sync.Once
				reading.Go(func() {
					defer resp.Body.Close()
					for buf, err := make([]byte, 64<<10), error(nil); err == nil; once.Do(func() { close(first) }) {
						_, err = resp.Body.Read(buf)
					}
				})
				<-first
			}
			p.Silence()
			late := time.After(noticedWithin)
			go func() {
				<-here.Done()
				over <- struct{}{}
			}()
			for range 2 {
				select {
				case <-over:
				case <-late:
					t.Fatalf("%v after the way went silent: here over %v, hub over %v", noticedWithin, here.Context().Err(), hub.Context().Err())
				}
			}
		})
	}
}
