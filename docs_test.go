package waverider_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rows are those of the Markdown table below head in a page, cell by cell.
func rows(t *testing.T, page, head string) [][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+head+"\n")
	if !found {
		t.Fatalf("%s has no table %q", page, head)
	}
	var all [][]string
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if cells := strings.Split(strings.Trim(line, "|\n"), "|"); !strings.HasPrefix(cells[0], "--") {
			all = append(all, cells)
		}
	}
	return all
}

var quoted = regexp.MustCompile("`([^`]+)`")

// names are the words of a cell that stand in back quotes.
func names(cell string) []string {
	var all []string
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

// within tells whether a folder is one of a list, or below one of them.
func within(folder string, list []string) bool {
	return slices.ContainsFunc(list, func(of string) bool { return folder == of || strings.HasPrefix(folder, of+"/") })
}

func TestArchitectureShowsTheArrows(t *testing.T) {
	var shown []string
	for _, row := range rows(t, "docs/architecture.md", "| folder | is | imports |") {
		may := names(row[2])
		if strings.Contains(row[2], "everything") {
			may = []string{"*"}
		}
		for _, from := range names(row[0]) {
			shown = append(shown, from)
			real := slices.DeleteFunc(slices.Clone(arrows[from]), func(to string) bool {
				return strings.HasPrefix(to, from+"/")
			})
			slices.Sort(real)
			slices.Sort(may)
			if !slices.Equal(real, may) {
				t.Errorf("docs/architecture.md says %s imports %q; it is %q", from, may, real)
			}
		}
	}
	for from := range arrows {
		if from != "" && !within(from, shown) {
			t.Errorf("docs/architecture.md has no row for %s", from)
		}
	}
}

func TestEveryModuleHasItsHome(t *testing.T) {
	type row struct {
		module string
		homes  []string
	}
	var known []row
	for _, cells := range rows(t, "docs/why.md", "| module | home | what for, and why not our own | licence |") {
		for module := range strings.SplitSeq(cells[0], ",") {
			known = append(known, row{strings.TrimSpace(module), names(cells[1])})
		}
	}
	for _, p := range modulePackages(t) {
		from, _ := folder(p.ImportPath)
		for _, imp := range p.Imports {
			if _, ours := folder(imp); ours || !strings.Contains(strings.Split(imp, "/")[0], ".") {
				continue
			}
			at := slices.IndexFunc(known, func(r row) bool { return within(imp, []string{r.module}) })
			switch {
			case at < 0:
				t.Errorf("%s imports %s, which has no line in docs/why.md", from, imp)
			case !within(from, known[at].homes):
				t.Errorf("%s imports %s, whose home by docs/why.md is %q", from, imp, known[at].homes)
			}
		}
	}
}

// TestDeliveryNamesWhatExists holds docs/delivery.md to tests and faults that
// are there.
func TestDeliveryNamesWhatExists(t *testing.T) {
	text, err := os.ReadFile("docs/delivery.md")
	if err != nil {
		t.Fatal(err)
	}
	var code bytes.Buffer
	err = filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, "faults/") {
			return err
		}
		data, err := os.ReadFile(path)
		code.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z]+|fault [a-z-]+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 30 {
		t.Errorf("only %d tests and faults are named", len(named))
	}
	for _, m := range named {
		want := "func " + m[1] + "("
		if fault, ok := strings.CutPrefix(m[1], "fault "); ok {
			want = `"` + fault + `"`
		}
		if !bytes.Contains(code.Bytes(), []byte(want)) {
			t.Errorf("docs/delivery.md names %s, which is not there", m[1])
		}
	}
}
