package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

var errNoPython = errors.New("python3 is not on the PATH, so there is nothing to measure")

// benchPython takes what a Python Instance costs beside the bytes it moves.
func benchPython(ctx context.Context, g *rig) ([]figure, error) {
	if g.python == "" {
		return nil, errNoPython
	}
	figures, err := g.pythonStarts(ctx)
	if err != nil {
		return figures, err
	}
	memory, err := g.pythonMemory(ctx)
	figures = append(figures, memory...)
	if err != nil {
		return figures, err
	}
	f, err := g.latency(ctx, passage{program: "identity.py", contentType: "text/plain", relay: true,
		bare: []string{g.program("bare.py"), "text"}})
	if err != nil {
		return figures, fmt.Errorf("latency: %w", err)
	}
	f.Name, f.Goal, f.LimitName = "Python, line in to line out, p50", 0.15, "relay to bare python3"
	return append(figures, f), nil
}

func (g *rig) pythonStarts(ctx context.Context) ([]figure, error) {
	warm, floor, err := g.timeStarts(ctx, "instant.py", "1", func() (time.Duration, error) {
		return g.timeWarmFloor(ctx, "bare-warm.py", "instant.py")
	})
	if err != nil {
		return nil, fmt.Errorf("warm: %w", err)
	}
	figures := []figure{{Name: "Python, start to first byte, warm", Value: millis(warm.median()), Unit: "ms", Goal: 8,
		Limit: millis(floor.median()), LimitName: "waiting bare python3", Note: warm.note()}}
	cold, floor, err := g.timeStarts(ctx, "instant.py", "0", func() (time.Duration, error) {
		began := time.Now()
		err := g.command(ctx, g.python, "-I", "-S", "-c", "0").Run()
		return time.Since(began), err
	})
	if err != nil {
		return figures, fmt.Errorf("cold: %w", err)
	}
	return append(figures, figure{Name: "Python, start to first byte, cold", Value: millis(cold.median()), Unit: "ms", Goal: 35,
		Limit: millis(floor.median()), LimitName: "python3 -I -S -c 0", Note: cold.note()}), nil
}

func (g *rig) pythonMemory(ctx context.Context) ([]figure, error) {
	bare, err := g.barePSS(ctx, g.python, "-I", "-S", "-c", "import time; time.sleep(1e6)")
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, c := range []struct {
		program, name string
		goal          float64
	}{{"identity.py", "idle Python Instance", 14}, {"asyncio.py", "idle Python Instance, asyncio loaded", 0}} {
		w, err := g.weigh(ctx, c.program)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", c.name, err)
		}
		figures = append(figures, figure{Name: c.name, Value: megabytes(w.pss), Unit: "MB", Goal: c.goal,
			Limit: megabytes(bare), LimitName: "bare python3, waiting",
			Note: fmt.Sprintf("PSS of %d processes; RSS %.1f MB", w.processes, megabytes(w.rss))})
	}
	return figures, nil
}

func benchPythonBytes(ctx context.Context, g *rig) ([]figure, error) {
	if g.python == "" {
		return nil, errNoPython
	}
	data := make([]byte, 256<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // never fails
	var figures []figure
	for _, c := range []struct{ program, name string }{
		{"return.py", "256 MB through Python, return input"}, {"identity.py", "256 MB through Python, async generator"},
	} {
		o, err := passage{program: c.program, contentType: "application/octet-stream", runs: 5,
			bare: []string{g.program("bare.py")}}.run(ctx, g, data)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", c.name, err)
		}
		f := o.figure(c.name, "MB/s", len(data), mega)
		f.Goal, f.RatioGoal, f.LimitName = 100, 0.6, "bare program on pipes"
		figures = append(figures, f)
	}
	return figures, nil
}

func benchPythonObjects(ctx context.Context, g *rig) ([]figure, error) {
	if g.python == "" {
		return nil, errNoPython
	}
	data := objectLines(500_000)
	var figures []figure
	for _, c := range []struct{ program, name string }{
		{"return.py", "NDJSON through Python, return input"}, {"generator.py", "NDJSON through Python, generator"},
		{"identity.py", "NDJSON through Python, async generator"},
	} {
		o, err := passage{program: c.program, contentType: "application/x-ndjson", runs: 3,
			bare: []string{g.program("bare-objects.py")}}.run(ctx, g, data)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", c.name, err)
		}
		f := o.figure(c.name, "/s", len(data)/lineSize, 1)
		f.RatioGoal, f.LimitName = 0.6, "bare loop on pipes"
		figures = append(figures, f)
	}
	return figures, nil
}
