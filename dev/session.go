package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"waverider"
	"waverider/client"
	"waverider/tty"
)

const (
	stopTime = 3 * time.Second  // a program gets to end by itself at a change
	lastTime = time.Second      // and at the end, when somebody waits for the prompt
	endTime  = 15 * time.Second // for everything at the end of the session
)

// Config of Run.
type Config struct {
	Dir     string
	Hub     *client.Client
	Request waverider.StartRequest // how Instances are started
	Input   Input
	Out     io.Writer
	Plain   bool // no colours
}

// session is one run of the command.
type session struct {
	cfg      Config
	show     *printer
	tree     *tree
	feed     *feeder
	sequence waverider.SequenceID // empty until the first package was taken
	revision int
	digest   waverider.Digest // of the package that runs, or ran last
	id       waverider.InstanceID
	run      *run // nil: nothing runs
	again    bool // try again though nothing in the folder changes
}

// Run works until ctx ends, and then takes the program off the Hub again. What
// is wrong with the program is shown, and ends nothing.
func Run(ctx context.Context, cfg Config) (err error) {
	if _, err := os.Stat(filepath.Join(cfg.Dir, "package.json")); err != nil {
		return waverider.Errorf(waverider.NotFound, "no package.json in %s; `waverider init %s` writes a project", cfg.Dir, cfg.Dir)
	}
	ctx, out, leave := tty.UntilGone(ctx, cfg.Out)
	defer leave()
	s := &session{
		cfg: cfg, show: newPrinter(out, tty.Of(cfg.Out, cfg.Plain)),
		id: waverider.InstanceID(uuid.NewString()),
	}
	if s.tree, err = newTree(cfg.Dir); err != nil {
		return err
	}
	if s.feed, err = newFeeder(ctx, cfg.Input); err != nil {
		return err
	}
	s.cfg.Request.InstanceID = s.id
	watching, stop := context.WithCancel(ctx)
	changes, watched := make(chan struct{}, 1), make(chan error, 1)
	go func() { watched <- s.tree.watch(watching, changes, s.show) }()
	defer func() {
		stop()
		err = errors.Join(err, <-watched, s.end())
		s.show.close()
	}()
	s.turn(ctx)
	for ctx.Err() == nil {
		select {
		case <-changes:
			s.turn(ctx)
		case <-s.ended():
			s.tellEnd(ctx)
		case <-ctx.Done():
		}
	}
	return nil
}

// turn brings the Hub to what is in the folder now.
func (s *session) turn(ctx context.Context) {
	changed, err := s.tree.changed()
	if err != nil {
		s.show.fault("cannot read the folder", err)
		return
	}
	if !changed && !s.again {
		return
	}
	err = s.replace(ctx)
	s.again = errors.Is(err, errNotInstalled)
	if err != nil && ctx.Err() == nil {
		s.show.fault("", err)
		what := "waiting for a change"
		if s.run != nil {
			what = fmt.Sprintf("revision %d runs on; waiting for a change", s.revision)
		}
		s.show.say("%s", what)
	}
}

// replace builds, sends and starts what is in the folder. Until the Hub has
// taken it the old one runs on.
func (s *session) replace(ctx context.Context) error {
	if err := build(ctx, s.cfg.Dir, s.show); err != nil {
		return err
	}
	began := time.Now()
	packed, file, err := pack(ctx, s.cfg.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close(); _ = os.Remove(file.Name()) }()
	if packed.Digest == s.digest && s.run != nil {
		return nil // a change of something that is not in the package
	}
	if err := s.send(ctx, packed, file); err != nil {
		return err
	}
	s.digest = packed.Digest
	if err := s.stop(ctx, stopTime); err != nil {
		return err
	}
	return s.start(ctx, packed, began)
}

