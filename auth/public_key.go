package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"strings"

	"waverider"
)

// PublicKey is the half of a Key that others know. It tells what the owner signed.
type PublicKey struct{ key ed25519.PublicKey }

// PublicKey is the half of k that others may know.
func (k *Key) PublicKey() PublicKey { return PublicKey{k.public} }

// ParsePublicKey reads what String made. Its error is of Kind Invalid.
func ParsePublicKey(s string) (PublicKey, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return PublicKey{}, waverider.Errorf(waverider.Invalid, "%.60q is not a public key", s)
	}
	return PublicKey{raw}, nil
}

// String is the text form.
func (p PublicKey) String() string { return base64.RawURLEncoding.EncodeToString(p.key) }

// IsZero tells that there is no key.
func (p PublicKey) IsZero() bool { return len(p.key) == 0 }

// ID is the name the key gives its owner: 128 bits of its hash, as 26
// lower-case letters and digits.
func (p PublicKey) ID() string {
	sum := sha256.Sum256(p.key)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// Sign signs parts for one purpose: what is signed for one is of no use for
// another.
func (k *Key) Sign(purpose string, parts ...[]byte) []byte {
	return ed25519.Sign(k.private, digest(purpose, parts))
}

// Signed tells whether the owner of p has made sign with Sign.
func (p PublicKey) Signed(sign []byte, purpose string, parts ...[]byte) bool {
	return !p.IsZero() && len(sign) == ed25519.SignatureSize && ed25519.Verify(p.key, digest(purpose, parts), sign)
}

// digest is the same for the same parts only: each is hashed for itself.
func digest(purpose string, parts [][]byte) []byte {
	all := sha256.New()
	for _, part := range append([][]byte{[]byte(purpose)}, parts...) {
		sum := sha256.Sum256(part)
		all.Write(sum[:])
	}
	return all.Sum(nil)
}
