// Package selfcert makes the TLS certificate of a role that was given none. Who
// calls pins its key, which stays when the certificate is made anew.
package selfcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"waverider/datadir"
)

// Lifetime of a certificate. It is made anew at a start in its last tenth, or
// when the names have changed.
const lifetime = 10 * 365 * 24 * time.Hour

// Files in the folder.
const (
	CertFile = "cert.pem"
	keyFile  = "key.pem"
)

// Open reads the certificate of dir, or makes it there, for names and IP
// addresses.
func Open(dir string, names []string, now time.Time) (tls.Certificate, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return tls.Certificate{}, fmt.Errorf("folder of the certificate: %w", err)
	}
	key, err := openKey(filepath.Join(dir, keyFile))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key of the certificate: %w", err)
	}
	path := filepath.Join(dir, CertFile)
	if text, err := os.ReadFile(path); err == nil {
		if block, _ := pem.Decode(text); block != nil {
			if leaf, err := x509.ParseCertificate(block.Bytes); err == nil && good(leaf, key, names, now) {
				return pair(block.Bytes, key, leaf), nil
			}
		}
	}
	der, err := sign(key, names, now)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return pair(der, key, leaf), datadir.WriteFile(path, text)
}

func pair(der []byte, key *ecdsa.PrivateKey, leaf *x509.Certificate) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func good(c *x509.Certificate, key *ecdsa.PrivateKey, names []string, now time.Time) bool {
	public, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok || !public.Equal(&key.PublicKey) || now.After(c.NotAfter.Add(-lifetime/10)) {
		return false
	}
	hosts, ips := split(names)
	slices.Sort(hosts)
	have := slices.Sorted(slices.Values(c.DNSNames))
	return slices.Equal(hosts, have) && slices.EqualFunc(ips, c.IPAddresses, net.IP.Equal)
}

// sign makes a certificate that is its own authority, from the begin of time on:
// the clocks of those who look at it may be wrong.
func sign(key *ecdsa.PrivateKey, names []string, now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	hosts, ips := split(names)
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Waverider"},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: now.Add(lifetime),
		DNSNames: hosts, IPAddresses: ips, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	return x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
}

func split(names []string) (hosts []string, ips []net.IP) {
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			ips = append(ips, ip)
		} else if n != "" && !slices.Contains(hosts, n) {
			hosts = append(hosts, n)
		}
	}
	return hosts, ips
}

func openKey(path string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	} else if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is not a PEM file", path)
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	key, ok := any.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a %T, an ECDSA key is needed", path, any)
	}
	return key, nil
}

func makeKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, datadir.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
