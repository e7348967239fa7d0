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

// process is one life of the Hub.
type process struct {
	cmd   *exec.Cmd
	url   string
	ended chan struct{} // closed when it is gone; err is set
	err   error
}

// announced is the address in the line that a Hub prints once it answers.
var announced = regexp.MustCompile(`https?://\S+`)

func (h *Hub) launch(ctx context.Context, address string) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	cmd := exec.Command(h.cfg.Binary, append([]string{"hub", "--listen", address, "--data-dir", h.dataDir(),
		"--orphan-after", orphanAfter, "--kill-on-exit", "--end-with-stdin"}, h.cfg.Args...)...)
	cmd.Env = cleanEnvironment(os.Environ())
	cmd.Stderr = h.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us, who end it in good order
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the Hub: %w", err)
	}
	// Should we be killed, the kernel closes our end, and the Hub ends too.
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the Hub: %w", err), out.Close())
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	lines := make(chan string, 1)
	if err := p.start(out, lines); err != nil {
		return nil, fmt.Errorf("start the Hub: %w", err)
	}
	select {
	case line := <-lines:
		if p.url = announced.FindString(line); p.url != "" {
			return p, nil
		}
		err = fmt.Errorf("it said %q instead of its address", line)
	case <-p.ended:
		return nil, h.failure(p, "the Hub did not start")
	case <-ctx.Done():
		err = ctx.Err()
	}
	h.end(p)
	return nil, fmt.Errorf("start the Hub: %w", err)
}

// start starts the process and a goroutine that waits for it. The first line
// it prints goes to lines; close of ended tells that all is over.
func (p *process) start(out io.Reader, lines chan<- string) error {
	started := make(chan error)
	go func() {
		defer close(p.ended)
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		text := bufio.NewReader(out)
		if line, err := text.ReadString('\n'); err == nil {
			lines <- strings.TrimSpace(line)
		}
		_, _ = io.Copy(io.Discard, text)
		p.err = p.cmd.Wait()
	}()
	return <-started
}

// cleanEnvironment leaves out the settings meant for other Hubs.
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
func (h *Hub) failure(p *process, what string) error {
	err := p.err
	if err == nil {
		err = errors.New("exit status 0")
	}
	if words := h.lastWords(); words != "" {
		return fmt.Errorf("%s: %w; its last words:\n%s", what, err, words)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (h *Hub) lastWords() string {
	const most, lines = 4096, 8
	info, err := h.log.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, min(info.Size(), most))
	n, _ := h.log.ReadAt(text, info.Size()-int64(len(text))) // what there is will do
	words := bytes.Split(bytes.TrimSpace(text[:n]), []byte("\n"))
	return string(bytes.Join(words[max(len(words)-lines, 0):], []byte("\n")))
}
