package sth

import (
	"strings"

	"github.com/spf13/pflag"
)

// notes say of options that change nothing what there is in their place. Options
// that are in no note are silent: what they ask for is so anyway.
var notes = []struct {
	options []string
	text    string
}{
	{[]string{"cpm-url", "cpm-id", "cpm-ssl-ca-path", "cpm-max-reconnections", "cpm-reconnection-delay",
		"platform-api", "platform-api-version", "platform-api-key", "platform-space"},
		"no Space is joined: this Hub runs alone"},
	{[]string{"expose-host-ip", "runner-image", "runner-py-image", "prerunner-image", "prerunner-max-mem"},
		"programs run as processes and not in containers: leave it out"},
	{[]string{"k8s-namespace", "k8s-quota-name", "k8s-auth-config-path", "k8s-sth-pod-host", "k8s-runner-image", "k8s-runner-py-image",
		"k8s-sequences-root", "k8s-runner-cleanup-timeout", "k8s-runner-resources-requests-cpu", "k8s-runner-resources-requests-memory",
		"k8s-runner-resources-limits-cpu", "k8s-runner-resources-limits-memory"},
		"programs run as processes and not in pods: leave it out"},
	{[]string{"isp", "instances-server-port"},
		"programs reach the Hub over a Unix socket and not a port: leave it out"},
	{[]string{"debug"},
		"programs do not wait for a debugger: run yours with node --inspect to look into it"},
}

// warnUnused warns of what was set and changes nothing, once for each reason.
func (p *Plan) warnUnused(flags *pflag.FlagSet) {
	for _, note := range notes {
		var set []string
		for _, name := range note.options {
			if flag := flags.Lookup(name); flag.Changed && flag.Value.String() != "false" && flag.Value.String() != "" {
				set = append(set, name)
			}
		}
		if len(set) > 0 {
			p.warn("without effect: %s; %s", strings.Join(set, ", "), note.text)
		}
	}
}
