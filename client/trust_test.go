package client_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waverider"
	"waverider/client"
)

// secure is a server with a certificate that nobody vouches for, and the file that
// has it.
func secure(t *testing.T) (s *httptest.Server, file string) {
	t.Helper()
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"service":"@scramjet/manager"}`)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	file = filepath.Join(t.TempDir(), "cert.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, file
}

func TestCertificateThatNobodyVouchesForIsRefusedUnlessItIsGiven(t *testing.T) {
	s, file := secure(t)
	other := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(other, []byte(selfMade), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg     client.Config
		unknown bool
		err     string
	}{
		{client.Config{URL: s.URL, CA: file}, false, ""},
		{client.Config{URL: s.URL, Space: true}, true, "the certificate of the Space at " + s.URL + " is not good"},
		{client.Config{URL: s.URL, CA: other}, true, "the certificate of the Hub at " + s.URL + " is not good"},
		{client.Config{URL: strings.Replace(s.URL, "127.0.0.1", "localhost", 1), CA: file}, false, "localhost"},
	} {
		cl, err := client.New(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, err = cl.Version(t.Context())
		cl.Close()
		var bad *client.UntrustedError
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%+v: %v", c.cfg, err)
		case c.err != "" && (!errors.As(err, &bad) || !strings.Contains(err.Error(), c.err) || bad.Unknown() != c.unknown || bad.CA != c.cfg.CA):
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

func TestFileOfCertificatesThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none")
	for _, text := range []string{"", "hello"} {
		if text != "" {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := client.New(client.Config{CA: file}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPlainHTTPWhereTLSIsSpokenSaysSo(t *testing.T) {
	s, _ := secure(t)
	address := strings.TrimPrefix(s.URL, "https://")
	cl, err := client.New(client.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := cl.Version(t.Context()); waverider.KindOf(err) != waverider.Invalid || !strings.Contains(err.Error(), "write https://"+address) {
		t.Errorf("%v", err)
	}
}

// selfMade is a certificate of no one who answers here.
const selfMade = `-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUBpCs+iW0Luf4tKVUple1N5SzrZgwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyNzAzMjAwNVoYDzIxMjYxMTAzMDMy
MDA1WjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARx5gnIJ24AJuhru+OcQxIDCgDqwa7QQxjelEAcHNyOBwcL7USEGpSA2MNmY7dz
twqTnOMpBB4yVLHVgL+0PAuMo1MwUTAdBgNVHQ4EFgQUUJf9TVFqLM/xgZjfXzNP
OcaxBL4wHwYDVR0jBBgwFoAUUJf9TVFqLM/xgZjfXzNPOcaxBL4wDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAUZDQOk/kRU+ZreHcv6910tlcNsFEn
6ND0RqhVe5dKkwIgPqoCvjIOtDudmrOL9OQtNKSKlsDRM18ZV2lmB5telAA=
-----END CERTIFICATE-----
`
