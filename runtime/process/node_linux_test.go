package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"waverider/runner"
	"waverider/runtime"
	"waverider/runtime/process"
)

const identity = `
module.exports = async function* (input) {
  console.log('hello from', require('path').basename(process.cwd()), process.env.HOME === process.cwd());
  yield 'started\n';
  for await (const line of input) yield line;
};
`

// nodePlace is a place whose Runtime looks for Node, with a package.
func nodePlace(t testing.TB, change func(*process.Config)) (*place, string) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("no node here")
	}
	pkg := t.TempDir()
	if err := os.WriteFile(filepath.Join(pkg, "index.js"), []byte(identity), 0o600); err != nil {
		t.Fatal(err)
	}
	return newPlace(t, func(c *process.Config) {
		c.Languages, c.Pool.Size = nil, 1
		if change != nil {
			change(c)
		}
	}), pkg
}

func nodeSpec(p *place, pkg, slot string) runtime.Spec {
	dir := filepath.Join(p.cfg.Dir, "slots", slot)
	return runtime.Spec{
		ID: slot, Language: "node", Package: pkg, Dir: dir, Logs: logsOf(p.cfg.Dir, slot),
		Start: runner.Start{Instance: "instance", Sequence: json.RawMessage(`{"name":"identity"}`), Package: pkg, Main: "index.js", Slot: dir},
	}
}

// firstByte starts spec and returns when its first output byte is here.
func firstByte(t testing.TB, r *process.Runtime, spec runtime.Spec) (runtime.Process, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	began := time.Now()
	p, err := r.Start(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Session().Output().Next(ctx)
	if err != nil {
		t.Fatalf("no output: %v", err)
	}
	took := time.Since(began)
	p.Session().Output().Ack(c.Offset + uint64(len(c.Data)))
	c.Release()
	return p, took
}

func TestNodeProgramRunsColdAndWarm(t *testing.T) {
	p, pkg := nodePlace(t, nil)
	r := p.open()
	if v := r.Engines()["node"]; v == "" {
		t.Fatalf("engines %v", r.Engines())
	}
	cold, _ := firstByte(t, r, nodeSpec(p, pkg, "cold"))
	eventually(t, "a waiting runner", func() bool { return r.Waiting("node") == 1 })
	warm, _ := firstByte(t, r, nodeSpec(p, pkg, "warm"))
	for name, proc := range map[string]runtime.Process{"cold": cold, "warm": warm} {
		if got := echoed(t, proc, "a line\n"); !strings.Contains(got, "a line") {
			t.Errorf("%s: output %q", name, got)
		}
		end(t, proc)
		if out := text(t, proc.Log("stdout")); out != "hello from "+name+" true\n" {
			t.Errorf("%s: stdout %q", name, out)
		}
	}
}

// echoed sends text in, ends the input, and returns all that comes out.
func echoed(t *testing.T, proc runtime.Process, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s := proc.Session()
	if err := s.Send(ctx, "input", map[string]string{"contentType": "text/plain"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Input().Write(ctx, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := s.Input().End(ctx); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for {
		c, err := s.Output().Next(ctx)
		if errors.Is(err, io.EOF) {
			return got.String()
		}
		if err != nil {
			t.Fatalf("output after %q: %v", got.String(), err)
		}
		got.Write(c.Data)
		s.Output().Ack(c.Offset + uint64(len(c.Data)))
		c.Release()
	}
}

// BenchmarkNodeStart tells the time from Start to the first output byte, cold
// and warm, and that of node itself as the limit.
func BenchmarkNodeStart(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("node", "-e", "0").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cold", func(b *testing.B) { benchmarkStart(b, -1) })
	b.Run("warm", func(b *testing.B) { benchmarkStart(b, 1) })
}

func benchmarkStart(b *testing.B, pool int) {
	p, pkg := nodePlace(b, func(c *process.Config) { c.Pool.Size, c.Log = pool, nil })
	r := p.open()
	proc, _ := firstByte(b, r, nodeSpec(p, pkg, "first"))
	finish(b, proc)
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		if pool > 0 {
			eventually(b, "a waiting runner", func() bool { return r.Waiting("node") == pool })
			time.Sleep(100 * time.Millisecond) // it loads ahead while it waits
		}
		spec := nodeSpec(p, pkg, "slot")
		b.StartTimer()
		proc, d := firstByte(b, r, spec)
		b.StopTimer()
		took = append(took, d)
		finish(b, proc)
		os.RemoveAll(spec.Dir)
		b.StartTimer()
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-max")
}

func finish(b *testing.B, p runtime.Process) {
	b.Helper()
	p.Kill()
	if _, err := p.Wait(context.Background()); err != nil {
		b.Error(err)
	}
	if err := p.Release(); err != nil {
		b.Error(err)
	}
}
