package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"waverider/internal/testhub"
)

// benchUpload sends packages that the Hub has not seen before.
func benchUpload(ctx context.Context, g *rig) (figures []figure, err error) {
	err = g.withHub(ctx, []string{"--warm-pool", "0"}, func(h *testhub.Hub) error {
		for _, c := range []struct {
			name       string
			size, runs int
			goal       float64
		}{{"upload, 2 KB", 2 << 10, 15, 3}, {"upload, 20 MB", 20 << 20, 7, 100}} {
			f, err := g.uploads(ctx, h, c.size, c.runs)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			f.Name, f.Goal = c.name, c.goal
			figures = append(figures, f)
		}
		return nil
	})
	return figures, err
}

// uploads takes the time of uploads that are new to the Hub. None is removed
// meanwhile: for a while after files were removed ext4 looks for an inode that
// was not freed a moment ago, which makes each new file take 0.7 ms.
func (g *rig) uploads(ctx context.Context, h *testhub.Hub, size, runs int) (figure, error) {
	var ours, floor series
	var packed int
	for seed := range runs + 1 {
		pkg, err := randomPackage(size, byte(seed))
		if err != nil {
			return figure{}, err
		}
		packed = len(pkg)
		began := time.Now()
		_, err = h.Upload(ctx, pkg)
		took := time.Since(began)
		if err != nil {
			return figure{}, err
		}
		least, err := timeWrite(filepath.Join(h.DataDir(), "bench"), pkg)
		if err != nil {
			return figure{}, err
		}
		if seed > 0 { // the first warms up
			ours, floor = append(ours, took), append(floor, least)
		}
	}
	return figure{Value: millis(ours.median()), Unit: "ms", Limit: millis(floor.median()), LimitName: "write + fsync",
		Note: fmt.Sprintf("%s bytes packed; %s", quantity(float64(packed), ""), ours.note())}, nil
}

// randomPackage is a package of about size bytes when packed: in files of 100
// KB, three quarters of its packed bytes can't be compressed and one is text.
func randomPackage(size int, seed byte) ([]byte, error) {
	const overhead, textRatio = 400, 2 // of a package with next to nothing in it; of our text when packed
	source := rand.NewChaCha8([32]byte{seed, byte(size)})
	files := map[string][]byte{}
	for rest, i := max(size-overhead, 0), 0; rest > 0; i++ {
		n := min(rest, 100<<10)
		rest -= n
		data := make([]byte, n)
		_, _ = source.Read(data) // never fails
		if i%4 == 3 {
			data = wordy(data, n*textRatio)
		}
		files[fmt.Sprintf("lib/file%d.js", i)] = data
	}
	return testhub.Pack("bench-upload", "module.exports = () => [1];\n", files)
}

func wordy(random []byte, size int) []byte {
	words := strings.Fields("const function return module exports require input output stream for await of let if else new " +
		"number string object async yield class this error value index length chunk record buffer event")
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		r := random[i%len(random)]
		b.WriteString(words[int(r)%len(words)])
		b.WriteByte(" \n(.;{"[r>>5%6])
	}
	return []byte(b.String()[:size])
}

func timeWrite(path string, data []byte) (time.Duration, error) {
	began := time.Now()
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	return time.Since(began), errors.Join(err, os.Remove(path))
}

