// Package testspace starts a built waverider binary as a Space, and Hubs that
// join it, each in a network of its own if need be, for faults and tests. As
// testhub it shares no code with the product.
package testspace

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"waverider/internal/testhub"
)

// Space is a Space's data dir and the process that has it open, if one has. Its
// API is called with the admin token of its first start.
type Space struct{ *testhub.Role }

// Open starts a Space with an empty data dir.
func Open(ctx context.Context, opt testhub.Options) (*Space, error) {
	r, err := testhub.NewRole(role, opt)
	if err != nil {
		return nil, err
	}
	s := &Space{r}
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

// LogTail is that of Role without the token.
func (s *Space) LogTail(lines int) string {
	return adminToken.ReplaceAllString(s.Role.LogTail(lines), "(token)")
}

// anyCertificate takes the one a Space has made itself: who it is Hubs find
// out for themselves.
func anyCertificate() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// Hub is the API of a Hub through the Space.
func (s *Space) Hub(id string) testhub.API { return s.Below(hubPath(id)) }
