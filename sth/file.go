package sth

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"waverider"
)

// keys are the settings of a file: the path to each, and the option it stands
// for. What has none is known and changes nothing, or is read by readOnly.
var keys = map[string]string{
	"description": "description", "customName": "custom-name", "tags": "tags",
	"logLevel": "log-level", "logColors": "no-colors", "debug": "debug",
	"identifyExisting": "identify-existing", "sequencesRoot": "sequences-root", "startupConfig": "startup-config",
	"exitWithLastInstance": "exit-with-last-instance", "safeOperationLimit": "safe-operation-limit", "runnerEnvs": "runner-envs",
	"runtimeAdapter": adapterFlag,
	"host.port":      "port", "host.hostname": "hostname", "host.id": "id",
	"host.instancesServerPort": "instances-server-port", "host.federationControl": "enable-federation-control",
	"host.apiBase": "", "host.infoFilePath": "",
	"cpmUrl": "cpm-url", "cpmId": "cpm-id", "cpmSslCaPath": "cpm-ssl-ca-path",
	"cpm.maxReconnections": "cpm-max-reconnections", "cpm.reconnectionDelay": "cpm-reconnection-delay",
	"platform.api": "platform-api", "platform.apiVersion": "platform-api-version", "platform.apiKey": "platform-api-key",
	"platform.space": "platform-space", "platform.hostType": "",
	"docker.prerunner.image": "prerunner-image", "docker.prerunner.maxMem": "prerunner-max-mem",
	"docker.runner.maxMem": "runner-max-mem", "docker.runner.hostIp": "expose-host-ip", "docker.runner.exposePortsRange": "",
	"docker.runnerImages.node": "runner-image", "docker.runnerImages.python3": "runner-py-image",
	"kubernetes.namespace": "k8s-namespace", "kubernetes.quotaName": "k8s-quota-name", "kubernetes.authConfigPath": "k8s-auth-config-path",
	"kubernetes.sthPodHost": "k8s-sth-pod-host", "kubernetes.runnerImages.node": "k8s-runner-image",
	"kubernetes.runnerImages.python3": "k8s-runner-py-image", "kubernetes.sequencesRoot": "k8s-sequences-root",
	"kubernetes.timeout":                       "k8s-runner-cleanup-timeout",
	"kubernetes.runnerResourcesRequestsCpu":    "k8s-runner-resources-requests-cpu",
	"kubernetes.runnerResourcesRequestsMemory": "k8s-runner-resources-requests-memory",
	"kubernetes.runnerResourcesLimitsCpu":      "k8s-runner-resources-limits-cpu",
	"kubernetes.runnerResourcesLimitsMemory":   "k8s-runner-resources-limits-memory",
	"instanceRequirements.cpuLoad":             "", "instanceRequirements.freeMem": freeMemKey, "instanceRequirements.freeSpace": freeSpaceKey,
	"timings.heartBeatInterval": "", "timings.instanceAdapterExitDelay": "",
	"timings.instanceLifetimeExtensionDelay": "instance-lifetime-extension-delay",
	"telemetry.status":                       "no-telemetry", "telemetry.environment": "environment-name", "telemetry.adapter": "",
	"telemetry.loki.host": "", "telemetry.loki.replaceTimestamp": "", "telemetry.loki.interval": "", "telemetry.loki.labels": "",
	"monitorgingServer.port": "healtz-port", "monitorgingServer.host": "healtz-host", "monitorgingServer.path": "healtz-path",
}

// Settings without an option on the command line.
const (
	freeMemKey   = "free-mem"
	freeSpaceKey = "free-space"
)

// opposite are the options that say no to what their key says yes to.
var opposite = []string{"no-colors", "no-telemetry"}

// file reads a configuration into the options that the command line left.
type file struct {
	path     string
	flags    *pflag.FlagSet
	given    map[string]bool // on the command line
	only     *pflag.FlagSet  // settings without an option
	options  *Options
	warnings []string
}

// ReadFile takes from a file what flags, which Register has filled, do not set.
// A key that nobody knows is a warning: sth takes no notice of it, and a file
// that works there must go on working.
func (o *Options) ReadFile(flags *pflag.FlagSet, path string, data []byte) (warnings []string, err error) {
	f := file{path: path, flags: flags, options: o, given: map[string]bool{}, only: pflag.NewFlagSet("", pflag.ContinueOnError)}
	flags.Visit(func(flag *pflag.Flag) { f.given[flag.Name] = true })
	if f.given["no-docker"] {
		f.given[adapterFlag] = true
	}
	f.only.Int64Var(&o.FreeMem, freeMemKey, defaultFreeMem, "")
	f.only.Int64Var(&o.FreeSpace, freeSpaceKey, defaultFreeSpace, "")
	root, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, nil
	}
	err = f.section("", root)
	return f.warnings, err
}

