package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"waverider/internal/testhub"
)

// duplex is a way in and a way out of a running program: over the Hub, over
// the relay, or over bare pipes. The same driver measures all three.
type duplex struct {
	in    io.Writer
	out   io.Reader
	pid   int // of the program's process
	close func() error
}

// hubDuplex opens input and output of an Instance.
func hubDuplex(ctx context.Context, h *testhub.Hub, id, contentType string) (*duplex, error) {
	in, err := h.Input(ctx, id, contentType, -1, false)
	if err != nil {
		return nil, err
	}
	out, err := h.Output(ctx, id, 0)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	pid, err := h.RunnerPID(ctx, id)
	return &duplex{in, out, pid, func() error { return errors.Join(in.Close(), out.Close()) }}, err
}

// relayDuplex runs the relay around a bare program.
func (g *rig) relayDuplex(ctx context.Context, args ...string) (*duplex, error) {
	return g.relay(ctx, append([]string{g.interpreter(args)}, args...)...)
}

// bareRelay runs the relay around nothing.
func (g *rig) bareRelay(ctx context.Context) (*duplex, error) { return g.relay(ctx) }

func (g *rig) relay(ctx context.Context, command ...string) (*duplex, error) {
	f, err := g.startFloor(ctx, append([]string{"__relay"}, command...)...)
	if err != nil {
		return nil, err
	}
	api := testhub.At(f.addr)
	in, err := api.Post(ctx, "/in")
	if err != nil {
		f.close()
		return nil, err
	}
	out, err := api.GetRaw(ctx, "/out")
	if err != nil {
		f.close()
		return nil, errors.Join(err, in.Close())
	}
	return &duplex{in, out, childOf(f.cmd.Process.Pid), func() error {
		err := errors.Join(in.Close(), out.Close())
		f.close()
		return err
	}}, nil
}

// pipeDuplex runs a bare program on pipes.
func (g *rig) pipeDuplex(ctx context.Context, args ...string) (*duplex, error) {
	cmd := g.command(ctx, g.interpreter(args), args...)
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		return nil, err
	}
	return &duplex{in, out, cmd.Process.Pid, func() error {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed: always an error
		return nil
	}}, nil
}

// childOf is the one child of a process; 0 when it has none.
func childOf(pid int) int {
	tree, err := testhub.Tree(pid)
	if err != nil || len(tree) < 2 {
		return 0
	}
	return tree[1].PID
}

// spent runs a transfer and adds the processor time that the program had for
// it to ticks: other work on the machine does not change that much.
func (d *duplex) spent(data []byte, ticks *uint64) (time.Duration, error) {
	before := testhub.CPUTicks(d.pid)
	took, err := d.transfer(data, false)
	*ticks += testhub.CPUTicks(d.pid) - before
	return took, err
}

const pieceSize = 256 << 10

// transfer sends data and returns how long it took until as many bytes came
// back. With check it compares them.
func (d *duplex) transfer(data []byte, check bool) (time.Duration, error) {
	sent := make(chan error, 1)
	began := time.Now()
	go func() {
		for rest := data; len(rest) > 0; {
			n := min(len(rest), pieceSize)
			if _, err := d.in.Write(rest[:n]); err != nil {
				sent <- err
				return
			}
			rest = rest[n:]
		}
		sent <- nil
	}()
	err := d.receive(data, check)
	took := time.Since(began)
	if err != nil {
		err = errors.Join(err, d.close()) // wakes the sender
		<-sent
		return took, err
	}
	return took, <-sent
}

func (d *duplex) receive(data []byte, check bool) error {
	var sum hash.Hash
	if check {
		sum = sha256.New()
	}
	buf := make([]byte, pieceSize)
	for got := 0; got < len(data); {
		n, err := d.out.Read(buf)
		if got += n; got > len(data) {
			return fmt.Errorf("%d bytes came back for %d sent", got, len(data))
		}
		if check {
			sum.Write(buf[:n])
		}
		if err != nil && got < len(data) {
			return fmt.Errorf("after %d of %d bytes: %w", got, len(data), err)
		}
	}
	if want := sha256.Sum256(data); check && !bytes.Equal(sum.Sum(nil), want[:]) {
		return errors.New("the bytes that came back are not those that were sent")
	}
	return nil
}

// prepare warms a duplex up, and moves data once to compare it.
func (d *duplex) prepare(data []byte) error {
	warm := data[:len(data)/8]
	warm = warm[:bytes.LastIndexByte(warm, '\n')+1] // whole lines
	for _, part := range [][]byte{warm, data} {
		if _, err := d.transfer(part, true); err != nil {
			return err
		}
	}
	return nil
}

// latency is the time of one line there and back, trip after trip.
func (d *duplex) latency(line []byte, trips int) (series, error) {
	return repeat(trips, func() (time.Duration, error) { return d.roundTrip(line) })
}
