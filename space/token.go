package space

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"

	"waverider"
	"waverider/link"
)

// Times of join tokens.
const (
	tokenLifetime = 15 * time.Minute // when none is given
	tokenMost     = 30 * 24 * time.Hour
	tokenKept     = 24 * time.Hour // after its end it is still listed
)

// TokenRecord is a join token as the Space remembers it: not the secret itself.
type TokenRecord struct {
	ID      string            `json:"id"`
	Hash    []byte            `json:"hash"`
	Name    string            `json:"name,omitempty"`   // of the Hub that joins with it
	Labels  map[string]string `json:"labels,omitempty"` // likewise
	Domain  string            `json:"domain,omitempty"` // that the Hub will belong to
	Created time.Time         `json:"created"`
	By      string            `json:"by"`
	Expires time.Time         `json:"expires"`
	Used    time.Time         `json:"used,omitzero"`
	UsedBy  string            `json:"usedBy,omitempty"` // id of the Hub
	Spent   bool              `json:"spent,omitempty"`  // that Hub has shown that it was let in
}

// TokenRequest is what one asks for.
type TokenRequest struct {
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels"`
	Domain  string            `json:"domain"`
	Expires waverider.Age     `json:"expires"` // from now; 0: 15 minutes
}

// createToken makes a join token. Its text is answered once, and never again.
func (s *Space) createToken(ctx context.Context, req TokenRequest, by string) (TokenRecord, string, error) {
	life := time.Duration(req.Expires)
	if life == 0 {
		life = tokenLifetime
	}
	if life < time.Second || life > tokenMost {
		return TokenRecord{}, "", waverider.Errorf(waverider.Invalid, "expires: want a time between 1s and %s", waverider.Age(tokenMost))
	}
	if err := checkHubName(req.Name, true); err != nil {
		return TokenRecord{}, "", err
	}
	if err := checkLabels(req.Labels); err != nil {
		return TokenRecord{}, "", err
	}
	if err := checkDomain(req.Domain); err != nil {
		return TokenRecord{}, "", err
	}
	now := time.Now()
	id, secret := strings.ToLower(rand.Text()[:12]), rand.Text()
	hash := sha256.Sum256([]byte(secret))
	rec := TokenRecord{ID: id, Hash: hash[:], Name: req.Name, Labels: req.Labels, Domain: req.Domain, Created: now, By: by, Expires: now.Add(life)}
	if _, err := s.tokens.Create(ctx, id, rec); err != nil {
		return TokenRecord{}, "", err
	}
	pin := ""
	if s.cfg.Pinned {
		pin = s.cfg.TLSPin
	}
	return rec, link.JoinToken{Space: s.id, Pin: pin, ID: id, Secret: secret}.String(), nil
}

// redeem uses a token up for a Hub. One that the same Hub has used already in
// its time is good again until it is spent: the answer may not have reached it.
func (s *Space) redeem(ctx context.Context, join, hub string) (TokenRecord, error) {
	id, secret, _ := strings.Cut(join, ".")
	rec, rev, err := s.tokens.Get(ctx, id)
	if err != nil && !isNotFound(err) && waverider.KindOf(err) != waverider.Invalid {
		return rec, err
	}
	hash := sha256.Sum256([]byte(secret))
	if err != nil || subtle.ConstantTimeCompare(hash[:], rec.Hash) != 1 {
		return rec, waverider.Errorf(waverider.Forbidden, "the join token is not one of this Space: make one with \"waverider space token create\"")
	}
	now := time.Now()
	switch {
	case now.After(rec.Expires):
		return rec, waverider.Errorf(waverider.Forbidden, "the join token expired at %s: make a new one with \"waverider space token create\"", rec.Expires.UTC().Format(time.RFC3339))
	case !rec.Used.IsZero() && (rec.UsedBy != hub || rec.Spent):
		return rec, waverider.Errorf(waverider.Forbidden, "the join token was used at %s, each is good for one: make a new one with \"waverider space token create\"", rec.Used.UTC().Format(time.RFC3339))
	}
	rec.Used, rec.UsedBy = now, hub
	if _, err = s.tokens.Update(ctx, id, rev, rec); waverider.KindOf(err) == waverider.Conflict {
		return s.redeem(ctx, join, hub) // it was just spent or used
	}
	return rec, err
}

// spend makes the tokens that a Hub has used worthless: it shows its tickets now,
// or is to be let in no more.
func (s *Space) spend(ctx context.Context, hub string) error {
	list, err := s.tokens.List(ctx)
	if err != nil {
		return err
	}
	for _, item := range list {
		if rec := item.Value; rec.UsedBy == hub && !rec.Spent {
			rec.Spent = true
			_, err := s.tokens.Update(ctx, item.Key, item.Rev, rec)
			if waverider.KindOf(err) == waverider.Conflict {
				return s.spend(ctx, hub) // another does it too
			}
			if err != nil && !isNotFound(err) {
				return err
			}
		}
	}
	return nil
}

// deleteToken makes a token of no use.
func (s *Space) deleteToken(ctx context.Context, id string) error {
	if err := s.tokens.Delete(ctx, id); err != nil {
		if isNotFound(err) {
			return waverider.Errorf(waverider.NotFound, "there is no join token %.40q", id)
		}
		return err
	}
	return nil
}

// dropOldTokens forgets those that ended a while ago.
func (s *Space) dropOldTokens(ctx context.Context, now time.Time) {
	list, err := s.tokens.List(ctx)
	if err != nil {
		return
	}
	for _, item := range list {
		if now.Sub(item.Value.Expires) > tokenKept {
			_ = s.tokens.Delete(ctx, item.Key)
		}
	}
}