// parse reads YAML, of which JSON is a part but for tabs. nil is an empty file.
func parse(path string, data []byte) (*yaml.Node, error) {
	switch filepath.Ext(path) {
	case ".json":
		data = bytes.ReplaceAll(data, []byte{'\t'}, []byte{' '})
	case ".yaml", ".yml":
	default:
		return nil, invalid("%s: want a file named .json, .yaml or .yml", path)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, invalid("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, invalid("%s:%d: want an object", path, root.Line)
	}
	return root, nil
}

// section reads the keys below prefix.
func (f *file) section(prefix string, n *yaml.Node) error {
	var errs []error
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		errs = append(errs, f.entry(prefix+key.Value, key.Line, value))
	}
	return errors.Join(errs...)
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (f *file) entry(key string, line int, value *yaml.Node) error {
	option, known := keys[key]
	switch {
	case known && (value.Tag == "!!null" || option == ""):
		return nil
	case known:
		if err := f.set(option, value); err != nil {
			return invalid("%s:%d: %s: %s", f.path, line, key, err)
		}
		return nil
	case isSection(key) && value.Tag == "!!null":
		return nil
	case isSection(key) && value.Kind == yaml.MappingNode:
		return f.section(key+".", value)
	case isSection(key):
		return invalid("%s:%d: %s: want an object", f.path, line, key)
	case strings.HasPrefix(key, "telemetry.loki.labels"):
		return nil
	}
	f.warnings = append(f.warnings, fmt.Sprintf("%s:%d: unknown setting %q is ignored%s", f.path, line, key, like(key)))
	return nil
}

func isSection(key string) bool {
	for k := range keys {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

// set gives an option its value, unless the command line has.
func (f *file) set(option string, value *yaml.Node) error {
	flag := f.flags.Lookup(option)
	if flag == nil {
		flag = f.only.Lookup(option)
	}
	if f.given[option] {
		return nil
	}
	if option == "runner-envs" && value.Kind == yaml.MappingNode {
		return f.setEnvs(value)
	}
	if list, ok := flag.Value.(interface{ Replace([]string) error }); ok && value.Kind == yaml.SequenceNode {
		items := []string{}
		for _, item := range value.Content {
			if item.Kind != yaml.ScalarNode {
				return errors.New("want a list of plain values")
			}
			items = append(items, item.Value)
		}
		flag.Changed = true
		return list.Replace(items)
	}
	if value.Kind != yaml.ScalarNode {
		return errors.New("want a plain value")
	}
	return f.setText(flag, option, value.Value)
}

func (f *file) setText(flag *pflag.Flag, option, text string) error {
	if slices.Contains(opposite, option) {
		switch text {
		case "true":
			text = "false"
		case "false":
			text = "true"
		}
	}
	if text == "" && flag.Value.Type() != "string" {
		return nil
	}
	if err := flag.Value.Set(text); err != nil {
		return errors.New(wanted(flag, text, err))
	}
	flag.Changed = true
	return nil
}

// wanted says what a value has to be, without the name of the Go function that
// could not read it.
func wanted(flag *pflag.Flag, text string, err error) string {
	switch flag.Value.Type() {
	case "bool":
		return fmt.Sprintf("found %.80q, want true or false", text)
	case "int", "int64":
		return fmt.Sprintf("found %.80q, want a whole number", text)
	}
	return err.Error()
}

func (f *file) setEnvs(n *yaml.Node) error {
	vars := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		value := resolve(n.Content[i+1])
		if value.Kind != yaml.ScalarNode {
			return fmt.Errorf("%s: want a plain value", n.Content[i].Value)
		}
		if err := putEnv(vars, n.Content[i].Value, value.Value); err != nil {
			return err
		}
	}
	f.options.RunnerEnvs = vars
	return nil
}

// like names the key that a misspelt one was meant to be: the same but for case
// and dashes, or for the letter too many in monitorgingServer.
func like(key string) string {
	plain := strings.NewReplacer("-", "", "_", "", "monitoring", "monitorging")
	for known := range keys {
		for n := strings.Count(known, "."); n >= 0; n-- {
			if strings.EqualFold(plain.Replace(known), plain.Replace(key)) {
				return fmt.Sprintf("; did you mean %q?", known)
			}
			known = known[:max(strings.LastIndex(known, "."), 0)]
		}
	}
	return ""
}

func invalid(format string, args ...any) error {
	return waverider.Errorf(waverider.Invalid, format, args...)
}
