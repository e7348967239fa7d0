package waverider

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
)

// settings reads the section `waverider`. It is ours alone, so an unknown key
// is a typing mistake that would otherwise be a silent loss of a limit.
func (p *parser) settings(o object) Settings {
	p.only(o, "ack", "readAhead", "restart", "limits", "sandbox")
	return Settings{
		Ack:       Ack(p.choice(o, "ack", string(AckAuto), string(AckSave))),
		ReadAhead: p.readAhead(o),
		Restart:   RestartPolicy(p.choice(o, "restart", string(RestartNever), string(RestartOnFailure), string(RestartAlways))),
		Limits:    p.limits(p.section(o, "limits")),
		Sandbox:   p.sandbox(o),
	}
}

// only refuses keys that nobody reads.
func (p *parser) only(o object, known ...string) {
	var unknown []string
	for key := range o.fields {
		if !slices.Contains(known, key) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		p.failf(o.name(unknown[0]), "unknown; expected one of %s", strings.Join(known, ", "))
	}
}

func (p *parser) choice(o object, key string, values ...string) string {
	raw, ok := o.get(key)
	if !ok {
		return ""
	}
	var s string
	want := `"` + strings.Join(values, `" or "`) + `"`
	if p.decode(o.name(key), raw, &s, want) && !slices.Contains(values, s) {
		p.failf(o.name(key), "found %q, expected %s", s, want)
	}
	return s
}

func (p *parser) readAhead(o object) (n int) {
	want := fmt.Sprintf("a whole number of records from 0 to %d", MaxReadAhead)
	number(p, o, "readAhead", &n, want)
	if n < 0 || n > MaxReadAhead {
		p.failf(o.name("readAhead"), "found %d, expected %s", n, want)
		return 0
	}
	return n
}

func (p *parser) limits(o object) Limits {
	p.only(o, "memory", "cpu", "pids", "files")
	var l Limits
	number(p, o, "memory", &l.Memory, "a whole number of MiB, 0 or more")
	number(p, o, "cpu", &l.CPU, "a number of cores, 0 or more")
	number(p, o, "pids", &l.PIDs, "a whole number of processes, 0 or more")
	number(p, o, "files", &l.Files, "a whole number of open files, 0 or more")
	if field, want := l.Problem(); field != "" {
		raw, _ := o.get(field)
		p.failf(o.name(field), "found %s, expected %s", raw, want)
	}
	return l
}

func number[N int | int64 | float64](p *parser, o object, key string, v *N, want string) {
	if raw, ok := o.get(key); ok {
		p.decode(o.name(key), raw, v, want)
	}
}

func (p *parser) sandbox(o object) *Sandbox {
	if _, ok := o.get("sandbox"); !ok {
		return nil
	}
	section := p.section(o, "sandbox")
	p.only(section, "network", "read", "write")
	s := Sandbox{Read: p.paths(section, "read"), Write: p.paths(section, "write")}
	if raw, ok := section.get("network"); ok {
		p.decode(section.name("network"), raw, &s.Network, "true or false")
	}
	return &s
}

func (p *parser) paths(o object, key string) []string {
	paths := p.texts(o, key)
	for i, s := range paths {
		if !path.IsAbs(s) || strings.ContainsRune(s, 0) || slices.Contains(strings.Split(s, "/"), "..") {
			p.failf(item(o.name(key), i), `found %q, expected an absolute path without "..", for example "/var/data"`, s)
			continue
		}
		paths[i] = path.Clean(s)
	}
	return paths
}
