package selfcert_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"waverider/selfcert"
)

func TestACertificateStaysUntilItsNamesOrTimeChange(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	now := time.Now()
	open := func(now time.Time, names ...string) *x509.Certificate {
		t.Helper()
		c, err := selfcert.Open(dir, names, now)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf
	}
	first := open(now, "space.example", "127.0.0.1")
	if err := first.VerifyHostname("space.example"); err != nil {
		t.Error(err)
	}
	if err := first.VerifyHostname("127.0.0.1"); err != nil {
		t.Error(err)
	}
	if again := open(now, "space.example", "127.0.0.1"); !again.Equal(first) {
		t.Error("it changed though nothing else had")
	}
	other := open(now, "other.example")
	if other.Equal(first) || other.VerifyHostname("other.example") != nil {
		t.Error("the new name is not in it")
	}
	late := open(now.Add(9*365*24*time.Hour+30*24*time.Hour), "other.example")
	if late.Equal(other) {
		t.Error("it was not renewed in its last year")
	}
	if string(late.RawSubjectPublicKeyInfo) != string(first.RawSubjectPublicKeyInfo) {
		t.Error("the key changed: who pinned it is locked out")
	}
	for _, name := range []string{"key.pem", "cert.pem"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}
