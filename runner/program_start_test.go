package runner_test

import (
	"strings"
	"testing"
	"time"

	"waverider/runner"
)

// TestRunnersWithoutAHub are started by nobody, or are not known.
func TestRunnersWithoutAHub(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		t.Run("no environment", func(t *testing.T) {
			p, _ := newProcess(t, l, "")
			p.cmd.Env = append(p.cmd.Env, "WAVERIDER_KEY=")
			p.spawn()
			if code := p.exitCode(); code != 20 || !strings.Contains(p.stderr.String(), "WAVERIDER_CHANNEL and WAVERIDER_KEY must be set") {
				t.Errorf("exit code %d", code)
			}
		})
		t.Run("no Hub", func(t *testing.T) {
			p, _ := newProcess(t, l, "")
			p.spawn()
			if code := p.exitCode(); code != 11 {
				t.Errorf("exit code %d", code)
			}
		})
		t.Run("unknown key", func(t *testing.T) {
			p, _ := newProcess(t, l, "")
			_, end := p.hub(false)
			defer end(true)
			p.cmd.Env = append(p.cmd.Env, "WAVERIDER_KEY="+runner.NewKey())
			p.spawn()
			if code := p.exitCode(); code != 11 {
				t.Errorf("exit code %d", code)
			}
		})
		t.Run("a Hub that goes away before it has a program for it", func(t *testing.T) {
			p, _ := newProcess(t, l, "")
			s, end := p.hub(false)
			p.spawn()
			<-s.Connected()
			end(true)
			if code := p.exitCode(); code != 11 {
				t.Errorf("exit code %d", code)
			}
		})
		t.Run("a Hub that takes its time", func(t *testing.T) {
			p, start := newProcess(t, l, source{
				node: "module.exports = () => 'late'", python: "def run(context, input): return 'late'",
			}.in(l))
			s, end := p.hub(false)
			defer end(true)
			p.spawn()
			<-s.Connected()
			time.Sleep(100 * time.Millisecond) // it loads what every program needs meanwhile
			p.ok(s.Send(p.ctx, "start", start))
			if got := p.untilExit(s); got.output != "late" || got.exit != 0 {
				t.Errorf("%+v", got)
			}
		})
		t.Run("HELLO", func(t *testing.T) {
			p, _ := newProcess(t, l, "")
			s, end := p.hub(false)
			defer end(true)
			p.spawn()
			<-s.Connected()
			hello := s.Hello()
			language := strings.TrimRight(l.name, ".0123456789") + map[bool]string{true: "3"}[l.python()]
			if hello.Language != language || hello.PID != p.cmd.Process.Pid || hello.Input.Limit == 0 ||
				l.python() && !strings.HasPrefix("python"+hello.LanguageVersion+".", l.name+".") {
				t.Errorf("%+v", hello)
			}
		})
	})
}
