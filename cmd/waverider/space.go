package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"waverider/auth"
	"waverider/bus"
	"waverider/datadir"
	"waverider/host"
	"waverider/lastlines"
	"waverider/link"
	"waverider/records"
	"waverider/selfcert"
	"waverider/space"
	"waverider/topic"
	"waverider/wire"
)

func spaceCommand() *cobra.Command {
	var c spaceConfig
	var owned bool
	cmd := &cobra.Command{
		Use:   "space",
		Short: "Run a Space, or look at one and its Hubs",
		Long: `Run a Space: the point where Hubs meet. It lists them, carries calls to each, and
brings the Topics that they share from one to the others.

Hubs come to it: they need no open port, only a way out to the address of the Space. A
Hub joins with a token, once:

  waverider space                                        prints an admin token at its first start
  waverider space token create --name edge-1             prints a join token
  waverider hub --space https://space:8443 --join TOKEN  on the machine of the Hub

Everything goes through one port. It speaks TLS: with the certificate it is given, or
with one it makes itself, whose key the join token names. Callers always need a token.

Each flag can be set in the environment (--data-dir as WAVERIDER_DATA_DIR) and in the
file of --config (as data-dir).`,
		Example: `  waverider space --host space.example.org
  waverider space --listen 127.0.0.1:0 --data-dir ./space
  waverider space --listen :443 --tls-cert cert.pem --tls-key key.pem`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(settingsNamed(cmd, new(spaceConfig).register), os.LookupEnv)
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
			return runSpace(ctx, &c, s, cmd.OutOrStdout())
		},
	}
	c.register(cmd.Flags())
	cmd.Flags().BoolVar(&owned, ownedFlag, false, "end as by Ctrl-C when stdin ends")
	_ = cmd.Flags().MarkHidden(ownedFlag)
	return cmd
}

// place is a Space with everything around it, brought up step by step and taken
// down in the opposite order.
type place struct {
	cfg     *spaceConfig
	log     *slog.Logger
	ring    *lastlines.Ring
	data    *datadir.Dir
	key     *auth.Key
	token   string // of the first admin, to be shown once
	cert    *tls.Certificate
	self    bool // the certificate was made here
	public  net.Listener
	topics  *topic.Store
	records *records.Store
	closers []func() error // last first
}

// runSpace runs a Space until ctx ends, and prints where it is.
func runSpace(ctx context.Context, c *spaceConfig, s *settings, out io.Writer) error {
	p := newPlace(c, logHandler(c.LogLevel, c.LogFormat, os.Stderr))
	return p.run(ctx, s, func(ctx context.Context) error {
		if err := p.announce(out); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
}

func newPlace(c *spaceConfig, handler slog.Handler) *place {
	p := &place{cfg: c, ring: lastlines.New(0)}
	p.log = slog.New(p.ring.Handler(handler, "Space"))
	return p
}

// run runs the Space until ctx ends, or serve does, which runs while all can call.
func (p *place) run(ctx context.Context, s *settings, serve func(context.Context) error) (err error) {
	c := p.cfg
	for _, w := range c.warnings() {
		p.log.Warn(w)
	}
	defer func() { err = errors.Join(err, p.close()) }()
	for _, step := range []func(context.Context) error{p.openData, p.openIdentity, p.openTLS, p.listen, p.openTopics} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	core, err := space.Open(ctx, space.Config{Key: p.key, Name: c.Name, Build: buildVersion(), Records: p.records, Topics: p.topics,
		DataDir: p.data.Path(), TLSPin: p.pin(), Pinned: p.self, Effective: s.effectiveSpace(c, p.key.ID(), p.public.Addr()),
		Log: p.log, Lines: p.ring})
	if err != nil {
		return err
	}
	mux := wire.NewMux(p.log)
	core.Routes(mux)
	server := &wire.Server{Log: p.log, TLS: p.tls(), Handler: mux.Serve(wire.Access{
		Gate: &auth.Gate{Key: p.key},
		// Who reaches this Space by a name of theirs still has no token for it.
		Guard: &wire.Guard{Listen: p.public.Addr(), AnyHost: true, CORS: c.CORS},
	})}
	return together(ctx, core.Run,
		func(ctx context.Context) error { return server.Run(ctx, p.public) },
		func(ctx context.Context) error {
			err := serve(ctx)
			p.log.Info("space stopping", "cause", context.Cause(ctx))
			return err
		})
}

func (p *place) onClose(f func() error) { p.closers = append(p.closers, f) }

func (p *place) close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	return errors.Join(errs...)
}

func (p *place) openData(context.Context) (err error) {
	p.data, err = datadir.Open(p.cfg.DataDir, datadir.Layout{Role: "Space", Version: 1, Folders: []string{"topics", "tls"}})
	if err == nil {
		p.onClose(p.data.Close)
	}
	return err
}

// tokenShown is a file that is there once the first admin's token was printed: a
// first start may fail before.
const tokenShown = "admin-token-shown"

// openIdentity opens the key, and makes the first admin's token with it.
func (p *place) openIdentity(context.Context) (err error) {
	if p.key, err = auth.OpenKey(p.data.Path("identity.key")); err != nil {
		return fmt.Errorf("open identity: %w", err)
	}
	if p.cfg.TokenFile != "" {
		made, err := p.key.AdminTokenFile(p.cfg.TokenFile)
		if made {
			p.log.Info("admin token written", "file", p.cfg.TokenFile)
		}
		return err
	}
	if _, err := os.Stat(p.data.Path(tokenShown)); err == nil {
		return nil
	}
	p.token, err = p.key.Mint(auth.Claims{Subject: "admin", Role: auth.RoleAdmin})
	return err
}

func (p *place) openTLS(context.Context) error {
	switch {
	case p.cfg.Insecure:
		return nil
	case p.cfg.TLSCert != "":
		pair, err := tls.LoadX509KeyPair(p.cfg.TLSCert, p.cfg.TLSKey)
		if err != nil {
			return fmt.Errorf("read TLS certificate: %w", err)
		}
		if pair.Leaf == nil {
			if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
				return fmt.Errorf("read TLS certificate: %w", err)
			}
		}
		p.cert = &pair
		return nil
	}
	names := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	if h, _, err := net.SplitHostPort(p.cfg.Listen); err == nil && h != "" && !net.ParseIP(h).IsUnspecified() && h != "127.0.0.1" {
		names = append(names, h)
	}
	pair, err := selfcert.Open(p.data.Path("tls"), append(names, p.cfg.Hosts...), time.Now())
	if err != nil {
		return err
	}
	p.cert, p.self = &pair, true
	return nil
}

