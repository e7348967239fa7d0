package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"waverider/logfile"
	"waverider/runner"
	"waverider/runtime"
	"waverider/runtime/process/keeper"
)

// proc is a runtime.Process.
type proc struct {
	born
	rt    *Runtime
	spec  runtime.Spec
	logs  map[string]*logfile.Log
	stdin *stdin

	cancel context.CancelFunc // lets go of the process
	life   sync.WaitGroup
	done   chan struct{} // exit and err are set
	exit   runtime.Exit
	err    error

	letGo sync.Once
}

// errDetached is what Wait answers after Detach, or when another Hub has
// taken over.
var errDetached = errors.New("process was let go")

// handleVersion grows when an older Hub could not read a handle.
const handleVersion = 1

type handle struct {
	Version int             `json:"version"`
	Child   string          `json:"child"`
	PID     int             `json:"pid"`
	Started uint64          `json:"started"`
	Boot    string          `json:"boot"`
	Key     string          `json:"key"`
	Applied runtime.Applied `json:"applied"`
}

func (p *proc) Handle() runtime.Handle {
	h, err := json.Marshal(handle{
		Version: handleVersion, Child: p.child.ID, PID: p.child.PID, Started: p.child.Started,
		Boot: keeper.BootID(), Key: p.key, Applied: p.applied,
	})
	if err != nil {
		return nil // strings and numbers always marshal
	}
	return h
}

// Attach finds a process of an earlier Hub. On error it is for Sweep to end.
func (r *Runtime) Attach(ctx context.Context, h runtime.Handle, spec runtime.Spec) (_ runtime.Process, err error) {
	var known handle
	if err := json.Unmarshal(h, &known); err != nil {
		return nil, fmt.Errorf("attach %s: read handle: %w", spec.ID, err)
	}
	if known.Version != handleVersion {
		return nil, fmt.Errorf("attach %s: handle of version %d, this Hub reads %d", spec.ID, known.Version, handleVersion)
	}
	if known.Boot != keeper.BootID() {
		return nil, fmt.Errorf("attach %s: the machine was restarted: %w", spec.ID, runtime.ErrLost)
	}
	c, err := r.keeper(ctx)
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", spec.ID, err)
	}
	r.claim(known.Child)
	defer func() {
		if err != nil {
			r.unclaim(known.Child)
		}
	}()
	child, files, err := c.Open(ctx, known.Child)
	if errors.Is(err, keeper.ErrUnknown) || errors.Is(err, keeper.ErrGone) {
		return nil, fmt.Errorf("attach %s: %w", spec.ID, runtime.ErrLost)
	}
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", spec.ID, err)
	}
	if child.PID != known.PID || child.Started != known.Started {
		files.Close()
		return nil, fmt.Errorf("attach %s: its number is another's now: %w", spec.ID, runtime.ErrLost)
	}
	n := &born{
		client: c, child: child, files: files, key: known.Key, applied: known.Applied,
		session: runner.NewSession(runner.SessionConfig{Key: known.Key, Resume: true}),
	}
	r.cfg.Channel.Expect(n.session)
	p := n.proc(r, spec)
	if err := p.serve(); err != nil {
		r.cfg.Channel.Forget(n.session)
		n.session.Detach()
		files.Close()
		return nil, fmt.Errorf("attach %s: %w", spec.ID, err)
	}
	return p, nil
}