func pack(ctx context.Context, dir string) (packed client.Packed, file *os.File, err error) {
	if file, err = os.CreateTemp("", "waverider-dev-*.tar.gz"); err != nil {
		return packed, nil, fmt.Errorf("pack: %w", err)
	}
	packed, err = client.Pack(ctx, dir, file, client.PackOptions{})
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
	return packed, file, err
}

func (s *session) send(ctx context.Context, packed client.Packed, body io.Reader) (err error) {
	p := client.Package{Body: io.NopCloser(body), Size: packed.Size}
	if s.sequence == "" {
		s.sequence, err = s.cfg.Hub.SendSequence(ctx, p)
	} else {
		_, err = s.cfg.Hub.UpdateSequence(ctx, string(s.sequence), p)
	}
	if err == nil {
		s.revision++
	}
	return err
}

func (s *session) start(ctx context.Context, packed client.Packed, began time.Time) error {
	_, err := s.cfg.Hub.StartSequence(ctx, string(s.sequence), s.cfg.Request)
	if failedToLoad(err) {
		if place := s.tree.syntaxFault(ctx); place != "" {
			return fmt.Errorf("syntax error: %s", place)
		}
	}
	if err != nil {
		s.lastWords(ctx)
		return err
	}
	s.show.say("revision %d of %s runs as %.8s: %s, %s, started in %s", s.revision, name(packed), s.id,
		count(packed.Files, "file"), size(packed.Size), time.Since(began).Round(time.Millisecond))
	s.run = begin(ctx, s.cfg.Hub, string(s.id), s.show, s.feed)
	return nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func name(p client.Packed) string {
	if p.Manifest.Name != "" {
		return p.Manifest.Name
	}
	return "the program"
}

// stop ends the Instance, if there is one, and what follows it. Its slot stays:
// the next start has its id, and what the program saved.
func (s *session) stop(ctx context.Context, limit time.Duration) error {
	if s.run == nil {
		return nil
	}
	r := s.run
	s.run = nil
	_, err := s.cfg.Hub.StopInstance(ctx, string(s.id), limit, false)
	switch waverider.KindOf(err) {
	case waverider.NotFound, waverider.Gone:
		err = nil
	}
	r.finish(err == nil)
	if err != nil {
		return fmt.Errorf("stop revision %d: %w", s.revision-1, err)
	}
	return nil
}

// ended is closed when the program has ended by itself.
func (s *session) ended() <-chan struct{} {
	if s.run == nil {
		return nil
	}
	return s.run.done
}

func (s *session) tellEnd(ctx context.Context) {
	r := s.run
	s.run = nil
	r.finish(true)
	i, err := s.cfg.Hub.Instance(ctx, string(s.id))
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.show.fault("the program is gone", err)
	case i.Terminated == nil:
		s.show.say("the program is %s", i.Status)
	case i.Terminated.ExitCode == 0:
		s.show.say("the program has ended: %s", i.Terminated.Reason)
	default:
		s.show.fault(fmt.Sprintf("the program has ended with exit code %d", i.Terminated.ExitCode), endError(i))
	}
	s.show.say("waiting for a change")
}

func endError(i client.Instance) error {
	if i.Error != "" {
		return errors.New(i.Error)
	}
	return errors.New(i.Terminated.Reason)
}

// end takes the program off the Hub. It works though the session's context has
// ended.
func (s *session) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	running := s.run != nil
	errs := []error{s.stop(ctx, lastTime)}
	if s.sequence != "" {
		errs = append(errs, s.forget(ctx))
	}
	if running && errors.Join(errs...) == nil {
		s.show.say("stopped, and taken off the Hub")
	}
	return errors.Join(errs...)
}

func (s *session) forget(ctx context.Context) error {
	_, err := s.cfg.Hub.KillInstance(ctx, string(s.id), true)
	if err == nil || waverider.KindOf(err) == waverider.NotFound {
		err = s.cfg.Hub.DeleteSequence(ctx, string(s.sequence), true)
	}
	if waverider.KindOf(err) == waverider.NotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take the program off the Hub: %w", err)
	}
	return nil
}
