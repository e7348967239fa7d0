package sth

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"waverider"
)

// tagList is the option --tags. It is cut at commas and not trimmed, as sth does.
type tagList struct{ list *[]string }

func (t *tagList) String() string {
	if t.list == nil {
		return ""
	}
	return strings.Join(*t.list, ",")
}

func (t *tagList) Type() string { return "tags" }

func (t *tagList) Set(text string) error {
	if text == "" {
		*t.list = nil
		return nil
	}
	return t.Replace(strings.Split(text, ","))
}

// Replace takes the tags of a file, which are a list.
func (t *tagList) Replace(tags []string) error {
	if slices.Contains(tags, "") {
		return waverider.Errorf(waverider.Invalid, "a tag is empty; write them as \"a,b\"")
	}
	*t.list = tags
	return nil
}

// envs is the option --runner-envs. It shows names only, since values may be
// secrets. For the same reason Set keeps its error for Plan: that of a flag
// would repeat the text.
type envs struct {
	vars *map[string]string
	err  *error
}

func (e *envs) String() string {
	if e.vars == nil {
		return ""
	}
	return strings.Join(slices.Sorted(maps.Keys(*e.vars)), ";")
}

func (e *envs) Type() string { return "variables" }

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Set reads "A=1;B=2".
func (e *envs) Set(text string) error {
	*e.vars, *e.err = parseEnvs(text)
	return nil
}

func parseEnvs(text string) (map[string]string, error) {
	vars := map[string]string{}
	for i, part := range strings.Split(strings.TrimSuffix(text, ";"), ";") {
		if text == "" {
			break
		}
		name, value, found := strings.Cut(part, "=")
		if !found {
			return nil, waverider.Errorf(waverider.Invalid, "runner-envs: variable %d has no \"=\"; write them as \"A=1;B=2\"", i+1)
		}
		if err := putEnv(vars, name, value); err != nil {
			return nil, err
		}
	}
	return vars, nil
}

func putEnv(vars map[string]string, name, value string) error {
	if !envName.MatchString(name) {
		return waverider.Errorf(waverider.Invalid, "runner-envs: variable %d has no name of letters, digits and \"_\"; write them as \"A=1;B=2\"", len(vars)+1)
	}
	if strings.ContainsRune(value, 0) {
		return waverider.Errorf(waverider.Invalid, "runner-envs: variable %s has a NUL in it", name)
	}
	vars[name] = value
	return nil
}
