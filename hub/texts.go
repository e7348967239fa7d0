package hub

import (
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"waverider/logfile"
	"waverider/runtime"
)

// texts are the kept stdout, stderr and log of one Instance, each with the
// cursor that its plain readers share: a reader goes on where the one before
// it stopped, unless that one is still there.
type texts struct {
	mu      sync.Mutex
	dir     string
	limit   int64
	logs    map[string]*logfile.Log
	cursors map[string]*cursor
	ended   bool
}

// cursor is how far plain readers of one text have come.
type cursor struct {
	at      int64
	readers int
}

var textNames = []string{"stdout", "stderr", "log"}

func (t *texts) open(dir string, limit int64) {
	t.dir, t.limit = dir, limit
	t.logs, t.cursors = map[string]*logfile.Log{}, map[string]*cursor{}
	for _, name := range textNames {
		t.cursors[name] = &cursor{}
	}
}

// set takes the logs of a process.
func (t *texts) set(proc runtime.Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range textNames {
		if l := proc.Log(name); l != nil {
			t.logs[name] = l
		}
	}
}

// log answers a text; of an Instance that has no process it opens what is on
// disk. nil when there is none yet.
func (t *texts) log(name string) (*logfile.Log, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.logs[name]; l != nil || !t.ended {
		return l, nil
	}
	l, err := logfile.Open(t.dir, name, t.limit)
	if err != nil {
		return nil, err
	}
	l.Finish()
	t.logs[name] = l
	return l, nil
}

// other reports that a text has another log now than l: that of a later run.
func (t *texts) other(name string, l *logfile.Log) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.logs[name] != nil && t.logs[name] != l
}

// finish tells readers that no more will come.
func (t *texts) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for _, l := range t.logs {
		l.Finish()
	}
}

// close gives the files back.
func (t *texts) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for name, l := range t.logs {
		errs = append(errs, l.Close())
		delete(t.logs, name)
	}
	return errors.Join(errs...)
}

// note writes the Hub's own word about the Instance to its log.
func (t *texts) note(errs *slog.Logger, msg string) {
	t.mu.Lock()
	l := t.logs["log"]
	t.mu.Unlock()
	if l == nil {
		return
	}
	line, err := json.Marshal(map[string]any{"level": "INFO", "msg": msg, "ts": time.Now().UnixMilli(), "from": "Hub"})
	if err == nil {
		err = l.Append(append(line, '\n'))
	}
	if err != nil {
		errs.Warn("note not written to the instance's log", "err", err)
	}
}

// join takes a plain reader in: the offset it starts at. Call leave at its end
// and moved as bytes reach its socket.
func (t *texts) join(name string, l *logfile.Log) (c *cursor, at int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c = t.cursors[name]
	if at = c.at; c.readers > 0 {
		at = l.End()
	}
	c.readers++
	return c, at
}

func (t *texts) moved(c *cursor, at int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.at = max(c.at, at)
}

func (t *texts) leave(c *cursor) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.readers--
}
