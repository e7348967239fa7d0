package link_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"waverider/link"
)

// issuer makes certificates for the name space.test.
type issuer struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func certKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	a := &issuer{t: t, key: certKey(t)}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)}
	a.cert = a.sign(c, c, a.key, a.key)
	return a
}

func (a *issuer) sign(c, by *x509.Certificate, key, with *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, with)
	if err != nil {
		a.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return made
}

func (a *issuer) leaf(from, to time.Time) *x509.Certificate {
	a.t.Helper()
	return a.sign(&x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"space.test"}, NotBefore: from, NotAfter: to}, a.cert, certKey(a.t), a.key)
}

// A clock that is wrong makes certificates seem old, or not yet good.
func TestTheClockDoesNotDecideAboutAKnownCertificate(t *testing.T) {
	a, other := newIssuer(t), newIssuer(t)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	now, year := time.Now(), 365*24*time.Hour
	for name, c := range map[string]struct {
		cert     *x509.Certificate
		byClock  bool // good for one who has never seen it
		bySeeing bool // good for one who has
	}{
		"of today":      {a.leaf(now.Add(-year), now.Add(year)), true, true},
		"of the past":   {a.leaf(now.Add(-20*year), now.Add(-19*year)), false, true},
		"of the future": {a.leaf(now.Add(19*year), now.Add(20*year)), false, true},
		"of another":    {other.leaf(now.Add(-20*year), now.Add(-19*year)), false, false},
	} {
		chain, pin := []*x509.Certificate{c.cert}, link.Pin(c.cert)
		for what, want := range map[string]struct {
			trust link.Trust
			host  string
			good  bool
		}{
			"pinned":                {link.Trust{Pin: pin}, "space.test", true},
			"pinned, another name":  {link.Trust{Pin: pin}, "elsewhere.test", true},
			"never seen":            {link.Trust{Roots: roots}, "space.test", c.byClock},
			"seen":                  {link.Trust{Roots: roots, Seen: pin}, "space.test", c.bySeeing},
			"seen, another name":    {link.Trust{Roots: roots, Seen: pin}, "elsewhere.test", false},
			"another was seen":      {link.Trust{Roots: roots, Seen: link.Pin(a.cert)}, "space.test", c.byClock},
			"another one is pinned": {link.Trust{Roots: roots, Pin: link.Pin(a.cert)}, "space.test", c.byClock},
		} {
			if err := want.trust.Check(chain, pin, want.host); (err == nil) != want.good {
				t.Errorf("one %s, %s: %v", name, what, err)
			}
		}
	}
}
