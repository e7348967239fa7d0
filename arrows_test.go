package waverider_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// arrows holds what each folder imports of this module, no more and no less;
// docs_test.go holds docs/architecture.md to it. Everything may import the root,
// the root imports std only. "*" is the composition root. Tests may go further.
var arrows = map[string][]string{
	"":                  {},
	"auth":              {},
	"wire":              {"auth"},
	"logfile":           {}, // bytes on disk, knows nobody
	"store":             {},
	"bus":               {}, // the engine, knows nobody
	"topic":             {"bus", "topic/batch", "topic/ledger"},
	"topic/batch":       {}, // bytes of the stored form, knows nobody
	"topic/ledger":      {}, // what is remembered of Topics beside their records
	"records":           {"bus"},
	"runner":            {},                    // protocol and embedded runners
	"runner/runnertest": {"runner"},            // the other end, for tests
	"runtime":           {"runner", "logfile"}, // a Process shows its channel and its logs
	"runtime/process":   {"runtime", "runtime/process/keeper", "runner", "logfile"},
	// The keeper is a program of its own that outlives Hubs: it knows processes
	// and pipes, and nothing of what they are for.
	"runtime/process/keeper": {},
	"runtime/runtimetest":    {"runtime", "runner", "runner/runnertest", "logfile"}, // the suite of the contract
	"datadir":                {},                                                    // a folder of its own for each role
	"lastlines":              {"wire"},                                              // a log in memory, followed over HTTP
	"host":                   {},
	"selfcert":               {"datadir"},
	"link":                   {"auth", "wire"},                         // knows nothing of Topics and Instances
	"link/replica":           {"topic", "topic/batch"},                 // Topics over any connection, knows nothing of the Link
	"topicapi":               {"topic", "topic/batch", "auth", "wire"}, // the API of Topics, over any Store
	"hub":                    {"hub/journal", "datadir", "lastlines", "host", "hub/openapi", "hub/pump", "topic", "topicapi", "runtime", "runner", "logfile", "store", "auth", "wire"},
	"hub/uplink":             {"link", "link/replica", "topic", "datadir", "auth", "wire"},                                                   // the Hub's end of its Link
	"space":                  {"link", "link/replica", "records", "space/openapi", "topicapi", "topic", "host", "lastlines", "auth", "wire"}, // never hub
	"hub/journal":            {},                                                                                                             // what a Hub remembers, nothing of why
	"hub/openapi":            {"topicapi/openapi"},                                                                                           // words about the API, which tests hold to the code
	"space/openapi":          {"topicapi/openapi"},                                                                                           // likewise
	"topicapi/openapi":       {},                                                                                                             // what both share
	"hub/pump":               {"runner", "topic", "topic/batch"},                                                                             // knows channels and Topics, not Instances
	"client":                 {"wire"},
	"tty":                    {},      // what a terminal can do
	"sth":                    {"tty"}, // reads what Scramjet's command is told; runs nothing
	"localhub":               {},      // a Hub or a Space as a child process of a command
	"cli":                    {"cli/profile", "client", "dev", "localhub", "project"},
	"cli/profile":            {}, // which Hub is meant
	"dev":                    {"client", "tty"},
	"project":                {}, // files of a new Sequence
	"demo":                   {"client", "localhub", "tty"},
	"doctor":                 {"client", "runner", "runtime/process", "runtime/process/keeper", "tty"}, // tries what a Hub would do
	"cmd/waverider":          {"*"},
	"internal/testbin":       {},                                                                             // builds the binary for tests
	"internal/testhub":       {},                                                                             // drives a built Hub from outside, shares no code with it
	"internal/testspace":     {"internal/testhub"},                                                           // likewise a Space with its Hubs
	"internal/testnet":       {},                                                                             // networks that fail, knows nothing of what goes over them
	"bench":                  {"auth", "link", "internal/testhub", "internal/testnet", "internal/testspace"}, // measures the built product; many Hubs are Links alone
	"internal/rawlink":       {"auth"},                                                                       // a Hub that does wrong, step by step
	"bench/rawjs":            {},                                                                             // the engine without us, to measure against
	"faults":                 {"internal/testhub", "internal/testnet", "internal/testspace", "faults/tally"},
	"faults/tally":           {}, // counts records, for any fault
	"e2e":                    {"*"},
	"e2e/compat":             {"*"},
	"e2e/compat/transcripts": {"*"},
}

type pkg struct {
	ImportPath, Dir string
	Imports         []string
	GoFiles         []string
}

// modulePackages lists the packages as they are on every system we build for.
func modulePackages(t *testing.T) []pkg {
	t.Helper()
	var all []pkg
	for _, system := range []string{"linux", "darwin"} {
		cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "./...")
		cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list for %s: %v", system, err)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p pkg
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
	}
	return all
}

func folder(importPath string) (string, bool) {
	if importPath == "waverider" {
		return "", true
	}
	return strings.CutPrefix(importPath, "waverider/")
}

func TestImportsPointDownward(t *testing.T) {
	used := map[string]bool{}
	for _, p := range modulePackages(t) {
		from, _ := folder(p.ImportPath)
		allowed, known := arrows[from]
		if !known {
			t.Errorf("%s: no entry in the table of import arrows", p.ImportPath)
			continue
		}
		may := map[string]bool{"": from != ""}
		for _, a := range allowed {
			may[a] = true
		}
		for _, imp := range p.Imports {
			to, ours := folder(imp)
			used[from+" -> "+to] = ours
			switch {
			case ours && !may[to] && !may["*"]:
				t.Errorf("%s must not import %s", p.ImportPath, imp)
			case !ours && from == "" && strings.Contains(strings.Split(imp, "/")[0], "."):
				t.Errorf("the root imports the standard library only, not %s", imp)
			}
		}
	}
	for from, allowed := range arrows {
		for _, to := range allowed {
			if to != "*" && !used[from+" -> "+to] {
				t.Errorf("%s may import %s and does not: take the arrow out of the table", from, to)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range modulePackages(t) {
		documented := false
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || f.Doc != nil
		}
		if len(p.GoFiles) > 0 && !documented {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
