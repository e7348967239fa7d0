package auth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"waverider"
)

// The texts are constant: what is wrong with a token helps an attacker more
// than a user.
var (
	errNoToken  = waverider.Errorf(waverider.Unauthorized, "a token is needed: send it as \"Authorization: Bearer TOKEN\"")
	errBadToken = waverider.Errorf(waverider.Unauthorized, "the token is not valid here, or has expired")
)

// Claims are what a token says.
type Claims struct {
	Subject  string
	Role     Role
	Audience string    // id of the only one who takes the token; empty: its signer
	Expires  time.Time // zero: never
}

type tokenClaims struct {
	jwt.RegisteredClaims
	Role Role `json:"role"`
}

// Mint signs a token.
func (k *Key) Mint(c Claims) (string, error) {
	if c.Subject == "" || !c.Role.Known() {
		return "", fmt.Errorf("mint token: subject %q with role %q", c.Subject, c.Role)
	}
	claims := tokenClaims{Role: c.Role, RegisteredClaims: jwt.RegisteredClaims{
		Issuer:   k.ID(),
		Subject:  c.Subject,
		ID:       rand.Text(),
		IssuedAt: jwt.NewNumericDate(time.Now()),
	}}
	if c.Audience != "" {
		claims.Audience = jwt.ClaimStrings{c.Audience}
	}
	if !c.Expires.IsZero() {
		claims.ExpiresAt = jwt.NewNumericDate(c.Expires)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims).SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}

// Verify tells whose token this is, of those for the owner of the key itself.
// The error is safe to show and the same for every defect.
func (k *Key) Verify(token string) (Identity, error) {
	return k.PublicKey().verify(token, "", jwt.WithLeeway(time.Minute))
}

// VerifyFor is Verify for tokens that the owner of p has signed for another,
// of this id. When they were signed and until when they are good is not looked
// at: the clock of the one who takes them may be wrong, and what they come with
// is fresh.
func (p PublicKey) VerifyFor(token, audience string) (Identity, error) {
	if audience == "" {
		return Identity{}, errBadToken
	}
	return p.verify(token, audience, jwt.WithoutClaimsValidation())
}

func (p PublicKey) verify(token, audience string, o ...jwt.ParserOption) (Identity, error) {
	var claims tokenClaims
	_, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return p.key, nil },
		append(o, jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}))...)
	mine := len(claims.Audience) == 0
	if audience != "" {
		mine = slices.Equal(claims.Audience, []string{audience})
	}
	if err != nil || !mine || claims.Issuer != p.ID() || claims.Subject == "" || !claims.Role.Known() {
		return Identity{}, errBadToken
	}
	return Identity{Subject: claims.Subject, Role: claims.Role, Token: claims.ID}, nil
}

// AdminTokenFile makes sure that path holds a token this key signed. Without
// a file it mints an admin's there (mode 0600) and reports made.
func (k *Key) AdminTokenFile(path string) (made bool, err error) {
	text, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		token, err := k.Mint(Claims{Subject: "admin", Role: RoleAdmin})
		if err != nil {
			return false, err
		}
		if err := writePrivate(path, []byte(token+"\n")); err != nil {
			return false, fmt.Errorf("store token: %w", err)
		}
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read token: %w", err)
	}
	if _, err := k.Verify(strings.TrimSpace(string(text))); err != nil {
		return false, fmt.Errorf("the token in %s is for somebody else, or has expired: name another file with --token-file (WAVERIDER_TOKEN_FILE is that setting too), or remove it to have a new one made", path)
	}
	return false, nil
}
