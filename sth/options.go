package sth

import (
	"github.com/spf13/pflag"
)

// Options is what sth can be told. A field without a comment has no meaning
// here; notes say why.
type Options struct {
	File string // the configuration

	Port     int
	Hostname string
	ID       string

	CustomName  string
	Description string
	Tags        []string

	LogLevel string
	NoColors bool

	IdentifyExisting bool
	SequencesRoot    string
	StartupConfig    string
	ExitWithLast     bool
	KillOnExit       bool

	ExtensionDelay int64 // ms an ended Instance stays, beside 15 s
	SafeLimit      int64 // MB of disk
	RunnerMaxMem   int64 // MB of memory of an Instance
	RunnerEnvs     map[string]string
	envsError      error

	HealthPort int
	HealthHost string
	HealthPath string

	RuntimeAdapter string
	NoDocker       bool

	CPMURL, CPMID              string
	PlatformAPI, PlatformSpace string

	FreeMem, FreeSpace int64 // MB; in the file only
}

// Defaults of sth, where Waverider has them too.
const (
	defaultPort      = 8000
	defaultHostname  = "127.0.0.1"
	defaultLevel     = "TRACE"
	defaultSafeLimit = 512 // MB
	defaultFreeMem   = 256 // MB
	defaultFreeSpace = 128 // MB
	defaultHealth    = "localhost"
	defaultPath      = "healtz"
)

// Register binds the options that a command line can have to flags. Those
// without a meaning here are hidden.
func (o *Options) Register(f *pflag.FlagSet) {
	o.FreeMem, o.FreeSpace = defaultFreeMem, defaultFreeSpace
	f.StringVarP(&o.File, configFlag, "c", "", "configuration `file` of sth: .json, .yaml or .yml")
	f.IntVarP(&o.Port, "port", "P", defaultPort, "`port` of the API; 0 takes a free one")
	f.StringVarP(&o.Hostname, "hostname", "H", "", "`address` of the API; without it this machine only (127.0.0.1). Beyond this machine it lets everyone in, unless TLS and tokens are given")
	f.StringVarP(&o.ID, "id", "I", "", "`id` of the Hub (default: made of its key)")
	f.StringVar(&o.CustomName, "custom-name", "", "`name` of the Hub, for people")
	f.StringVar(&o.Description, "description", "", "`text` about the Hub, shown by GET /config (-desc)")
	f.Var(&tagList{&o.Tags}, "tags", "`words` about the Hub, with commas between them, shown by GET /config")

	f.StringVarP(&o.LogLevel, "log-level", "L", defaultLevel, "`level` of the log: trace, debug, info, warn or error")
	f.BoolVar(&o.NoColors, "no-colors", false, "no colors in the log")

	f.BoolVarP(&o.IdentifyExisting, "identify-existing", "E", false, "make a Sequence of each package in a folder of --sequences-root; its id is the folder's name")
	f.StringVarP(&o.SequencesRoot, "sequences-root", "D", "", "`folder` that --identify-existing looks into (default ~/.scramjet_sequences)")
	f.StringVarP(&o.StartupConfig, "startup-config", "S", "", "`file` that says which Sequences to start: .json, .yaml or .yml")
	f.BoolVarP(&o.ExitWithLast, "exit-with-last-instance", "X", false, "end when the last Instance has ended, with 101 if none has begun")
	f.BoolVarP(&o.KillOnExit, "kill-on-exit", "K", false, "end the Instances at SIGINT and SIGTERM too; without, they run on until the Hub is back")

	f.Int64Var(&o.ExtensionDelay, "instance-lifetime-extension-delay", 0, "keep an ended Instance and its logs for so many `ms` and 15 s (default: 24 hours)")
	f.Int64Var(&o.SafeLimit, "safe-operation-limit", defaultSafeLimit, "`MB` of disk to leave alone, and 128 MB more (freeSpace in the file): no upload or start below both")
	f.Int64Var(&o.RunnerMaxMem, "runner-max-mem", 0, "`MB` of memory that an Instance may take, where neither its start nor its package says (default: no limit)")
	f.Var(&envs{&o.RunnerEnvs, &o.envsError}, "runner-envs", "`variables` of every program: \"A=1;B=2\"")

	f.IntVar(&o.HealthPort, "healtz-port", 0, "`port` to answer probes of the Hub's health on")
	f.StringVar(&o.HealthHost, "healtz-host", "", "`address` of --healtz-port (default localhost)")
	f.StringVar(&o.HealthPath, "healtz-path", "", "`path` of --healtz-port (default healtz)")

	f.StringVar(&o.RuntimeAdapter, adapterFlag, "", "how programs run: `process`, or detect, which is the same here")
	f.BoolVar(&o.NoDocker, "no-docker", false, "run programs as processes, which Waverider does anyway")
	o.registerSpace(f)
	registerUnused(f)
}

// registerSpace binds the options of the link to a Space, which are looked at
// but join nothing yet.
func (o *Options) registerSpace(f *pflag.FlagSet) {
	f.StringVarP(&o.CPMURL, "cpm-url", "C", "", "")
	f.StringVar(&o.CPMID, "cpm-id", "", "")
	f.StringVar(&o.PlatformAPI, "platform-api", "", "")
	f.StringVar(&o.PlatformSpace, "platform-space", "", "")
	for _, name := range []string{"cpm-url", "cpm-id", "platform-api", "platform-space"} {
		_ = f.MarkHidden(name)
	}
}

// registerUnused takes the options that change nothing here.
func registerUnused(f *pflag.FlagSet) {
	for _, name := range []string{"debug", "no-telemetry", "enable-federation-control"} {
		f.Bool(name, false, "")
		_ = f.MarkHidden(name)
	}
	for _, name := range unused {
		f.String(name, "", "")
		_ = f.MarkHidden(name)
	}
}

// unused are the options with a value that change nothing here.
var unused = []string{
	"cpm-ssl-ca-path", "cpm-max-reconnections", "cpm-reconnection-delay",
	"platform-api-version", "platform-api-key", "environment-name",
	"isp", "instances-server-port", "expose-host-ip", "runner-image", "runner-py-image", "prerunner-image", "prerunner-max-mem",
	"k8s-namespace", "k8s-quota-name", "k8s-auth-config-path", "k8s-sth-pod-host", "k8s-runner-image", "k8s-runner-py-image",
	"k8s-sequences-root", "k8s-runner-cleanup-timeout", "k8s-runner-resources-requests-cpu", "k8s-runner-resources-requests-memory",
	"k8s-runner-resources-limits-cpu", "k8s-runner-resources-limits-memory",
}

const (
	configFlag  = "config"
	adapterFlag = "runtime-adapter"
)
