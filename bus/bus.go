package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Errors that callers tell apart with errors.Is. Each may carry more text.
var (
	// ErrNotFound: the stream has no such message.
	ErrNotFound = errors.New("no such message")
	// ErrNoStream: there is no stream of that name.
	ErrNoStream = errors.New("no such stream")
	// ErrWrongSequence: the subject does not end where the message expected it to. Nothing was stored.
	ErrWrongSequence = errors.New("the subject has moved on")
	// ErrUnavailable: no answer came, the engine is not running, or the stream stopped after the disk failed. What
	// was published may be stored or not; LastOf tells.
	ErrUnavailable = errors.New("the message store does not answer")
	// ErrFull: the disk or the budget of the store is full. What was published may be stored or not; LastOf tells.
	ErrFull = errors.New("the message store is full")
)

// WrongSequence is what ErrWrongSequence comes with when the engine says where the subject ends.
type WrongSequence struct{ Last uint64 }

func (e *WrongSequence) Error() string {
	return fmt.Sprintf("%v: it ends at %d", ErrWrongSequence, e.Last)
}

// Is makes it an ErrWrongSequence.
func (e *WrongSequence) Is(target error) bool { return target == ErrWrongSequence }

// Config says where a Bus keeps its messages and how much of the disk it may take.
type Config struct {
	Dir      string       // is created when missing; belongs to the Bus alone
	Hub      string       // id of the Hub; names the JetStream domain, "hub-" + Hub
	MaxStore int64        // bytes that all streams together may take
	Log      *slog.Logger // hears of warnings and errors of the engine; nil: nobody
}

func (c Config) validate() error {
	switch {
	case c.Dir == "":
		return errors.New("no folder for messages given")
	case c.Hub == "":
		return errors.New("no id of the Hub given")
	case c.MaxStore <= 0:
		return errors.New("the budget for messages must be above 0 bytes")
	}
	return nil
}

// A Bus is a running engine. All methods may be called from many goroutines at once. Every call ends in bounded time:
// after a few seconds without an answer it fails with ErrUnavailable, and when its ctx ends, with the cause of that.
type Bus struct {
	config Config

	lifecycle sync.Mutex // one of Restart and Close at a time
	closed    bool
	started   *engine // until it has ended: a second one must not open the folder

	mu     sync.RWMutex
	engine *engine // nil while there is none

	revival revival
}

// Open starts the engine on the folder of the Config and reads what is there: some 20 ms for 10,000 subjects, after a
// kill about a second for each GB written in the last two minutes. ctx ends the wait only before and after that. Open
// refuses a folder that a newer engine has written to.
func Open(ctx context.Context, config Config) (*Bus, error) {
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	if err := claimVersion(config.Dir); err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	b := &Bus{config: config}
	if err := b.start(ctx); err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	return b, nil
}

// Close ends the calls that wait, with ErrUnavailable, writes everything to disk and waits until the engine has ended.
// Calls after it fail with ErrUnavailable; a second Close does nothing. An error says that the engine has not ended
// within half a minute; Close may then be called again to wait longer.
func (b *Bus) Close() error {
	b.lifecycle.Lock()
	defer b.lifecycle.Unlock()
	b.closed = true
	if err := b.stop(); err != nil {
		return fmt.Errorf("close bus: %w", err)
	}
	return nil
}

// Restart shuts the engine down and starts it again on the same folder. It is the way out after a disk was full or
// failed, since streams that could not write refuse everything from then on. Other calls fail with ErrUnavailable
// meanwhile. When it returns an error the Bus stays without an engine, and Restart may be tried again.
func (b *Bus) Restart(ctx context.Context) error {
	b.lifecycle.Lock()
	defer b.lifecycle.Unlock()
	if b.closed {
		return fmt.Errorf("restart bus: %w: it is closed", ErrUnavailable)
	}
	if err := b.stop(); err != nil {
		return fmt.Errorf("restart bus: %w", err)
	}
	if err := b.start(ctx); err != nil {
		return fmt.Errorf("restart bus: %w", err)
	}
	return nil
}

// start needs the lifecycle lock, or a Bus that nobody else knows, and no engine that runs.
func (b *Bus) start(ctx context.Context) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.started, err = startEngine(b.config)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return errors.Join(err, b.stop())
	}
	b.mu.Lock()
	b.engine = b.started
	b.mu.Unlock()
	return nil
}

// stop needs the lifecycle lock.
func (b *Bus) stop() error {
	b.mu.Lock()
	b.engine = nil
	b.mu.Unlock()
	if b.started == nil {
		return nil
	}
	if err := b.started.stop(); err != nil {
		return err
	}
	b.started = nil
	return nil
}

func (b *Bus) running() (*engine, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.engine == nil {
		return nil, fmt.Errorf("%w: it is not running", ErrUnavailable)
	}
	return b.engine, nil
}

// How long calls wait for the engine. An fsync on a slow memory card takes a second or two.
const (
	answerWithin = 5 * time.Second  // from one answer to the next
	changeWithin = 30 * time.Second // making, deleting and purging streams
	stopWithin   = 30 * time.Second // the end of the engine
	slowDisk     = 2 << 20          // bytes a second that a batch is given time for
)
