package store

import (
	"strings"

	"github.com/Masterminds/semver/v3"

	"waverider"
)

// CheckEngines says whether this machine has what a package wants to run with.
// have is version by language; engines nobody here knows (npm, vscode, …) are
// not about running it and are passed over, but for the package's language.
func CheckEngines(m waverider.Manifest, have map[string]string) error {
	language, err := m.Language()
	if err != nil {
		return err
	}
	field := "engines." + language
	version, here := have[language]
	if !here {
		return engineError(field, "this Hub has no %s; install it, or send the Sequence to a Hub that has it", language)
	}
	want := strings.TrimSpace(m.Engines[language])
	if want == "" || want == "*" || want == "latest" {
		return nil
	}
	wanted, err := semver.NewConstraint(rangeOf(language, want))
	if err != nil {
		return engineError(field, `found %q, expected a version range, for example ">=18"`, want)
	}
	installed, err := semver.NewVersion(version)
	if err != nil {
		return nil // a build of one's own without a version: its owner knows
	}
	// A pre-release has everything of the releases before it, while a range
	// as such matches none.
	if released, err := installed.SetPrerelease(""); err == nil {
		installed = &released
	}
	if !wanted.Check(installed) {
		return engineError(field, "this Hub has %s %s, the package wants %q", language, version, want)
	}
	return nil
}

// rangeOf brings a range of npm or Python into the form that semver reads.
func rangeOf(language, want string) string {
	alternatives := strings.Split(want, "||")
	for i, a := range alternatives {
		a = strings.TrimSpace(a)
		if a == "" {
			a = "*"
		}
		if language == waverider.LanguagePython {
			a = pythonRange(a)
		}
		alternatives[i] = a
	}
	return strings.Join(alternatives, " || ")
}

// pythonRange reads what Python calls version specifiers. Scramjet's packages
// carry the exact version of their author ("3.9.0") and are run with any, so a
// bare version is the least one.
func pythonRange(want string) string {
	clauses := strings.Split(want, ",")
	for i, clause := range clauses {
		clause = strings.TrimSpace(clause)
		switch {
		case strings.HasPrefix(clause, "~="): // up to the last number but one
			version := strings.TrimSpace(clause[2:])
			clause = "^" + version
			if strings.Count(version, ".") > 1 {
				clause = "~" + version
			}
		case strings.HasPrefix(clause, "=="):
			clause = strings.TrimLeft(clause, "=")
		case clause != "" && clause[0] >= '0' && clause[0] <= '9' && !strings.ContainsAny(clause, " xX*"):
			clause = ">=" + clause
		}
		clauses[i] = clause
	}
	return strings.Join(clauses, ",")
}

func engineError(field, format string, args ...any) error {
	err := waverider.Errorf(waverider.Unprocessable, field+": "+format, args...)
	err.Detail = map[string]any{"field": field}
	return err
}
