package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// floors are what this program runs itself as to take limits from.
var floors = map[string]func(args []string) error{
	"__server": serverFloor,
	"__relay":  relayFloor,
	"__yamux":  yamuxFloor,
}

// serverFloor is the least there can be of a server: ADDR [CHILDREN].
// It answers every request, and holds the pipes of sleeping children.
func serverFloor(args []string) error {
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	if len(args) > 1 {
		if err := sleepers(args[1]); err != nil {
			return err
		}
	}
	fmt.Println(ln.Addr())
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	}))
}

func sleepers(count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for range n {
		cmd := exec.Command("cat") // ends with the pipe, so with us
		in, inErr := cmd.StdinPipe()
		out, outErr := cmd.StdoutPipe()
		if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
			return err
		}
		kept = append(kept, in)
		go func() { _, _ = io.Copy(io.Discard, out) }()
	}
	return nil
}

var kept []io.Closer // keeps the pipes from being collected

// relayFloor is the smallest bridge of HTTP to a program's stdin and stdout:
// what a Hub has to keep up with. Without a program it hands on what comes in.
func relayFloor(args []string) error {
	var stdin io.Writer
	var stdout io.Reader
	if len(args) == 0 {
		stdout, stdin = io.Pipe()
	} else {
		cmd := exec.Command(args[0], args[1:]...)
		in, inErr := cmd.StdinPipe()
		out, outErr := cmd.StdoutPipe()
		if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
			return err
		}
		stdin, stdout = in, out
	}
	http.HandleFunc("POST /in", func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		w.WriteHeader(http.StatusAccepted)
		_ = rc.Flush()
		_, _ = io.CopyBuffer(struct{ io.Writer }{stdin}, struct{ io.Reader }{r.Body}, make([]byte, 64<<10))
	})
	http.HandleFunc("GET /out", func(w http.ResponseWriter, _ *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.Flush()
		buf := make([]byte, 64<<10)
		for {
			n, err := stdout.Read(buf)
			if _, werr := w.Write(buf[:n]); err != nil || werr != nil {
				return
			}
			_ = rc.Flush()
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	return http.Serve(ln, nil)
}

// floor is a running floor process.
type floor struct {
	cmd  *exec.Cmd
	addr string
}

// startFloor runs this program as one of floors and waits until it listens.
func (g *rig) startFloor(ctx context.Context, args ...string) (*floor, error) {
	cmd := exec.CommandContext(ctx, g.self, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	f := &floor{cmd: cmd, addr: strings.TrimSpace(line)}
	if err != nil {
		f.close()
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	return f, nil
}

func (f *floor) close() {
	_ = f.cmd.Process.Kill()
	_ = f.cmd.Wait() // killed: always an error
}

// nodeCommand is a bare node, cut with ctx.
func (g *rig) nodeCommand(ctx context.Context, args ...string) *exec.Cmd {
	return g.command(ctx, g.node, args...)
}

func (g *rig) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = time.Second
	return cmd
}
