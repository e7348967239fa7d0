package process

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"waverider/runtime/process/keeper"
)

// Stdin is the program's standard input, nil after its end.
func (p *proc) Stdin() io.WriteCloser {
	if p.stdin.file == nil || p.stdin.ended.Load() {
		return nil
	}
	return p.stdin
}

type stdin struct {
	p     *proc
	file  *os.File // nil: closed by an earlier Hub
	ended atomic.Bool
	once  sync.Once
	err   error
}

func (s *stdin) Write(b []byte) (int, error) {
	return s.file.Write(b)
}

// Close ends the program's input: the keeper has an end too.
func (s *stdin) Close() error {
	s.once.Do(func() {
		s.ended.Store(true)
		s.err = s.file.Close()
		err := s.p.client.CloseStdin(context.Background(), s.p.child.ID)
		if err != nil && !errors.Is(err, keeper.ErrUnknown) && !errors.Is(err, keeper.ErrGone) {
			s.err = errors.Join(s.err, err)
		}
	})
	return s.err
}
