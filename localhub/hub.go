package localhub

import (
	"context"
	"errors"
	"path/filepath"
)

// Hub is a running Hub. All methods are safe for concurrent use.
type Hub struct{ *role }

// Start starts a Hub and returns once its API can be called.
func Start(ctx context.Context, cfg Config) (*Hub, error) {
	r := &role{cfg: cfg, name: "Hub", command: "hub", flags: []string{"--orphan-after", orphanAfter, "--kill-on-exit"}}
	if err := r.prepare(); err != nil {
		return nil, errors.Join(err, r.clean())
	}
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	return &Hub{r}, nil
}

// Space is a running Space. All methods are safe for concurrent use.
type Space struct{ *role }

// StartSpace starts a Space and returns once its API can be called. The files are
// there then.
func StartSpace(ctx context.Context, cfg Config) (*Space, error) {
	r := &role{cfg: cfg, name: "Space", command: "space"}
	if err := r.prepare(); err != nil {
		return nil, errors.Join(err, r.clean())
	}
	s := &Space{r}
	r.flags = []string{"--token-file", s.TokenFile()}
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// TokenFile has the token of an admin.
func (s *Space) TokenFile() string { return filepath.Join(s.cfg.Dir, "admin.token") }

// CAFile has the certificate that its API is called with.
func (s *Space) CAFile() string { return filepath.Join(s.dataDir(), "tls", "cert.pem") }
