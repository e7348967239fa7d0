package tty

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// UntilGone is for what must be taken down at the end, also when the reader of
// w leaves before it, as `| head` does: a write that fails ends the context
// instead of the whole process. Write to out from then on, until stop.
func UntilGone(ctx context.Context, w io.Writer) (_ context.Context, out io.Writer, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	broken := make(chan os.Signal, 1) // nobody reads it: the error of the write says the same
	signal.Notify(broken, syscall.SIGPIPE)
	return ctx, watched{w, cancel}, func() {
		signal.Stop(broken)
		cancel()
	}
}

type watched struct {
	io.Writer
	gone func()
}

func (w watched) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		w.gone()
	}
	return n, err
}
