// Package testspace starts a built waverider binary as a Space, and Hubs that
// join it, each in a network of its own if need be, for faults and tests. As
// testhub it shares no code with the product.
package testspace

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"waverider/internal/testhub"
)

// Space is a Space's data dir and the process that has it open, if one has. Its
// API is called with the admin token of its first start.
type Space struct {
	*testhub.Role
	opt testhub.Options
}

// Open starts a Space with an empty data dir.
func Open(ctx context.Context, opt testhub.Options) (*Space, error) {
	r, err := testhub.NewRole(role, opt)
	if err != nil {
		return nil, err
	}
	s := &Space{Role: r, opt: opt}
	s.API = s.WithTLS(anyCertificate())
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	token := adminToken.FindString(s.Log())
	if token == "" {
		return nil, errors.Join(fmt.Errorf("the Space printed no admin token, but:\n%s", s.LogTail(20)), s.Close())
	}
	s.API = s.WithToken(token)
	return s, nil
}

// anyCertificate takes the one a Space has made itself: who it is Hubs find
// out for themselves.
func anyCertificate() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// Token makes a join token.
func (s *Space) Token(ctx context.Context) (string, error) {
	args := tokenCommand(s.URL(), s.API.Token())
	cmd := exec.Command(s.opt.Binary, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	start := cmd.Start
	if s.opt.Place != nil {
		start = func() error { return s.opt.Place.Start(cmd) }
	}
	if err := start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return "", fmt.Errorf("%s: %w: %s", strings.Join(args[:3], " "), err, said.Bytes())
		}
	case <-ctx.Done():
		_ = cmd.Process.Kill() // ours, and late
		<-ended
		return "", ctx.Err()
	}
	return printedToken(out.String())
}

// Hub is the API of a Hub through the Space.
func (s *Space) Hub(id string) testhub.API { return s.Below(hubPath(id)) }
