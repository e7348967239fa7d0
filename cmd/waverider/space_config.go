package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"waverider/auth"
)

// spaceConfig is everything that can be set of a Space.
type spaceConfig struct {
	File string

	Listen    string
	Hosts     []string
	CORS      []string
	TLSCert   string
	TLSKey    string
	Insecure  bool
	TokenFile string

	DataDir string
	Name    string

	FreeDisk  int64 // MiB
	TopicDisk int64 // MiB

	LogLevel  string
	LogFormat string
}

// register binds every setting to a flag, whose name is the setting's.
func (c *spaceConfig) register(f *pflag.FlagSet) {
	f.StringVar(&c.File, configFlag, "", "file with settings, YAML or JSON")

	f.StringVar(&c.Listen, "listen", ":8443", "address to listen on; port 0 takes a free one")
	f.StringSliceVar(&c.Hosts, "host", nil, "other name of this Space, for the certificate it makes (may be repeated)")
	f.StringSliceVar(&c.CORS, "cors", nil, "origin of web pages that may call, such as https://app.example.org (may be repeated)")
	f.StringVar(&c.TLSCert, "tls-cert", "", "file with the TLS certificate chain (PEM); without, the Space makes one")
	f.StringVar(&c.TLSKey, "tls-key", "", "file with the key of the TLS certificate (PEM)")
	f.BoolVar(&c.Insecure, "insecure", false, "speak plain HTTP, behind a proxy that ends the TLS or on a closed network")
	f.StringVar(&c.TokenFile, "token-file", "", "write the first admin's token to this file, if it does not exist, instead of printing it")

	f.StringVar(&c.DataDir, "data-dir", defaultSpaceDir(), "folder for everything the Space keeps")
	f.StringVar(&c.Name, "name", "", "name of the Space, for people and in paths")

	f.Int64Var(&c.FreeDisk, "min-free-disk", 64, "MiB of disk to keep free: no record of a Topic below")
	f.Int64Var(&c.TopicDisk, "max-topic-disk", 0, "MiB that all Topics together may take; 0 is the whole disk")

	f.StringVar(&c.LogLevel, "log-level", "info", "trace, debug, info, warn or error")
	f.StringVar(&c.LogFormat, "log-format", "text", "text or json")
}

// defaultSpaceDir lies beside the Hub's, so that one machine can have both.
func defaultSpaceDir() string {
	return filepath.Join(filepath.Dir(defaultDataDir()), "waverider-space")
}

// Validate refuses what cannot work or is not safe, and says what to add.
func (c *spaceConfig) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, invalid(format, args...))
		}
	}
	_, _, err := net.SplitHostPort(c.Listen)
	check(err == nil && !strings.Contains(c.Listen, "/"), "listen %q: want HOST:PORT, such as :8443", c.Listen)
	check((c.TLSCert == "") == (c.TLSKey == ""), "TLS needs both --tls-cert and --tls-key")
	check(!c.Insecure || c.TLSCert == "", "--insecure and --tls-cert exclude each other")
	check(c.Name == "" || len(c.Name) <= 64 && idPattern.MatchString(c.Name), "name %q: want up to 64 letters, digits, \".\", \"_\" or \"-\"", c.Name)
	_, level := logLevels[c.LogLevel]
	check(level, "log-level %q: want trace, debug, info, warn or error", c.LogLevel)
	check(c.LogFormat == "text" || c.LogFormat == "json", "log-format %q: want text or json", c.LogFormat)
	check(c.DataDir != "", "data-dir is empty")
	check(c.FreeDisk >= 0, "min-free-disk: want 0 or more MiB")
	check(c.TopicDisk >= 0, "max-topic-disk: want 0 or more MiB")
	return errors.Join(append(errs, validateOrigins(c.CORS, true)...)...)
}

// warnings are said at each start.
func (c *spaceConfig) warnings() (out []string) {
	if c.Insecure && !loopback(c.Listen) {
		out = append(out, "listening beyond this machine without TLS (--insecure): tokens and data can be read on the way, unless a proxy ends the TLS")
	}
	return out
}

// effectiveSpace is the configuration as it is shown.
func (s *settings) effectiveSpace(c *spaceConfig, id string, addr net.Addr) map[string]any {
	all := s.values()
	all["id"], all["listen"] = id, addr.String()
	return all
}

// adminTokenCommand makes a token for who can read the Space's key: who lost the
// first one.
func adminTokenCommand() *cobra.Command {
	var dir, subject, role string
	cmd := &cobra.Command{
		Use:   "admin-token",
		Short: "Make another admin token, on the machine of the Space",
		Long: `Make a token for callers of the Space. It is signed with the key in the Space's data
dir, so it works only for who can read that; the Space may run meanwhile. It has no end:
to make all tokens of before worthless, the Space needs a new key.

An operator runs Sequences and moves data on the Hubs, a viewer looks at all and changes
nothing.`,
		Example: `  (umask 077; waverider space admin-token --data-dir /var/lib/waverider-space > space.token)
  waverider space admin-token --subject ann --role operator`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := filepath.Join(dir, "identity.key")
			if _, err := os.Stat(path); err != nil {
				return invalid("%s: there is no Space here; name its --data-dir", dir)
			}
			key, err := auth.OpenKey(path)
			if err != nil {
				return err
			}
			r := auth.Role(role)
			if r != auth.RoleAdmin && r != auth.RoleOperator && r != auth.RoleViewer {
				return invalid("role %q: want admin, operator or viewer", role)
			}
			token, err := key.Mint(auth.Claims{Subject: cmp.Or(subject, role), Role: r})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "data-dir", cmp.Or(os.Getenv(envName("data-dir")), defaultSpaceDir()), "folder of the Space")
	cmd.Flags().StringVar(&subject, "subject", "", "whose token it is, as the audit names them (default: the role)")
	cmd.Flags().StringVar(&role, "role", "admin", "admin, operator or viewer")
	return cmd
}
