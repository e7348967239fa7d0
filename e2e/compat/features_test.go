package compat

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"waverider/hub/openapi"
)

var update = flag.Bool("update", false, "write the table of features into docs/from-scramjet.md")

// feature is a line of features/*.txt: what Scramjet has, what Waverider has,
// and the tests that show it. Waverider is "same" (also with more words behind
// it), "differs: ROW" with a row of the differences in docs/from-scramjet.md,
// "not yet", or words of its own. Tests are separated by ";" and may be left
// out of what is not there yet:
//
//	TestInOut                          a Go test
//	stop.test.js "kill ends …"         a test of Node, in test/ or runner/js/test
//	replay "hub version"               an exchange of transcripts/
//	cli/first.txtar                    a script of e2e/testdata
type feature struct {
	name, scramjet, waverider string
	tests                     []string
}

// area is one file of features.
type area struct {
	title    string
	features []feature
}

func areas(t *testing.T) (list []area) {
	t.Helper()
	names, err := filepath.Glob("features/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no features: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var a area
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			switch comment, ok := strings.CutPrefix(line, "# "); {
			case ok && a.title == "":
				a.title = comment
			case line == "" || line[0] == '#':
			default:
				a.features = append(a.features, parseFeature(t, name, line))
			}
		}
		list = append(list, a)
	}
	return list
}

func parseFeature(t *testing.T, file, line string) feature {
	t.Helper()
	cells := strings.Split(line+" ", " | ")
	if len(cells) != 4 {
		t.Fatalf("%s: %q has %d cells, want 4", file, line, len(cells))
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	f := feature{name: cells[0], scramjet: cells[1], waverider: cells[2]}
	for _, name := range testName.FindAllString(cells[3], -1) {
		f.tests = append(f.tests, strings.TrimSpace(name))
	}
	return f
}

// testName is a test; its title may have a semicolon.
var testName = regexp.MustCompile(`(?:"[^"]*"|[^;"])+`)

const comparison = "../../docs/from-scramjet.md"

// The table stands between these lines.
const (
	tableBegins = "<!-- features: go test ./e2e/compat -run TestFeatureTable -update -->\n"
	tableEnds   = "<!-- end of features -->\n"
)

func TestFeatureTable(t *testing.T) {
	list := areas(t)
	page, err := os.ReadFile(comparison)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), tableBegins)
	old, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table", comparison)
	}
	table := render(list)
	switch {
	case table == old:
	case *update:
		if err := os.WriteFile(comparison, []byte(before+tableBegins+table+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table in %s is not what features/*.txt say: run go test ./e2e/compat -run TestFeatureTable -update", comparison)
	}
	known := newShown(t)
	for _, a := range list {
		for _, f := range a.features {
			known.check(t, f)
		}
	}
}

func render(list []area) string {
	var b strings.Builder
	all, shown := 0, 0
	for _, a := range list {
		fmt.Fprintf(&b, "\n### %s\n\n| | Scramjet | Waverider | shown by |\n|---|---|---|---|\n", a.title)
		for _, f := range a.features {
			if all++; !f.missing() {
				shown++
			}
			waverider := f.waverider
			if row, ok := strings.CutPrefix(waverider, "differs: "); ok {
				waverider = "**" + row + "**"
			}
			var tests []string
			for _, name := range f.tests {
				tests = append(tests, "`"+name+"`")
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.name, f.scramjet, waverider, strings.Join(tests, ", "))
		}
	}
	return fmt.Sprintf("\n%d features; %d are there, each with a test that shows it.\n", all, shown) + b.String() + "\n"
}

func (f feature) missing() bool { return strings.HasPrefix(f.waverider, "not ") }

// shown is what features may name.
type shown struct {
	differences map[string]bool
	goTests     map[string]bool
	replays     string            // text of the tables of transcripts/
	nodeTests   map[string]string // text by name of the file
}

func newShown(t *testing.T) shown {
	t.Helper()
	s := shown{differences: map[string]bool{}, goTests: map[string]bool{}, nodeTests: map[string]string{}}
	row := regexp.MustCompile(`(?m)^\| \*\*([^*|]+)\*\* \|`)
	for _, m := range row.FindAllStringSubmatch(read(t, comparison), -1) {
		s.differences[m[1]] = true
	}
	test := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "node_modules" || e.Name() == ".git"):
			return fs.SkipDir
		case strings.HasSuffix(path, "_table_test.go"):
			s.replays += read(t, path)
		case strings.HasSuffix(path, "_test.go"):
			for _, m := range test.FindAllStringSubmatch(read(t, path), -1) {
				s.goTests[m[1]] = true
			}
		case strings.HasSuffix(path, ".test.js"):
			s.nodeTests[e.Name()] += read(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// check holds a feature to what is there.
func (s shown) check(t *testing.T, f feature) {
	t.Helper()
	if row, ok := strings.CutPrefix(f.waverider, "differs: "); ok && !s.differences[row] {
		t.Errorf("%s: %q is no row of the differences", f.name, row)
	}
	if len(f.tests) == 0 && !f.missing() {
		t.Errorf("%s: no test shows it", f.name)
	}
	for _, name := range f.tests {
		if !s.there(name) {
			t.Errorf("%s: there is no test %s", f.name, name)
		}
	}
}

func (s shown) there(name string) bool {
	file, title, _ := strings.Cut(name, " ")
	switch {
	case file == "replay":
		return strings.Contains(s.replays, "name: "+title) || strings.Contains(s.replays, "("+title+",")
	case strings.HasSuffix(file, ".test.js"):
		title = strings.Trim(title, `"`)
		return strings.Contains(s.nodeTests[file], "test('"+strings.ReplaceAll(title, "'", `\'`)+"'") ||
			strings.Contains(s.nodeTests[file], `test("`+title+`"`)
	case strings.HasSuffix(file, ".txtar"):
		_, err := os.Stat(filepath.Join("../testdata", file))
		return err == nil
	}
	return s.goTests[name]
}

// TestFeaturesHaveEveryRoute holds the table to the routes that Scramjet has.
func TestFeaturesHaveEveryRoute(t *testing.T) {
	text, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, a := range areas(t) {
		for _, f := range a.features {
			named[f.name] = true
		}
	}
	routes := 0
	for path, item := range doc.Paths {
		for method, raw := range item {
			var op struct {
				Scramjet bool `json:"x-scramjet"`
			}
			if method == "parameters" || json.Unmarshal(raw, &op) != nil || !op.Scramjet {
				continue
			}
			routes++
			if name := "`" + strings.ToUpper(method) + " " + strings.TrimPrefix(path, "/api/v1") + "`"; !named[name] {
				t.Errorf("no feature is called %s", name)
			}
		}
	}
	if routes < 35 {
		t.Errorf("only %d routes are Scramjet's", routes)
	}
}
