package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"waverider"
)

// hubConfig is everything that can be set of a Hub.
type hubConfig struct {
	File string

	Listen    string
	Hosts     []string
	CORS      []string
	TLSCert   string
	TLSKey    string
	Insecure  bool
	TokenFile string
	NoToken   bool

	DataDir string
	ID      string
	Name    string

	Space   string
	Join    string // a secret
	SpaceCA string

	KillOnExit bool
	Orphan     time.Duration
	Restart    string
	Lifetime   time.Duration
	MaxEnded   int
	StartWait  time.Duration
	LogLimit   int64 // MiB
	FreeDisk   int64 // MiB
	FreeMemory int64 // MiB
	TopicDisk  int64 // MiB
	WarmPool   int

	LogLevel  string
	LogFormat string
}

// register binds every setting to a flag, whose name is the setting's.
func (c *hubConfig) register(f *pflag.FlagSet) {
	f.StringVar(&c.File, configFlag, "", "file with settings, YAML or JSON")

	f.StringVar(&c.Listen, "listen", "127.0.0.1:8000", "address to listen on; port 0 takes a free one")
	f.StringSliceVar(&c.Hosts, "host", nil, "other name this Hub is called by (may be repeated)")
	f.StringSliceVar(&c.CORS, "cors", nil, "origin of web pages that may call, such as https://app.example.org (may be repeated)")
	f.StringVar(&c.TLSCert, "tls-cert", "", "file with the TLS certificate chain (PEM)")
	f.StringVar(&c.TLSKey, "tls-key", "", "file with the key of the TLS certificate (PEM)")
	f.BoolVar(&c.Insecure, "insecure", false, "listen beyond this machine without TLS")
	f.StringVar(&c.TokenFile, "token-file", "", "want tokens of callers; an admin's is written to this file if it does not exist")
	f.BoolVar(&c.NoToken, "no-token", false, "listen beyond this machine and let everyone in")

	f.StringVar(&c.DataDir, "data-dir", defaultDataDir(), "folder for everything the Hub keeps")
	f.StringVar(&c.ID, "id", "", "id of the Hub (default: made of its key)")
	f.StringVar(&c.Name, "name", "", "name of the Hub, for people")

	f.StringVar(&c.Space, "space", "", "address of the Space to belong to: https://HOST:PORT")
	f.StringVar(&c.Join, joinFlag, "", "token to join the Space with, or @FILE that holds it; needed once")
	f.StringVar(&c.SpaceCA, "space-ca", "", "file with the authorities (PEM) that vouch for the Space's certificate; without, the system's")

	f.BoolVar(&c.KillOnExit, "kill-on-exit", false, "end the Instances at SIGTERM too; without, they run on until the Hub is back")
	f.DurationVar(&c.Orphan, "orphan-after", 24*time.Hour, "end Instances whose Hub has been away so long")
	f.StringVar(&c.Restart, "restart-policy", string(waverider.RestartNever), "when an Instance ends by itself: never, on-failure or always")
	f.DurationVar(&c.Lifetime, "instance-lifetime", 24*time.Hour, "keep an ended Instance and its logs so long")
	f.IntVar(&c.MaxEnded, "max-ended", 1000, "keep at most so many ended Instances")
	f.DurationVar(&c.StartWait, "start-timeout", 30*time.Second, "answer a start after this time at the latest")
	f.Int64Var(&c.LogLimit, "log-limit", 16, "MiB kept of each of an Instance's stdout, stderr and log")
	f.Int64Var(&c.FreeDisk, "min-free-disk", 64, "MiB of disk to keep free: no upload, start or record of a Topic below")
	f.Int64Var(&c.TopicDisk, "max-topic-disk", 0, "MiB that all Topics together may take; 0 is the whole disk")
	f.Int64Var(&c.FreeMemory, "min-free-memory", 64, "MiB of memory to keep free: no start below")
	f.IntVar(&c.WarmPool, "warm-pool", -1, "runners kept ready for each language; 0 is none, -1 lets the Hub decide")

	f.StringVar(&c.LogLevel, "log-level", "info", "trace, debug, info, warn or error")
	f.StringVar(&c.LogFormat, "log-format", "text", "text or json")
}

// defaultDataDir is where the XDG rules put it; root's is the system's.
func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/waverider"
	}
	dir := os.Getenv("XDG_DATA_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "waverider-data"
		}
		dir = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(dir, "waverider")
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Validate refuses what cannot work or is not safe, and says what to add.
func (c *hubConfig) Validate() error {
	where := c.validateAddress()
	if where == nil { // who can reach an address that is none is not the point
		where = c.validateSafety()
	}
	return errors.Join(where, c.validateCORS(), c.validateRest())
}

