package process

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"waverider/logfile"
	"waverider/runner"
	"waverider/runtime"
	"waverider/runtime/process/keeper"
)

const reportTime = 10 * time.Second // for __init to become the program

// Start runs spec, in a waiting runner when there is one that fits. A slot
// folder that exists already is gone on with: a restart keeps its files.
func (r *Runtime) Start(ctx context.Context, spec runtime.Spec) (runtime.Process, error) {
	list, err := r.languages.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.ID, err)
	}
	lang, ok := list[spec.Language]
	if !ok {
		return nil, fmt.Errorf("start %s: no runner for language %q here", spec.ID, spec.Language)
	}
	if spec.Start.Slot == "" {
		spec.Start.Slot = spec.Dir
	}
	if spec.Start.Scramjet == "" {
		spec.Start.Scramjet = lang.Scramjet
	}
	pool := r.pool(spec.Language, lang)
	p, err := pool.start(ctx, spec)
	if p == nil && err == nil {
		p, err = r.cold(ctx, spec, lang)
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.ID, err)
	}
	pool.refill()
	return p, nil
}

// cold starts a process for spec.
func (r *Runtime) cold(ctx context.Context, spec runtime.Spec, lang Language) (_ *proc, err error) {
	made, err := makeSlot(spec.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && made {
			os.RemoveAll(spec.Dir)
		}
	}()
	b, err := r.bear(ctx, birth{
		label: spec.ID, dir: spec.Dir, argv: lang.Argv, env: spec.Grants.Env, limits: spec, assigned: true,
	})
	if err != nil {
		return nil, err
	}
	p := b.proc(r, spec)
	return p, p.commence(ctx, spec.Start)
}

// birth is what a runner process is born with.
type birth struct {
	label, dir string
	argv       []string
	env        map[string]string
	limits     runtime.Spec // its Limits
	assigned   bool
}

// born is a runner process that has no program yet.
type born struct {
	client  *keeper.Client
	child   keeper.Child
	files   keeper.Files
	key     string
	session *runner.Session
	applied runtime.Applied
}

// bear starts a runner process. On error nothing of it is left.
func (r *Runtime) bear(ctx context.Context, b birth) (*born, error) {
	c, err := r.keeper(ctx)
	if err != nil {
		return nil, err
	}
	key := runner.NewKey()
	n := &born{client: c, key: key, session: runner.NewSession(runner.SessionConfig{Key: key})}
	r.cfg.Channel.Expect(n.session)
	id := strings.ToLower(rand.Text()[:16])
	r.claim(id)
	child, report, files, err := c.Spawn(ctx, keeper.Spec{
		ID: id, Label: b.label, Argv: b.argv, Env: r.environment(b.dir, key, b.env), Dir: b.dir,
		Limits: b.limits.Limits, Assigned: b.assigned,
	})
	if err != nil {
		r.unclaim(id)
		r.cfg.Channel.Forget(n.session)
		n.session.Close()
		return nil, err
	}
	n.child, n.files = child, files
	n.apply(report)
	said, err := readReport(files.Report)
	if err != nil {
		r.discard(n)
		return nil, err
	}
	n.apply(said)
	return n, nil
}

func (n *born) apply(r keeper.Report) {
	n.applied.Layers = append(n.applied.Layers, r.Layers...)
	n.applied.Missing = append(n.applied.Missing, r.Missing...)
}

// discard ends what has not become a proc, or no longer is one.
func (r *Runtime) discard(n *born) {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	n.client.Kill(ctx, n.child.ID)
	if _, err := n.client.Wait(ctx, n.child.ID); errors.Is(err, keeper.ErrGone) {
		keeper.EndTree(ctx, n.child)
	}
	n.client.Forget(ctx, n.child.ID)
	r.unclaim(n.child.ID)
	r.cfg.Channel.Forget(n.session)
	n.session.Close()
	n.files.Close()
}

// readReport waits until __init has become the program, or says why not.
func readReport(f *os.File) (keeper.Report, error) {
	defer f.Close()
	f.SetReadDeadline(time.Now().Add(reportTime))
	var last keeper.Report
	dec := json.NewDecoder(f)
	for n := 0; ; n++ {
		var r keeper.Report
		err := dec.Decode(&r)
		switch {
		case errors.Is(err, io.EOF) && last.Error != "":
			return last, errors.New(last.Error)
		case errors.Is(err, io.EOF):
			return last, nil
		case err != nil:
			return last, fmt.Errorf("start of the runner: %w", err)
		}
		last = r
	}
}

// makeSlot makes the folder of a slot; made says that it was not there.
func makeSlot(dir string) (made bool, err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return false, err
	}
	err = os.Mkdir(dir, 0o700)
	made = err == nil
	if err != nil && !errors.Is(err, os.ErrExist) {
		return false, err
	}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return made, err
	}
	return made, nil
}

func (n *born) proc(r *Runtime, spec runtime.Spec) *proc {
	return &proc{born: *n, rt: r, spec: spec, done: make(chan struct{})}
}

// commence takes the process into service and names its Instance to the
// runner. On error the process is gone.
func (p *proc) commence(ctx context.Context, start runner.Start) error {
	err := p.serve()
	if err != nil {
		p.rt.discard(&p.born)
		return err
	}
	if err := p.session.Send(ctx, "start", start); err != nil {
		p.Kill()
		<-p.done
		return errors.Join(fmt.Errorf("send start: %w", err), p.Release())
	}
	return nil
}

// openLogs opens the three logs in dir.
func openLogs(dir string, limit int64) (map[string]*logfile.Log, error) {
	logs := map[string]*logfile.Log{}
	for _, name := range logNames {
		l, err := logfile.Open(dir, name, limit)
		if err != nil {
			for _, l := range logs {
				l.Close()
			}
			return nil, err
		}
		logs[name] = l
	}
	return logs, nil
}

var logNames = []string{"stdout", "stderr", "log"}

// withEnv is start with more variables; what it names itself wins.
func withEnv(start runner.Start, more ...map[string]string) runner.Start {
	env := map[string]string{}
	for _, m := range append(more, start.Env) {
		maps.Copy(env, m)
	}
	start.Env = env
	return start
}