// benchEnd takes the time of the ways in which an Instance ends.
func benchEnd(ctx context.Context, g *rig) ([]figure, error) {
	const runs = 5
	var stops, kills, removals series
	err := g.withHub(ctx, nil, func(h *testhub.Hub) error {
		idle, err := g.upload(ctx, h, "identity.js")
		if err != nil {
			return err
		}
		busy, err := g.upload(ctx, h, "busy.js")
		if err != nil {
			return err
		}
		if stops, err = repeat(runs, func() (time.Duration, error) { return timeStop(ctx, h, idle) }); err != nil {
			return fmt.Errorf("stop: %w", err)
		}
		if kills, err = repeat(runs, func() (time.Duration, error) { return timeKill(ctx, h, busy) }); err != nil {
			return fmt.Errorf("kill: %w", err)
		}
		removals, err = repeat(runs, func() (time.Duration, error) { return timeRemove(ctx, h, idle) })
		return err
	})
	if err != nil {
		return nil, err
	}
	floor, err := repeat(runs, func() (time.Duration, error) { return g.timeKillFloor(ctx) })
	limit, name := millis(floor.median()), "SIGKILL of a bare busy node"
	return []figure{
		{Name: "stop of an idle Instance", Value: millis(stops.median()), Unit: "ms", Goal: 1000, Limit: limit, LimitName: name, Note: stops.note()},
		{Name: "kill of a busy loop to its processes gone", Value: millis(kills.median()), Unit: "ms", Goal: 1000, Limit: limit, LimitName: name, Note: kills.note()},
		{Name: "removeImmediately to 404", Value: millis(removals.median()), Unit: "ms", Goal: 100, Limit: limit, LimitName: name, Note: removals.note()},
	}, err
}

func timeStop(ctx context.Context, h *testhub.Hub, seq string) (time.Duration, error) {
	id, err := h.StartInstance(ctx, seq, testhub.Start{})
	if err != nil {
		return 0, err
	}
	pid, err := h.RunnerPID(ctx, id)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := h.Stop(ctx, id, 7*time.Second); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if p, err := testhub.Look(pid); err == nil && p.State != 'Z' {
		return 0, fmt.Errorf("stop has answered, but process %d runs", pid)
	}
	in, err := h.Instance(ctx, id)
	if err == nil && !in.Ended() {
		err = fmt.Errorf("stop has answered, but the Instance is %s", in.Status)
	}
	return took, err
}

func timeKill(ctx context.Context, h *testhub.Hub, seq string) (time.Duration, error) {
	id, err := h.StartInstance(ctx, seq, testhub.Start{})
	if err != nil {
		return 0, err
	}
	out, err := h.Output(ctx, id, 0)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		return 0, err
	}
	pid, err := h.RunnerPID(ctx, id)
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, 100*time.Millisecond); err != nil { // it is in its loop by now
		return 0, err
	}
	began := time.Now()
	if err := h.Kill(ctx, id, false); err != nil {
		return 0, err
	}
	err = awaitGone(ctx, pid)
	return time.Since(began), err
}

func awaitGone(ctx context.Context, pid int) error {
	for tick := time.NewTicker(time.Millisecond); ; {
		if p, err := testhub.Look(pid); err != nil || p.State == 'Z' {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("process %d is still there: %w", pid, ctx.Err())
		}
	}
}

func timeRemove(ctx context.Context, h *testhub.Hub, seq string) (time.Duration, error) {
	id, err := h.StartInstance(ctx, seq, testhub.Start{})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := h.Kill(ctx, id, true); err != nil {
		return 0, err
	}
	for ctx.Err() == nil {
		var status *testhub.StatusError
		_, err := h.Instance(ctx, id)
		if errors.As(err, &status) && status.Status == http.StatusNotFound {
			return time.Since(began), nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, ctx.Err()
}

func (g *rig) timeKillFloor(ctx context.Context) (time.Duration, error) {
	d := g.nodeCommand(ctx, "-e", "process.stdout.write('x'); for (;;);")
	out, err := d.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := d.Start(); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(out, make([]byte, 1))
	began := time.Now()
	killed := d.Process.Signal(syscall.SIGKILL)
	_ = d.Wait() // killed: always an error
	return time.Since(began), errors.Join(err, killed)
}

// benchSize weighs the binary as it is shipped.
func benchSize(_ context.Context, g *rig) ([]figure, error) {
	info, err := os.Stat(g.binary)
	if err != nil {
		return nil, err
	}
	f := figure{Name: "binary", Value: megabytes(info.Size()), Unit: "MB", Goal: 30, Note: "stripped"}
	if file, err := elf.Open(g.binary); err == nil { // elsewhere than on Linux there is no telling
		if file.Section(".symtab") != nil {
			f.Note = "NOT stripped: build with -ldflags '-s -w'"
		}
		return []figure{f}, file.Close()
	}
	return []figure{f}, nil
}