// serve begins to store what the program says and to wait for its end.
func (p *proc) serve() error {
	logs, err := openLogs(p.spec.Logs, p.spec.LogLimit)
	if err != nil {
		return err
	}
	p.logs, p.stdin = logs, &stdin{p: p, file: p.files.Stdin}
	if !p.rt.add(p) {
		for _, l := range logs {
			l.Close()
		}
		return errClosed
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	pumps := map[*os.File]<-chan struct{}{}
	for name, file := range map[string]*os.File{"stdout": p.files.Stdout, "stderr": p.files.Stderr, "log": p.files.Log} {
		if file == nil {
			continue // ended, with a keeper before this one
		}
		over := make(chan struct{})
		pumps[file] = over
		p.life.Go(func() {
			defer close(over)
			if err := logs[name].Pump(ctx, file); err != nil && ctx.Err() == nil {
				p.rt.log.Error("what the program writes is not stored any more", "instance", p.spec.ID, "log", name, "err", err)
				discardRest(ctx, file)
			}
		})
	}
	p.life.Go(func() { p.live(ctx, pumps) })
	return nil
}

// discardRest reads a pipe to its end, so that a program does not hang because
// a disk is broken.
func discardRest(ctx context.Context, f *os.File) {
	stop := context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	io.Copy(io.Discard, f)
}

// live follows the process to its end.
func (p *proc) live(ctx context.Context, pumps map[*os.File]<-chan struct{}) {
	exit, err := p.client.Wait(ctx, p.child.ID)
	switch {
	case err == nil:
		p.drain(ctx, pumps)
		p.exit = runtime.Exit{Code: exit.Code, Signal: exit.Signal, At: exit.At}
	case errors.Is(err, keeper.ErrGone):
		if err := keeper.EndTree(ctx, p.child); err != nil {
			p.rt.log.Warn("process of a dead keeper", "instance", p.spec.ID, "err", err)
		}
		p.drain(ctx, pumps)
		p.err = runtime.ErrLost
	default:
		p.cancel()
		for _, over := range pumps {
			<-over
		}
		p.err = errDetached
	}
	close(p.done)
	if p.err != errDetached {
		p.session.Close()
	}
}

// drain waits for the ends of the pipes. They come with the end of the tree,
// unless somebody outside of it has got hold of one: then what is in it counts
// as all.
func (p *proc) drain(ctx context.Context, pumps map[*os.File]<-chan struct{}) {
	const every, enough = 250 * time.Millisecond, 4
	tick := time.NewTicker(every)
	defer tick.Stop()
	for file, over := range pumps {
		for quiet := 0; quiet < enough; {
			select {
			case <-over:
				quiet = enough
			case <-ctx.Done():
				return
			case <-tick.C:
				quiet++
				if waiting(file) > 0 {
					quiet = 0
				}
			}
		}
	}
	p.cancel()
	for _, over := range pumps {
		<-over
	}
}

// waiting is how many bytes are in the pipe.
func waiting(f *os.File) int {
	n := 0
	if raw, err := f.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), fionread) })
	}
	return n
}

func (p *proc) Session() *runner.Session     { return p.session }
func (p *proc) Log(name string) *logfile.Log { return p.logs[name] }
func (p *proc) Applied() runtime.Applied     { return p.applied }

// Kill ends the whole tree. A process that has ended is no error.
func (p *proc) Kill() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	err := p.client.Kill(context.Background(), p.child.ID)
	if errors.Is(err, keeper.ErrGone) || errors.Is(err, keeper.ErrUnknown) {
		return nil
	}
	return err
}

func (p *proc) Wait(ctx context.Context) (runtime.Exit, error) {
	select {
	case <-p.done:
		return p.exit, p.err
	default:
	}
	select {
	case <-p.done:
		return p.exit, p.err
	case <-ctx.Done():
		return runtime.Exit{}, ctx.Err()
	}
}

func (p *proc) Usage() (runtime.Usage, error) {
	memory, cpu, pids, err := keeper.Usage(p.child)
	if err != nil {
		return runtime.Usage{}, err
	}
	return runtime.Usage{Memory: memory, CPU: cpu, Processes: len(pids), PID: keeper.Program(p.child)}, nil
}

// Detach leaves the process running, or ended, for the next Attach.
func (p *proc) Detach() error {
	p.letGo.Do(func() {
		p.rt.cfg.Channel.Forget(p.session)
		p.session.Detach()
		p.cancel()
		p.life.Wait()
		p.files.Close()
		for _, l := range p.logs {
			l.Close()
		}
		p.rt.remove(p)
	})
	return nil
}

// Release forgets an ended process. Its logs can still be read; they end here.
func (p *proc) Release() error {
	select {
	case <-p.done:
	default:
		return fmt.Errorf("release %s: it has not ended", p.spec.ID)
	}
	err := p.client.Forget(context.Background(), p.child.ID)
	if errors.Is(err, keeper.ErrUnknown) || errors.Is(err, keeper.ErrGone) || p.err != nil {
		err = nil
	}
	p.letGo.Do(func() {
		p.rt.cfg.Channel.Forget(p.session)
		p.life.Wait()
		p.files.Close()
		for _, l := range p.logs {
			l.Finish()
		}
		p.rt.remove(p)
		p.rt.unclaim(p.child.ID)
	})
	return err
}
