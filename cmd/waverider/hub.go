package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/auth"
	"waverider/datadir"
	"waverider/host"
	"waverider/hub"
	"waverider/hub/uplink"
	"waverider/lastlines"
	"waverider/runtime"
	"waverider/topic"
	"waverider/wire"
)

// stopGrace is how long programs may take when the Hub ends them.
const stopGrace = 7 * time.Second

func hubCommand() *cobra.Command {
	var c hubConfig
	var owned bool
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Run a Hub, or look at one",
		Long: `Run a Hub: it keeps Sequences, runs Instances of them, and answers the REST API.

Without flags it answers this machine only, and wants no tokens. To be reached by others
it needs TLS and tokens, or to be told that it does not.

Ctrl-C ends the Instances and the Hub; a second one does not wait for their stop
handlers. SIGTERM ends the Hub alone: the Instances run on,
and a Hub started again with the same data dir takes them over, so that it can be
upgraded under them (--kill-on-exit ends them too).

Each flag can be set in the environment (--data-dir as WAVERIDER_DATA_DIR) and in the
file of --config (as data-dir); "waverider config" shows the result.`,
		Example: `  waverider hub
  waverider hub --listen 127.0.0.1:0 --data-dir ./data
  waverider hub --listen :8443 --tls-cert cert.pem --tls-key key.pem --token-file ./token --host hub.example.org
  waverider hub --config hub.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(settingsOf(cmd), os.LookupEnv)
			if err != nil {
				return err
			}
			if err := c.Validate(); err != nil {
				return err
			}
			ctx := cmd.Context()
			if owned {
				ctx = untilEnd(ctx, cmd.InOrStdin())
			}
			return runHub(ctx, &c, s, cmd.OutOrStdout())
		},
	}
	c.register(cmd.Flags())
	cmd.Flags().BoolVar(&owned, ownedFlag, false, "end as by Ctrl-C when stdin ends")
	_ = cmd.Flags().MarkHidden(ownedFlag)
	return cmd
}

// ownedFlag ties a Hub to the command that has started it: the other end of its
// stdin closes however that command ends.
const ownedFlag = "end-with-stdin"

// untilEnd is a context that ends with ctx, or as by Ctrl-C when r does.
func untilEnd(ctx context.Context, r io.Reader) context.Context {
	ctx, end := context.WithCancelCause(ctx)
	// Nobody waits for it: a read of stdin cannot be ended.
	go func() {
		_, _ = io.Copy(io.Discard, r)
		end(signalError{os.Interrupt})
	}()
	return ctx
}

// house is a Hub with everything around it, brought up step by step and taken
// down in the opposite order.
type house struct {
	cfg  *hubConfig
	more extras
	log  *slog.Logger
	ring *lastlines.Ring
	data *datadir.Dir
	key  *auth.Key
	id   string
	tls  *tls.Config

	public   net.Listener // the API of everyone
	instance net.Listener // the API of Instances, a Unix socket
	runtime  runtime.Runtime
	topics   *topic.Store
	uplink   *uplink.Uplink // nil: the Hub has no Space
	killed   bool           // the Instances were ended, so their keeper goes too
	closers  []func() error // last first
}

// extras are what a command gives to the Hub it runs beside its configuration.
type extras struct {
	handler  slog.Handler
	warnings []string
	config   func(effective map[string]any) map[string]any // what GET /config shows; nil: effective itself
	env      map[string]string                             // of every program
	limits   waverider.Limits                              // of Instances without limits of their own
	linger   bool                                          // Instances run on after Ctrl-C too

	open  func(ctx context.Context, h *house, core *hub.Hub) error // before anyone can call; nil: nothing
	serve func(ctx context.Context, h *house, core *hub.Hub) error // while all can; its end is the Hub's
}

// runHub runs a Hub until ctx ends, and prints where it is.
func runHub(ctx context.Context, c *hubConfig, s *settings, out io.Writer) error {
	h := newHouse(c, extras{
		handler: logHandler(c.LogLevel, c.LogFormat, os.Stderr), warnings: c.warnings(),
		serve: func(ctx context.Context, h *house, _ *hub.Hub) error {
			if err := h.announce(out); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		},
	})
	return h.run(ctx, s)
}

func newHouse(c *hubConfig, more extras) *house {
	h := &house{cfg: c, more: more, ring: lastlines.New(0)}
	h.log = slog.New(h.ring.Handler(more.handler, "Hub"))
	return h
}

// run runs the Hub until ctx ends.
func (h *house) run(ctx context.Context, s *settings) (err error) {
	for _, w := range h.more.warnings {
		h.log.Warn(w)
	}
	defer func() { err = errors.Join(err, h.close()) }()
	for _, step := range []func(context.Context) error{h.openData, h.openIdentity, h.openTLS, h.listen, h.openTopics, h.openUplink, h.openRuntime} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	core, err := hub.Open(ctx, h.hubConfig(s))
	if err != nil {
		return err
	}
	if h.more.open != nil {
		if err := h.more.open(ctx, h, core); err != nil {
			return errors.Join(err, core.Close(false, 0))
		}
	}
	return h.serve(ctx, core)
}

func (h *house) hubConfig(s *settings) hub.Config {
	c := h.cfg
	effective := s.effective(c, h.id, h.public.Addr())
	if h.more.config != nil {
		effective = h.more.config(effective)
	}
	return hub.Config{
		DataDir: h.data, Runtime: h.runtime, Topics: h.topics, ID: h.id, Name: c.Name, Build: buildVersion(),
		Key: h.key, APISocket: h.instance.Addr().String(),
		Env: h.more.env, Limits: h.more.limits,
		Restart: waverider.RestartPolicy(c.Restart), StartTimeout: c.StartWait, RetainEnded: c.Lifetime, MaxEnded: c.MaxEnded,
		LogLimit: c.LogLimit << 20, MinFreeDisk: c.FreeDisk << 20, MinFreeMem: c.FreeMemory << 20,
		Effective: effective, Log: h.log, Lines: h.ring,
		Linked: h.uplink.Joined, Link: h.uplink.Status, LinkMetrics: h.uplink.WriteMetrics, Reads: h.uplink.Reads,
		Ask: h.uplink.Ask, Asked: h.uplink.Asked, CallSpace: h.uplink.Call,
	}
}

// kills tells whether the end of ctx is the end of the Instances too: Ctrl-C
// at a terminal is, the SIGTERM of an upgrade is not.
func (h *house) kills(ctx context.Context) bool {
	var s signalError
	return h.cfg.KillOnExit || !h.more.linger && errors.As(context.Cause(ctx), &s) && s.Signal == os.Interrupt
}

func (h *house) onClose(f func() error) { h.closers = append(h.closers, f) }

func (h *house) close() error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		errs = append(errs, h.closers[i]())
	}
	return errors.Join(errs...)
}

func (h *house) openData(context.Context) (err error) {
	if h.data, err = hub.OpenDataDir(h.cfg.DataDir); err != nil {
		return err
	}
	h.onClose(h.data.Close)
	return nil
}

func (h *house) openIdentity(context.Context) (err error) {
	if h.key, err = auth.OpenKey(h.data.Path("identity.key")); err != nil {
		return fmt.Errorf("open identity: %w", err)
	}
	if h.id = h.cfg.ID; h.id == "" {
		h.id = h.key.ID()
	}
	if h.cfg.TokenFile == "" {
		return nil
	}
	made, err := h.key.AdminTokenFile(h.cfg.TokenFile)
	if made {
		h.log.Info("admin token written", "file", h.cfg.TokenFile)
	}
	return err
}

func (h *house) openTopics(ctx context.Context) (err error) {
	limit := h.cfg.TopicDisk << 20
	if limit == 0 {
		if limit, err = host.DiskSize(h.cfg.DataDir); err != nil {
			return err
		}
	}
	// The key's id, not --id: what is stored belongs to this Hub whatever it is called.
	h.topics, err = topic.Open(ctx, topic.Config{Dir: h.data.Path("topics"), Hub: h.key.ID(), MaxStore: limit,
		MinFree: h.cfg.FreeDisk << 20, Log: h.log})
	if err != nil {
		return fmt.Errorf("open Topics: %w", err)
	}
	h.onClose(h.topics.Close)
	return nil
}

func (h *house) openTLS(context.Context) error {
	if h.cfg.TLSCert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(h.cfg.TLSCert, h.cfg.TLSKey)
	if err != nil {
		return fmt.Errorf("read TLS certificate: %w", err)
	}
	h.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return nil
}

func (h *house) listen(ctx context.Context) (err error) {
	if h.public, err = wire.Listen(ctx, h.cfg.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	h.onClose(closeListener(h.public))
	return nil
}

// closeListener closes one that the server may have closed already.
func closeListener(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// serve answers until ctx ends, or a part fails. Instances can call their Hub
// until they have ended, so their socket is the last to close.
func (h *house) serve(ctx context.Context, core *hub.Hub) error {
	mux := wire.NewMux(h.log)
	core.Routes(mux)
	h.uplink.Attach(uplink.Core{
		API:  func(gate *auth.Gate) http.Handler { return mux.Serve(wire.Access{Gate: gate}) },
		Load: func() (any, error) { return core.Load() }, Entities: core.Entities,
		Audit: core.Audit,
	})
	public := &wire.Server{Log: h.log, TLS: h.tls, Handler: mux.Serve(wire.Access{
		Gate:  &auth.Gate{Open: h.cfg.TokenFile == "", Key: h.key},
		Guard: &wire.Guard{Listen: h.public.Addr(), Hosts: h.cfg.Hosts, CORS: h.cfg.CORS},
	})}
	instance := &wire.Server{Log: h.log, Handler: mux.Serve(wire.Access{Gate: &auth.Gate{Key: h.key, Instances: true}})}
	return together(context.WithoutCancel(ctx),
		func(ctx context.Context) error { return instance.Run(ctx, h.instance) },
		func(inner context.Context) error {
			ctx, stop := both(ctx, inner)
			defer stop()
			err := together(ctx, core.Run, h.uplink.Run,
				func(ctx context.Context) error { return public.Run(ctx, h.public) },
				func(ctx context.Context) error { return h.more.serve(ctx, h, core) })
			kill := h.kills(ctx) || h.killed
			why := "its work is done"
			if cause := context.Cause(ctx); cause != nil {
				why = cause.Error()
			}
			h.log.Info("hub stopping", "cause", why, "kill", kill)
			h.killed = kill
			if kill {
				defer onInterrupt(core.Hurry)()
			}
			return errors.Join(err, core.Close(kill, stopGrace))
		})
}

// announce prints the real address, for people and for scripts that started
// the Hub on port 0.
func (h *house) announce(out io.Writer) error {
	h.log.Info("hub running", "hub", h.id, "address", h.public.Addr().String(), "data", h.data.Path())
	_, err := fmt.Fprintf(out, "Waverider Hub %s is Running! %s%s\n", h.id, h.url(), wire.Base)
	return err
}

// url is the real address.
func (h *house) url() string {
	scheme := "http"
	if h.tls != nil {
		scheme = "https"
	}
	return scheme + "://" + h.public.Addr().String()
}

func logHandler(level, format string, w io.Writer) slog.Handler {
	o := &slog.HandlerOptions{Level: logLevels[level]}
	if format == "json" {
		return slog.NewJSONHandler(w, o)
	}
	return slog.NewTextHandler(w, o)
}
