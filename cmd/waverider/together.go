package main

import (
	"context"
	"errors"
)

// together runs all until the first ends, ends the others, and waits for them.
func together(ctx context.Context, runs ...func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, len(runs))
	for _, run := range runs {
		go func() { ended <- run(ctx) }()
	}
	var errs []error
	for range runs {
		errs = append(errs, <-ended)
		stop()
	}
	return errors.Join(errs...)
}

// both ends when a or b does, with a's cause.
func both(a, b context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(a)
	stop := context.AfterFunc(b, cancel)
	return ctx, func() { stop(); cancel() }
}
