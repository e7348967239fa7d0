package dev

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"waverider"
	"waverider/client"
)

// Input is what the program is fed with.
type Input struct {
	File string    // a file, given whole to each Instance; "-" is Live; empty: nothing
	Type string    // content type; empty: by the file's name
	Live io.Reader // read on, line for line, by one Instance after the other
}

// types of files by the end of their names.
var types = map[string]string{
	".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson", ".json": "application/x-ndjson",
	".txt": "text/plain", ".csv": "text/plain", ".log": "text/plain",
}

// feeder feeds Instances, one at a time.
type feeder struct {
	Input
	lines chan []byte // of Live; closed at its end
	held  []byte      // a line that was taken and not delivered
}

func newFeeder(ctx context.Context, in Input) (*feeder, error) {
	f := &feeder{Input: in}
	if f.File == "" {
		return f, nil
	}
	if f.File == "-" {
		if f.Type == "" {
			f.Type = "text/plain"
		}
		f.lines = make(chan []byte)
		// Nobody waits for it: a read of a terminal cannot be ended.
		go f.readLive(ctx)
		return f, nil
	}
	if _, err := os.Stat(f.File); err != nil {
		return nil, waverider.Errorf(waverider.NotFound, "--input: %s", err)
	}
	if f.Type == "" {
		if f.Type = types[filepath.Ext(f.File)]; f.Type == "" {
			f.Type = "application/octet-stream"
		}
	}
	return f, nil
}

func (f *feeder) readLive(ctx context.Context) {
	defer close(f.lines)
	for r := bufio.NewReader(f.Live); ; {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			select {
			case f.lines <- line:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// run feeds one Instance until its input has ended or ctx does.
func (f *feeder) run(ctx context.Context, hub *client.Client, id string) error {
	switch f.File {
	case "":
		return nil
	case "-":
		return f.live(ctx, hub, id)
	}
	file, err := os.Open(f.File)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer file.Close()
	err = hub.WriteInput(ctx, id, file, client.InputOptions{ContentType: f.Type})
	if waverider.KindOf(err) == waverider.Gone {
		return nil // the program ended without reading all of it, as it may
	}
	return err
}

func (f *feeder) live(ctx context.Context, hub *client.Client, id string) error {
	for {
		if f.held == nil {
			select {
			case line, more := <-f.lines:
				if !more {
					return hub.WriteInput(ctx, id, bytes.NewReader(nil), client.InputOptions{ContentType: f.Type})
				}
				f.held = line
			case <-ctx.Done():
				return nil
			}
		}
		err := hub.WriteInput(ctx, id, bytes.NewReader(f.held), client.InputOptions{ContentType: f.Type, KeepOpen: true})
		if err != nil {
			return ignoreCancel(err) // the line is the next Instance's
		}
		f.held = nil
	}
}

func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
