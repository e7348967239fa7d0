package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// signalError is the cause of a context that a signal has ended.
type signalError struct{ os.Signal }

func (e signalError) Error() string { return "got signal " + e.Signal.String() }

// signalContext ends with the first SIGINT, SIGTERM or SIGHUP. The second ends
// the process as if nobody listened.
func signalContext() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	got := make(chan os.Signal, 1)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-got:
			signal.Stop(got)
			cancel(signalError{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(got)
		cancel(errors.New("done"))
		<-done
	}
}

// onInterrupt calls f at the next SIGINT, once; the one after that ends the
// process again. The caller calls stop when f is of no more use.
func onInterrupt(f func()) (stop func()) {
	got := make(chan os.Signal, 1)
	signal.Notify(got, os.Interrupt)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-got:
			signal.Stop(got)
			f()
		case <-over:
			signal.Stop(got)
		}
	}()
	return func() {
		close(over)
		<-done
	}
}
