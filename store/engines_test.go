package store_test

import (
	"errors"
	"testing"

	"waverider"
	"waverider/store"
)

func TestCheckEngines(t *testing.T) {
	node := map[string]string{"node": "20.20.2"}
	python := map[string]string{"python3": "3.12.3"}
	for _, c := range []struct {
		engine, wants string
		have          map[string]string
		err           string
	}{
		{"node", ">=16", node, ""},
		{"node", "", node, ""},
		{"node", "*", node, ""},
		{"node", "latest", node, ""},
		{"node", "20", node, ""},
		{"node", "20.x", node, ""},
		{"node", "v20.20.2", node, ""},
		{"node", "18.x || 20", node, ""},
		{"node", "18 ||20||", node, ""},
		{"node", "^18.0.0 || >=20.0.0", node, ""},
		{"node", ">=18 <21", node, ""},
		{"node", ">= 18.0.0, < 21", node, ""},
		{"node", "18.0.0 - 20.99.99", node, ""},
		{"node", "18 - 20", node, ""},
		{"node", "~20.20", node, ""},
		{"node", ">=20.20.2", map[string]string{"node": "v20.20.3-nightly"}, ""},
		{"node", ">=99", map[string]string{"node": "own build"}, ""},
		{"node", ">=22", node, `engines.node: this Hub has node 20.20.2, the package wants ">=22"`},
		{"node", "18", node, `engines.node: this Hub has node 20.20.2, the package wants "18"`},
		{"node", "18.x || 22", node, `engines.node: this Hub has node 20.20.2, the package wants "18.x || 22"`},
		{"node", "^18", node, `engines.node: this Hub has node 20.20.2, the package wants "^18"`},
		{"node", "a recent one", node, `engines.node: found "a recent one", expected a version range, for example ">=18"`},
		{"node", ">=16", python, `engines.node: this Hub has no node; install it, or send the Sequence to a Hub that has it`},
		{"python3", "3.9.0", python, ""},
		{"python3", "3", python, ""},
		{"python3", "3.9", python, ""},
		{"python3", ">=3.9,<4", python, ""},
		{"python3", "3.x", python, ""},
		{"python3", "==3.12.3", python, ""},
		{"python3", "==3.12.*", python, ""},
		{"python3", "~=3.9", python, ""},
		{"python3", "~=3.11.1", python, `engines.python3: this Hub has python3 3.12.3, the package wants "~=3.11.1"`},
		{"python3", "==3.9.0", python, `engines.python3: this Hub has python3 3.12.3, the package wants "==3.9.0"`},
		{"python3", "3.13", python, `engines.python3: this Hub has python3 3.12.3, the package wants "3.13"`},
		{"python3", "<3.12", python, `engines.python3: this Hub has python3 3.12.3, the package wants "<3.12"`},
		{"python3", "3.9.0", nil, `engines.python3: this Hub has no python3; install it, or send the Sequence to a Hub that has it`},
	} {
		err := store.CheckEngines(waverider.Manifest{Main: "a", Engines: map[string]string{c.engine: c.wants}}, c.have)
		got := ""
		var e *waverider.Error
		if errors.As(err, &e) && e.Kind == waverider.Unprocessable {
			got = e.Message
		} else if err != nil {
			got = "another error: " + err.Error()
		}
		if got != c.err {
			t.Errorf("%s %q with %v:\ngot  %s\nwant %s", c.engine, c.wants, c.have, got, c.err)
		}
	}
}

func TestCheckEnginesWithoutEngines(t *testing.T) {
	if err := store.CheckEngines(waverider.Manifest{Main: "a.js"}, map[string]string{"node": "18.0.0"}); err != nil {
		t.Error(err)
	}
	if err := store.CheckEngines(waverider.Manifest{Main: "a.py"}, map[string]string{"node": "18.0.0"}); waverider.KindOf(err) != waverider.Unprocessable {
		t.Errorf("a Python program on a Hub with Node only: %v", err)
	}
	m := waverider.Manifest{Main: "a.js", Engines: map[string]string{"npm": ">=99", "node": ">=18"}}
	if err := store.CheckEngines(m, map[string]string{"node": "18.0.0"}); err != nil {
		t.Errorf("npm's version stands in the way: %v", err)
	}
}
