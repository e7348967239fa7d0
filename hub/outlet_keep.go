package hub

import (
	"context"
	"math"
	"os"
)

// everything is acked: there is no runner that could send it again.
const everything = math.MaxUint64

// resume gets ready to go on where an earlier Hub process was: with a run whose
// output begins at pos, or with the next one. dir is where that process kept
// what nobody had read.
func (o *outlet) resume(dir string, pos uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pos, o.keptIn = pos, dir
	r := findRest(dir, pos)
	if r.path == "" {
		return nil
	}
	data, err := os.ReadFile(r.path)
	if err == nil {
		o.found, o.foundAt = data, r.from
	}
	return err
}

// recall takes up what was found. It answers false when that goes on beyond
// acked: the runner sends it again. o.mu is held.
func (o *outlet) recall(acked uint64) bool {
	found := o.found
	o.found = nil
	if len(found) == 0 {
		return true
	}
	if o.foundAt+uint64(len(found)) > acked {
		return false
	}
	o.held, o.pos = found, o.foundAt
	return true
}

// keep stores in dir what nobody has read, so that it outlives the program.
// It stays with the outlet too: a reader that comes before the end gets it.
func (o *outlet) keep(dir string) error {
	o.mu.Lock()
	held, pos := o.held, o.pos
	o.keptIn = dir
	o.mu.Unlock()
	_, err := writeRest(dir, pos, held)
	return err
}

// discard removes what was kept: somebody has it now.
func (o *outlet) discard() {
	o.mu.Lock()
	dir, pos := o.keptIn, o.pos
	o.keptIn = ""
	o.mu.Unlock()
	if dir != "" {
		_, _ = writeRest(dir, pos, nil) // it can be read twice then, not lost
	}
}

// drain serves readers of what was held when the output ended, and tells
// every reader that nothing more will come. It returns when ctx ends, or when
// nothing is left.
func (o *outlet) drain(ctx context.Context) {
	for {
		o.mu.Lock()
		held, at, arrived := o.held, o.pos, o.arrived
		if len(held) == 0 {
			o.atEnd = true
			o.closeReaders(nil)
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return
		}
		if o.deliver(held, at) {
			o.mu.Lock()
			o.held = nil
			o.mu.Unlock()
			o.discard()
		}
	}
}

// end keeps what nobody has read in dir and ends all readers. Readers that
// come later are served from there.
func (o *outlet) end(dir string) error {
	o.mu.Lock()
	if o.rest != nil {
		o.mu.Unlock()
		return nil
	}
	o.recall(everything)
	held, pos := o.held, o.pos
	o.opened = make(chan struct{}) // who comes now is served from the file
	o.mu.Unlock()
	if len(held) > 0 && o.deliver(held, pos) {
		held, pos = nil, pos+uint64(len(held))
	}
	kept, err := writeRest(dir, pos, held)
	o.mu.Lock()
	o.rest, o.held = kept, nil
	o.open()
	o.closeReaders(nil)
	o.mu.Unlock()
	return err
}

// nextBase is the offset at which a new run's output goes on.
func (o *outlet) nextBase() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.recall(everything)
	return o.pos + uint64(len(o.held))
}

// restore brings the outlet of an ended Instance back from dir.
func (o *outlet) restore(dir string, pos uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rest = findRest(dir, pos)
	o.pos = o.rest.from
	o.open()
}
