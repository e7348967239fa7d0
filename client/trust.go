package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"waverider"
	"waverider/wire"
)

// UnreachableError says that nobody answered at all.
type UnreachableError struct {
	URL string
	Who string // was expected there: Hub or Space
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cannot reach the %s at %s: %v", e.Who, e.URL, e.Err)
}
func (e *UnreachableError) Unwrap() error { return e.Err }

// UntrustedError says that who answered could not prove to be whom the URL names.
type UntrustedError struct {
	URL string
	Who string // was expected there: Hub or Space
	CA  string // file with the authorities that were good too
	Err error
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("the certificate of the %s at %s is not good: %v", e.Who, e.URL, e.Err)
}
func (e *UntrustedError) Unwrap() error { return e.Err }

// Unknown tells that the certificate may be right, but that nobody who is known
// here vouches for it.
func (e *UntrustedError) Unknown() bool { return errors.As(e.Err, new(x509.UnknownAuthorityError)) }

// authorities is how certificates are checked; without a file, as the system does.
func authorities(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil { // a system without any
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("there is no certificate in %s: want PEM", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// failure is what a call without an answer means: given up by the caller, nobody
// there, or somebody else.
func (c *Client) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // the URL is named once already
	}
	at := c.Address()
	var bad *tls.CertificateVerificationError
	if errors.As(err, &bad) {
		return &UntrustedError{URL: at, Who: c.who, CA: c.ca, Err: bad.Err}
	}
	return &UnreachableError{URL: at, Who: c.who, Err: err}
}

// tlsWanted is what Go's servers answer to plain HTTP where they speak TLS.
const tlsWanted = "Client sent an HTTP request to an HTTPS server."

// refusal is what an answer that is none of success means.
func (c *Client) refusal(resp *http.Response, text []byte) error {
	if c.base.Scheme == "http" && strings.TrimSpace(string(text)) == tlsWanted {
		return waverider.Errorf(waverider.Invalid, "TLS is spoken at %s: write https://%s", c.base.Host, c.base.Host)
	}
	return wire.DecodeError(resp.StatusCode, text)
}
