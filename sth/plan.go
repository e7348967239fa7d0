package sth

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"waverider"
)

// Plan is what Options mean for a Waverider Hub.
type Plan struct {
	Settings map[string]string // of `waverider hub`, by their names there
	Host     string            // name that the Hub is called by, if --hostname gives one
	Limits   waverider.Limits  // of every Instance that has none of its own
	Env      map[string]string // of every program
	Health   *Health           // nil: no probes
	Config   map[string]any    // what GET /config shows of it, in sth's form
	Warnings []string          // what is not done, and what to do about it
}

// Health says where probes of the Hub's health are answered.
type Health struct {
	Addr string
	Path string
}

// endDelay is what sth keeps an ended Instance for before its extension delay.
const endDelay = 15 * time.Second

// Plan says what the options mean. flags are those that Register has bound, with
// what command line and file have set marked as changed.
func (o *Options) Plan(flags *pflag.FlagSet) (*Plan, error) {
	if err := o.check(flags); err != nil {
		return nil, err
	}
	host := strings.TrimSuffix(strings.TrimPrefix(o.Hostname, "["), "]")
	p := &Plan{Config: config(flags), Settings: map[string]string{
		"listen":          net.JoinHostPort(cmp.Or(host, defaultHostname), strconv.Itoa(o.Port)),
		"id":              o.ID,
		"name":            o.CustomName,
		"log-level":       o.level(),
		"kill-on-exit":    strconv.FormatBool(o.KillOnExit),
		"min-free-disk":   strconv.FormatInt(o.SafeLimit+o.FreeSpace, 10),
		"min-free-memory": strconv.FormatInt(o.FreeMem, 10),
	}}
	if flags.Changed("instance-lifetime-extension-delay") {
		p.Settings["instance-lifetime"] = (endDelay + time.Duration(o.ExtensionDelay)*time.Millisecond).String()
	}
	if host != "" && net.ParseIP(host) == nil {
		p.Host = host
	}
	p.Limits.Memory = o.RunnerMaxMem
	if o.HealthPort != 0 {
		p.Health = &Health{
			Addr: net.JoinHostPort(cmp.Or(o.HealthHost, defaultHealth), strconv.Itoa(o.HealthPort)),
			Path: "/" + strings.TrimPrefix(cmp.Or(o.HealthPath, defaultPath), "/"),
		}
	}
	p.Env = o.programEnv(p)
	if p.Settings["log-level"] != strings.ToLower(o.LogLevel) {
		p.warn("log-level %q is not known; the log shows everything (trace)", o.LogLevel)
	}
	p.warnUnused(flags)
	return p, nil
}

func (p *Plan) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

func (o *Options) level() string {
	level := strings.ToLower(o.LogLevel)
	switch level {
	case "trace", "debug", "info", "warn", "error":
		return level
	case "fatal":
		return "error"
	}
	return "trace"
}

// ownEnv are variables that each program has with values of its own.
var ownEnv = []string{"HOME", "TMPDIR", "INSTANCE_ID", "SEQUENCE_PATH"}

// programEnv leaves out what is each program's own.
func (o *Options) programEnv(p *Plan) map[string]string {
	env := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(o.RunnerEnvs)) {
		if slices.Contains(ownEnv, name) || strings.HasPrefix(strings.TrimPrefix(name, "_"), "WAVERIDER_") {
			p.warn("runner-envs: %s is not passed on: the Hub gives each program its own", name)
			continue
		}
		env[name] = o.RunnerEnvs[name]
	}
	return env
}

// check refuses what sth refuses, and what cannot be had here and is asked for
// by name.
func (o *Options) check(flags *pflag.FlagSet) error {
	if o.envsError != nil {
		return o.envsError
	}
	for _, port := range []struct {
		name  string
		value int
	}{{"port", o.Port}, {"healtz-port", o.HealthPort}} {
		if port.value < 0 || port.value > 65535 {
			return invalid("%s %d: want a port from 0 to 65535", port.name, port.value)
		}
	}
	for _, n := range []struct {
		name  string
		value int64
	}{{"safe-operation-limit", o.SafeLimit}, {"freeMem", o.FreeMem}, {"freeSpace", o.FreeSpace}} {
		if n.value < 0 || n.value > 1<<40 {
			return invalid("%s %d: want a number of MB, 0 or more", n.name, n.value)
		}
	}
	const year = int64(365 * 24 * time.Hour / time.Millisecond)
	if o.ExtensionDelay < 0 || o.ExtensionDelay > 100*year {
		return invalid("instance-lifetime-extension-delay %d: want a number of ms, 0 or more", o.ExtensionDelay)
	}
	if _, want := (waverider.Limits{Memory: o.RunnerMaxMem}).Problem(); want != "" {
		return invalid("runner-max-mem %d: want %s", o.RunnerMaxMem, want)
	}
	if o.HealthPort == 0 && (o.HealthHost != "" || o.HealthPath != "") {
		return invalid("healtz-port is missing: probes need a port beside host and path")
	}
	return cmp.Or(o.checkAdapter(flags), o.checkSpace())
}

func (o *Options) checkAdapter(flags *pflag.FlagSet) error {
	if o.NoDocker {
		if flag := flags.Lookup(adapterFlag); flag.Changed && o.RuntimeAdapter != "process" {
			return invalid("--no-docker and --runtime-adapter %s exclude each other", o.RuntimeAdapter)
		}
	}
	switch o.RuntimeAdapter {
	case "", "detect", "process":
		return nil
	case "docker", "kubernetes":
		return invalid("runtime-adapter %s: Waverider runs programs as processes, each within limits of its own, and not in containers yet; "+
			"leave the option out, or say process", o.RuntimeAdapter)
	}
	return invalid("runtime-adapter %q: want process or detect", o.RuntimeAdapter)
}

// checkSpace has the rule of sth: URL and id of a Space go together, and a
// platform takes the place of the URL.
func (o *Options) checkSpace() error {
	url, id := o.CPMURL != "", o.CPMID != ""
	if url != id && (url || o.PlatformAPI == "") {
		return invalid("CPM_CONFIGURATION_ERROR: cpm-url and cpm-id go together: give both, or none")
	}
	return nil
}

// hiddenKeys are not shown by GET /config: paths of this machine, and secrets.
var hiddenKeys = []string{"sequencesRoot", "startupConfig", "cpmSslCaPath", "platform.apiKey", "runnerEnvs",
	"kubernetes.authConfigPath", "kubernetes.sequencesRoot"}

// config is the configuration as sth shows it, of what has a value.
func config(flags *pflag.FlagSet) map[string]any {
	root := map[string]any{}
	for key, option := range keys {
		flag := flags.Lookup(option)
		if flag == nil || slices.Contains(hiddenKeys, key) || slices.Contains([]string{"", "0"}, flag.Value.String()) && !flag.Changed {
			continue
		}
		at, path := root, strings.Split(key, ".")
		for _, name := range path[:len(path)-1] {
			next, ok := at[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name] = next
			}
			at = next
		}
		at[path[len(path)-1]] = shown(flag)
	}
	root["telemetry"] = map[string]any{"status": false} // whatever was asked for
	return root
}

func shown(flag *pflag.Flag) any {
	text := flag.Value.String()
	switch flag.Value.Type() {
	case "bool":
		return (text == "true") != slices.Contains(opposite, flag.Name)
	case "int", "int64":
		n, _ := strconv.ParseInt(text, 10, 64) // pflag has read it
		return n
	case "tags":
		return strings.Split(text, ",")
	}
	return text
}