func (c *hubConfig) validateAddress() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return invalid("listen %q: want HOST:PORT, such as 127.0.0.1:8000", c.Listen)
	}
	if strings.Contains(host, "/") {
		return invalid("listen %q: want HOST:PORT, without http://", c.Listen)
	}
	return nil
}

// validateSafety is the rule that a Hub which others can reach is closed
// unless its owner says otherwise, twice.
func (c *hubConfig) validateSafety() error {
	var errs []error
	if (c.TLSCert == "") != (c.TLSKey == "") {
		errs = append(errs, invalid("TLS needs both --tls-cert and --tls-key"))
	}
	if c.NoToken && c.TokenFile != "" {
		errs = append(errs, invalid("--no-token and --token-file exclude each other"))
	}
	if c.loopback() {
		return errors.Join(errs...)
	}
	if c.TLSCert == "" && !c.Insecure {
		errs = append(errs, invalid("listening on %s, others on the network could read everything: "+
			"add --tls-cert FILE --tls-key FILE, or --insecure if a proxy or a closed network sees to that", c.Listen))
	}
	if c.TokenFile == "" && !c.NoToken {
		errs = append(errs, invalid("listening on %s, everyone who reaches it could run programs here: "+
			"add --token-file FILE (made if it does not exist), or --no-token to let everyone in", c.Listen))
	}
	return errors.Join(errs...)
}

func (c *hubConfig) validateCORS() error {
	return errors.Join(validateOrigins(c.CORS, c.TokenFile != "")...)
}

func validateOrigins(origins []string, tokens bool) (errs []error) {
	for _, origin := range origins {
		if origin == "*" {
			if !tokens {
				errs = append(errs, invalid("--cors \"*\" lets every web page drive this Hub: name the origins, or add --token-file FILE"))
			}
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			errs = append(errs, invalid("--cors %q: want an origin such as https://app.example.org", origin))
		}
	}
	return errs
}

func (c *hubConfig) validateRest() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, invalid(format, args...))
		}
	}
	_, level := logLevels[c.LogLevel]
	check(level, "log-level %q: want trace, debug, info, warn or error", c.LogLevel)
	check(c.LogFormat == "text" || c.LogFormat == "json", "log-format %q: want text or json", c.LogFormat)
	check(c.ID == "" || len(c.ID) <= 64 && idPattern.MatchString(c.ID), "id %q: want up to 64 letters, digits, \".\", \"_\" or \"-\"", c.ID)
	check(slices.Contains([]string{"never", "on-failure", "always"}, c.Restart), "restart-policy %q: want never, on-failure or always", c.Restart)
	check(c.DataDir != "", "data-dir is empty")
	check(c.Orphan > 0, "orphan-after: want a time above 0")
	check(c.Lifetime > 0, "instance-lifetime: want a time above 0")
	check(c.StartWait > 0, "start-timeout: want a time above 0")
	check(c.MaxEnded > 0, "max-ended: want a number above 0")
	check(c.LogLimit > 0, "log-limit: want a number of MiB above 0")
	check(c.FreeDisk >= 0 && c.FreeMemory >= 0, "min-free-disk and min-free-memory: want 0 or more MiB")
	check(c.TopicDisk >= 0, "max-topic-disk: want 0 or more MiB")
	check(c.WarmPool >= -1, "warm-pool: want -1, 0 or more")
	return errors.Join(errs...)
}

func invalid(format string, args ...any) error {
	return waverider.Errorf(waverider.Invalid, format, args...)
}

// loopback reports that only this machine can reach the Hub.
func (c *hubConfig) loopback() bool { return loopback(c.Listen) }

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// warnings are said at each start.
func (c *hubConfig) warnings() []string { return append(c.openWarnings(), c.guardWarnings()...) }

// openWarnings say what others on the network can do.
func (c *hubConfig) openWarnings() (out []string) {
	if !c.loopback() && c.TLSCert == "" {
		out = append(out, "listening beyond this machine without TLS (--insecure): tokens and data can be read on the way")
	}
	if !c.loopback() && c.NoToken {
		out = append(out, "listening beyond this machine without tokens (--no-token): everyone who reaches it can run programs here")
	}
	return out
}

// guardWarnings say what web pages and a proxy's callers can do.
func (c *hubConfig) guardWarnings() (out []string) {
	if slices.Contains(c.CORS, "*") {
		out = append(out, "web pages of every origin may call this Hub (--cors \"*\")")
	}
	if c.loopback() && c.TokenFile == "" && len(c.Hosts) > 0 {
		out = append(out, fmt.Sprintf("answering to %s without tokens: whoever a proxy lets through can run programs here; add --token-file FILE", strings.Join(c.Hosts, ", ")))
	}
	return out
}

// levelTrace is below slog's levels; Scramjet has it.
const levelTrace = slog.LevelDebug - 4

var logLevels = map[string]slog.Level{
	"trace": levelTrace, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}
