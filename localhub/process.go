package localhub

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
)

// process is one life of a role.
type process struct {
	cmd   *exec.Cmd
	url   string
	ended chan struct{} // closed when it is gone; err is set
	err   error
}

// announced is the address in the line that a role prints once it answers; what
// it says before has none.
var announced = regexp.MustCompile(`https?://\S+`)

func (r *role) launch(ctx context.Context, address string) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	args := append([]string{r.command, "--listen", address, "--data-dir", r.dataDir(), "--end-with-stdin"}, r.flags...)
	cmd := exec.Command(r.cfg.Binary, append(args, r.cfg.Args...)...)
	cmd.Env = cleanEnvironment(os.Environ())
	cmd.Stderr = r.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us, who end it in good order
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the %s: %w", r.name, err)
	}
	// Should we be killed, the kernel closes our end, and it ends too.
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the %s: %w", r.name, err), out.Close())
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	addresses := make(chan string, 1)
	if err := p.start(out, addresses); err != nil {
		return nil, fmt.Errorf("start the %s: %w", r.name, err)
	}
	select {
	case p.url = <-addresses:
		return p, nil
	case <-p.ended:
		return nil, r.failure(p, "the "+r.name+" did not start")
	case <-ctx.Done():
		err = ctx.Err()
	}
	r.end(p)
	return nil, fmt.Errorf("start the %s: %w", r.name, err)
}

// start starts the process and a goroutine that waits for it. The address it
// prints goes to addresses; close of ended tells that all is over.
func (p *process) start(out io.Reader, addresses chan<- string) error {
	started := make(chan error)
	go func() {
		defer close(p.ended)
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		text := bufio.NewReader(out)
		for line, err := text.ReadString('\n'); err == nil; line, err = text.ReadString('\n') {
			if url := announced.FindString(line); url != "" {
				addresses <- url
				break
			}
		}
		_, _ = io.Copy(io.Discard, text)
		p.err = p.cmd.Wait()
	}()
	return <-started
}

// cleanEnvironment leaves out the settings meant for others.
func cleanEnvironment(env []string) []string {
	var out []string
	for _, e := range env {
		if !strings.HasPrefix(e, "WAVERIDER_") {
			out = append(out, e)
		}
	}
	return out
}

// failure tells how a process ended, with its last words.
func (r *role) failure(p *process, what string) error {
	err := p.err
	if err == nil {
		err = errors.New("exit status 0")
	}
	if words := r.lastWords(); words != "" {
		return fmt.Errorf("%s: %w; its last words:\n%s", what, err, words)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (r *role) lastWords() string {
	const most, lines = 4096, 8
	info, err := r.log.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, min(info.Size(), most))
	n, _ := r.log.ReadAt(text, info.Size()-int64(len(text))) // what there is will do
	words := bytes.Split(bytes.TrimSpace(text[:n]), []byte("\n"))
	return string(bytes.Join(words[max(len(words)-lines, 0):], []byte("\n")))
}
