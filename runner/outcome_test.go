package runner_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"waverider/runner"
)

// trial is a program that is run from start to end, what it is given, and what
// is to come of it. Only the output and the exit code are always compared.
type trial struct {
	program     string
	files       map[string]string // of the package, besides the program
	contentType string            // of the input; none is sent when empty
	input       string
	stdin       string
	edit        func(*runner.Start)

	output     string
	outputType string
	stdout     string   // the whole of it
	stderr     string   // a part of it
	log        []string // parts of it
	message    string   // a part of some message of the runner
	exit       int
}

// run runs a trial with a language.
func (c trial) run(t *testing.T, l language) {
	t.Helper()
	p, start := newProcess(t, l, dedent(c.program), c.files)
	if c.edit != nil {
		c.edit(&start)
	}
	s, end := p.hub(false)
	defer end(true)
	p.spawn()
	p.ok(s.Send(p.ctx, "start", start))
	if c.contentType != "" {
		p.ok(s.Send(p.ctx, "input", map[string]string{"contentType": c.contentType}))
		go func() {
			s.Input().Write(p.ctx, []byte(c.input))
			s.Input().End(p.ctx)
		}()
	}
	io.WriteString(p.stdin, c.stdin)
	p.stdin.Close()
	got := p.untilExit(s)
	if got.output != c.output {
		t.Errorf("output %.300q, not %.300q", got.output, c.output)
	}
	if got.exit != c.exit {
		t.Errorf("exit code %d, not %d", got.exit, c.exit)
	}
	if c.outputType != "" && got.contentType != c.outputType {
		t.Errorf("content type %q, not %q", got.contentType, c.outputType)
	}
	if c.stdout != "" && p.stdout.String() != c.stdout {
		t.Errorf("stdout %q, not %q", &p.stdout, c.stdout)
	}
	if !strings.Contains(p.stderr.String(), c.stderr) || c.stderr == "" && p.stderr.String() != "" {
		t.Errorf("no %q in stderr", c.stderr)
	}
	for _, part := range c.log {
		if !strings.Contains(p.log.String(), part) {
			t.Errorf("no %q in the log", part)
		}
	}
	if !strings.Contains(got.messages, c.message) {
		t.Errorf("no %q in the messages %s", c.message, got.messages)
	}
	p.inOrder(s)
}

// outcome is what a process has given when it is over.
type outcome struct {
	output, contentType, messages string
	exit                          int
}

// untilExit takes all output and messages until the process is over.
func (p *process) untilExit(s *runner.Session) outcome {
	p.Helper()
	var got outcome
	read, heard := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		got.output = p.output(s)
	}()
	go func() {
		defer close(heard)
		for {
			m, err := s.Receive(p.ctx)
			if err != nil {
				return
			}
			got.messages += string(m.Data) + "\n"
			var fields struct {
				ID          int
				ContentType string
			}
			json.Unmarshal(m.Data, &fields)
			switch m.Type {
			case "output":
				got.contentType = fields.ContentType
			case "save":
				s.Send(p.ctx, "saved", map[string]int{"id": fields.ID})
			}
		}
	}()
	got.exit = p.exitCode()
	s.Close()
	<-read
	<-heard
	return got
}

// output reads output until it ends or nobody is left to give any.
func (p *process) output(s *runner.Session) string {
	var got strings.Builder
	for {
		c, err := s.Output().Next(p.ctx)
		if err != nil {
			if errors.Is(err, io.EOF) {
				s.Output().AckEnd()
			}
			return got.String()
		}
		got.Write(c.Data)
		s.Output().Ack(c.Offset + uint64(len(c.Data)))
		c.Release()
	}
}

// trials runs them with every Python.
func trials(t *testing.T, all map[string]trial) {
	eachPython(t, func(t *testing.T, l language) {
		for name, c := range all {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c.run(t, l)
			})
		}
	})
}
