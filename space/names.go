package space

import (
	"fmt"
	"regexp"

	"waverider"
)

var (
	hubName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	labelName  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^[A-Za-z0-9._:/@+ -]{0,128}$`)
)

const maxLabels = 64

// checkHubName refuses what cannot name a Hub: it stands in paths and in the
// names of parked Topics.
func checkHubName(name string, none bool) error {
	if name == "" && none || hubName.MatchString(name) {
		return nil
	}
	return waverider.Errorf(waverider.Invalid, "name: want 1 to 63 letters, digits, \".\", \"_\" or \"-\", a letter or a digit first and last")
}

func checkDomain(name string) error {
	if name == "" || hubName.MatchString(name) {
		return nil
	}
	return waverider.Errorf(waverider.Invalid, "domain: want 1 to 63 letters, digits, \".\", \"_\" or \"-\", a letter or a digit first and last")
}

func checkLabels(labels map[string]string) error {
	if len(labels) > maxLabels {
		return waverider.Errorf(waverider.Invalid, "labels: want at most %d", maxLabels)
	}
	for k, v := range labels {
		if !labelName.MatchString(k) {
			return waverider.Errorf(waverider.Invalid, "label %.64q: want 1 to 63 letters, digits, \".\", \"_\", \"/\" or \"-\"", k)
		}
		if !labelValue.MatchString(v) {
			return waverider.Errorf(waverider.Invalid, "label %s: want at most 128 letters, digits, spaces or any of ._:/@+-", k)
		}
	}
	return nil
}

// freeName is the wished name, or the first of name-2, name-3, … that no other
// Hub has.
func (s *Space) freeName(wish, id string) string {
	if wish == "" || checkHubName(wish, false) != nil {
		wish = "hub-" + id[:min(8, len(id))]
	}
	taken := map[string]bool{}
	for _, m := range s.list() {
		if m.id != id {
			taken[m.Record().Name] = true
		}
	}
	name := wish
	for n := 2; taken[name]; n++ {
		end := fmt.Sprint("-", n)
		name = wish[:min(len(wish), 63-len(end))] + end
	}
	return name
}
