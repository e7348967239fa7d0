package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"waverider"
	"waverider/client"
)

const lowDisk = 1 << 30 // bytes free that are worth a warning

// hub looks at the Hub, if one answers, and at the place for one otherwise.
func hub(ctx context.Context, cfg Config) []Finding {
	c, err := client.New(cfg.Hub)
	if err != nil {
		return one("hub", Fail, "%v", err)
	}
	defer c.Close()
	v, err := c.Version(ctx)
	var away *client.UnreachableError
	switch {
	case errors.As(err, &away) && !cfg.Named:
		all := do(one("hub", Skip, "none answers at %s", c.URL()), "waverider hub starts one")
		return append(append(all, port(c.URL())...), dataDir(cfg.DataDir, 0)...)
	case err != nil:
		return do(one("hub", Fail, "%v", err), "check the address, and whether the Hub runs")
	}
	all := one("hub", OK, "%s answers, build %s", c.URL(), v.Build)
	if v.Build != cfg.Version {
		all[0].State = Warn
		all[0].Text += ", this is " + cfg.Version
		all[0].Do = "start the Hub again with this binary; its Instances run on meanwhile (stop it with SIGTERM)"
	}
	return append(all, running(ctx, c)...)
}

// port tells whether a Hub could listen where it does by default.
func port(base string) []Finding {
	u, err := url.Parse(base)
	if err != nil {
		return nil
	}
	l, err := net.Listen("tcp", u.Host)
	if err != nil {
		return do(one("port", Warn, "%s cannot be listened on: %v", u.Host, err), "choose another: waverider hub --listen 127.0.0.1:8001")
	}
	_ = l.Close()
	return one("port", OK, "%s is free", u.Host)
}

// dataDir looks at a data folder on this machine; least is what the Hub wants
// to keep free.
func dataDir(dir string, least int64) []Finding {
	where, free, err := writable(dir)
	if err != nil {
		return do(one("data dir", Fail, "%s cannot be written: %v", where, err), "give the Hub another: waverider hub --data-dir DIR")
	}
	return room("data dir", dir, free, least)
}

func room(check, dir string, free uint64, least int64) []Finding {
	const mega = 1 << 20
	switch {
	case least > 0 && free < uint64(least):
		return do(one(check, Fail, "%s has %d MiB free, the Hub keeps %d free: no upload, no start", dir, free/mega, least/mega), "make room on that disk")
	case free < lowDisk:
		return do(one(check, Warn, "%s has only %d MiB free", dir, free/mega), "make room on that disk")
	}
	return one(check, OK, "%s, %.1f GiB free", dir, float64(free)/(1<<30))
}

// settings are what matters of the configuration a Hub shows.
type settings struct {
	Listen    string
	Hosts     []string `json:"host"`
	CORS      []string
	TLSCert   string `json:"tls-cert"`
	TokenFile string `json:"token-file"`
	DataDir   string `json:"data-dir"`
	FreeDisk  int64  `json:"min-free-disk"` // MiB
}

// running looks into a Hub that answers.
func running(ctx context.Context, c *client.Client) (all []Finding) {
	status, err := readStatus(ctx, c)
	if kind := waverider.KindOf(err); kind == waverider.Unauthorized || kind == waverider.Forbidden {
		return do(one("hub access", Warn, "it wants a token, so that no more can be seen"), "add --token-file FILE or set WAVERIDER_TOKEN_FILE")
	} else if err != nil {
		return one("hub access", Fail, "%v", err)
	}
	all = engines(status)
	s, err := readSettings(ctx, c)
	if err != nil {
		return append(all, one("hub settings", Fail, "%v", err)...)
	}
	all = append(all, exposure(s)...)
	all = append(all, disk(ctx, c, s)...)
	return append(all, alive(c.URL(), s, status.Instances)...)
}

func engines(s status) []Finding {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(s.Engines)) {
		found = append(found, name+" "+s.Engines[name])
	}
	switch {
	case len(found) == 0:
		return do(one("hub engines", Fail, "it finds neither Node nor Python"), "install Node 18 or Python 3.9, or newer, where the Hub's PATH leads, and start the Hub again")
	case s.Engines[waverider.LanguageNode] == "":
		return do(one("hub engines", Warn, "%s, but no Node, %d Instances run", found[0], s.Instances), "install Node 18 or newer where the Hub's PATH leads, and start the Hub again, if you want to run JavaScript")
	}
	return one("hub engines", OK, "%s, %d Instances run", strings.Join(found, ", "), s.Instances)
}

type status struct {
	Instances int
	Engines   map[string]string
}

func readStatus(ctx context.Context, c *client.Client) (s status, err error) {
	raw, err := c.HubStatus(ctx)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(raw, &s)
}

func readSettings(ctx context.Context, c *client.Client) (s settings, err error) {
	raw, err := c.HubConfig(ctx)
	if err != nil {
		return s, err
	}
	var all struct{ Settings settings }
	if err := json.Unmarshal(raw, &all); err != nil {
		return s, fmt.Errorf("read the Hub's configuration: %w", err)
	}
	return all.Settings, nil
}

// exposure tells who can reach the Hub, and what keeps them out.
func exposure(s settings) []Finding {
	var risks []string
	if !loopback(s.Listen) && s.TLSCert == "" {
		risks = append(risks, "no TLS: tokens and data can be read on the way")
	}
	if !loopback(s.Listen) && s.TokenFile == "" {
		risks = append(risks, "no tokens: whoever reaches it can run programs here")
	}
	if loopback(s.Listen) && s.TokenFile == "" && len(s.Hosts) > 0 {
		risks = append(risks, "answers to "+strings.Join(s.Hosts, ", ")+" without tokens: whom a proxy lets through can run programs here")
	}
	if slices.Contains(s.CORS, "*") {
		risks = append(risks, "every web page may call it")
	}
	if len(risks) > 0 {
		return do(one("exposure", Warn, "listens on %s, %s", s.Listen, strings.Join(risks, "; ")), "give the Hub --tls-cert, --tls-key and --token-file")
	}
	if loopback(s.Listen) {
		return one("exposure", OK, "listens on %s: only this machine reaches it", s.Listen)
	}
	return one("exposure", OK, "listens on %s with TLS and tokens", s.Listen)
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// disk looks at the room for the Hub's data, as the Hub itself sees it.
func disk(ctx context.Context, c *client.Client, s settings) []Finding {
	l, err := c.Load(ctx)
	if err != nil {
		return one("hub disk", Fail, "%v", err)
	}
	for _, d := range l.Disks {
		if d.FS == s.DataDir {
			return room("hub disk", d.FS, uint64(d.Available), s.FreeDisk<<20)
		}
	}
	return one("hub disk", Skip, "the Hub says nothing of %s", s.DataDir)
}

// alive tells whether the keeper of a Hub on this machine lives: it holds a
// lock for as long as it does.
func alive(base string, s settings, instances int) []Finding {
	u, err := url.Parse(base)
	if err != nil || !loopback(u.Host) {
		return one("keeper", Skip, "the Hub is on another machine")
	}
	lock, err := os.Open(filepath.Join(s.DataDir, "run", "keeper.lock"))
	if err != nil {
		return one("keeper", Skip, "cannot be looked at: %v", err)
	}
	defer lock.Close()
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return one("keeper", OK, "alive: a Hub that dies leaves its Instances running")
	case err != nil:
		return one("keeper", Skip, "cannot be looked at: %v", err)
	case instances > 0:
		return do(one("keeper", Fail, "dead, with %d Instances that should run", instances), "see waverider hub logs; the next start brings it up again")
	}
	return one("keeper", OK, "comes with the next Instance")
}