func (p *place) tls() *tls.Config {
	if p.cert == nil {
		return nil
	}
	return &tls.Config{Certificates: []tls.Certificate{*p.cert}, MinVersion: tls.VersionTLS12}
}

// pin names the certificate's key.
func (p *place) pin() string {
	if p.cert == nil {
		return ""
	}
	return link.Pin(p.cert.Leaf)
}

func (p *place) listen(ctx context.Context) (err error) {
	if p.public, err = wire.Listen(ctx, p.cfg.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p.onClose(closeListener(p.public))
	return nil
}

func (p *place) openTopics(ctx context.Context) (err error) {
	limit := p.cfg.TopicDisk << 20
	if limit == 0 {
		if limit, err = host.DiskSize(p.data.Path()); err != nil {
			return err
		}
	}
	engine, err := bus.Open(ctx, bus.Config{Dir: p.data.Path("streams"), Hub: p.key.ID(), MaxStore: limit, Log: p.log})
	if err != nil {
		return err
	}
	p.onClose(engine.Close)
	if p.records, err = records.Open(ctx, engine, p.log); err != nil {
		return err
	}
	p.onClose(func() error { p.records.Close(); return nil })
	p.topics, err = topic.Open(ctx, topic.Config{Dir: p.data.Path("topics"), Bus: engine, Hub: p.key.ID(), MaxStore: limit, MinFree: p.cfg.FreeDisk << 20, Log: p.log})
	if err != nil {
		return fmt.Errorf("open Topics: %w", err)
	}
	p.onClose(p.topics.Close)
	return nil
}

// announce prints the real address, for people and for scripts that started the
// Space on port 0; and, at the first start, the admin's token.
func (p *place) announce(out io.Writer) error {
	p.log.Info("space running", "space", p.key.ID(), "address", p.public.Addr().String(), "data", p.data.Path())
	if p.token != "" {
		if _, err := fmt.Fprintf(out, "Admin token, shown this once: keep it, \"waverider space admin-token\" makes another\n%s\n", p.token); err != nil {
			return err
		}
		if err := datadir.WriteFile(p.data.Path(tokenShown), nil); err != nil {
			return fmt.Errorf("note that the admin token was shown: %w", err)
		}
	}
	if p.self {
		if _, err := fmt.Fprintf(out, "Certificate for --ca: %s\n", p.certFile()); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "Waverider Space %s is Running! %s%s\n", p.key.ID(), p.url(), wire.Base)
	return err
}

// certFile is the certificate that the Space has made.
func (p *place) certFile() string { return p.data.Path("tls", selfcert.CertFile) }

// url is the real address.
func (p *place) url() string {
	scheme := "https"
	if p.cert == nil {
		scheme = "http"
	}
	return scheme + "://" + p.public.Addr().String()
}
