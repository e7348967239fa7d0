package main

import (
	"context"
	"crypto/x509"
	"os"
	"strings"

	"waverider/hub/uplink"
)

// openUplink opens the Hub's relation to its Space, if it has one or is to get
// one.
func (h *house) openUplink(context.Context) (err error) {
	token, err := joinToken(h.cfg.Join)
	if err != nil {
		return err
	}
	roots, err := authorities(h.cfg.SpaceCA)
	if err != nil {
		return err
	}
	h.uplink, err = uplink.Open(uplink.Config{Path: h.data.Path("space.json"), Asks: h.data.Path("space-requests.json"), Key: h.key, URL: h.cfg.Space, Join: token, Roots: roots,
		Build: buildVersion(), Name: h.cfg.Name, Topics: h.topics, Log: h.log})
	return err
}

// joinToken is the token itself, where @FILE names a file with it.
func joinToken(text string) (string, error) {
	path, isFile := strings.CutPrefix(text, "@")
	if !isFile {
		return text, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", invalid("--join: %v", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// authorities reads certificates; without a file those of the system are meant.
func authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, invalid("--space-ca: %v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, invalid("--space-ca %s: there is no certificate in it", path)
	}
	return pool, nil
}
