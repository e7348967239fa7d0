package demo

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// The load that the demo makes so that there is an alert: on half of the
// processors, soon after the start and once a minute.
const (
	loadFirst = 12 * time.Second
	loadEvery = time.Minute
	loadTime  = 4 * time.Second
)

// makeLoad keeps processors busy now and then until ctx ends. It tells each time.
func makeLoad(ctx context.Context, tell func(processors int)) {
	processors := (runtime.NumCPU() + 1) / 2
	for wait := loadFirst; ; wait = loadEvery {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		tell(processors)
		spin(ctx, processors, loadTime)
	}
}

func spin(ctx context.Context, processors int, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var wg sync.WaitGroup
	for range processors {
		wg.Go(func() {
			for ctx.Err() == nil {
			}
		})
	}
	wg.Wait()
}
