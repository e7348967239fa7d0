package transcripts

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// recorded is a line of recorded.txt: an exchange with Scramjet's Hub.
type recorded struct {
	name, request, status, kind string
	fields                      []string
	by                          string // what replays it, or why nothing does
}

// recordings reads recorded.txt; counts is how many exchanges each file of
// the recording had.
func recordings(t *testing.T) (list []recorded, counts map[string]int) {
	t.Helper()
	text, err := os.ReadFile("recorded.txt")
	if err != nil {
		t.Fatal(err)
	}
	counts = map[string]int{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		cells := strings.Split(line, " | ")
		switch words := strings.Fields(line); {
		case line == "" || line[0] == '#':
		case words[0] == "count":
			counts[words[1]], _ = strconv.Atoi(words[2])
		case len(cells) != 6:
			t.Errorf("recorded.txt: %q has %d cells", line, len(cells))
		default:
			r := recorded{name: cells[0], request: cells[1], status: cells[2], kind: cells[3], by: cells[5]}
			if !slices.Contains([]string{"-", "{}", "[]"}, cells[4]) {
				r.fields = strings.Split(cells[4], ",")
			}
			list = append(list, r)
		}
	}
	return list, counts
}

func tables() []exchange {
	return slices.Concat(hubExchanges, sequenceExchanges, instanceExchanges, pythonExchanges, streamExchanges, topicExchanges)
}

// TestEveryRecordedExchangeIsReplayed holds the tables to the recording: what
// they say was seen was seen, and nothing that was is left out.
func TestEveryRecordedExchangeIsReplayed(t *testing.T) {
	list, counts := recordings(t)
	explained := differences(t)
	byName := map[string]exchange{}
	for _, e := range append(tables(), ownExchanges...) {
		if _, twice := byName[e.name]; twice {
			t.Errorf("two exchanges are called %q", e.name)
		}
		byName[e.name] = e
	}
	never := 0
	for _, r := range list {
		file, _, _ := strings.Cut(r.name, " ")
		counts[file]--
		if row, ok := strings.CutPrefix(r.by, "never: "); ok {
			if never++; !explained[row] {
				t.Errorf("%s: %q is no row of the differences", r.name, row)
			}
			continue
		}
		e, ok := byName[r.by]
		if !ok {
			t.Errorf("%s: there is no exchange %q", r.name, r.by)
			continue
		}
		if !asks(e.request, r.request) {
			t.Errorf("%s: %s was asked, %q asks %s", r.name, r.request, r.by, e.request)
		}
		if saw := e.saw; orDash(saw.kind) != r.kind || saw.status != 0 && strconv.Itoa(saw.status) != r.status || saw.status == 0 && r.status != "-" {
			t.Errorf("%s: %s %s was answered, %q says %d %q", r.name, r.status, r.kind, r.by, saw.status, saw.kind)
		}
	}
	for file, left := range counts {
		if left != 0 {
			t.Errorf("%d exchanges of %s are missing", left, file)
		}
	}
	t.Logf("%d exchanges were recorded: %d are replayed, %d never can be", len(list), len(list)-never, never)
}

func orDash(kind string) string {
	if kind == "" {
		return "-"
	}
	return kind
}

// asks tells whether a request of the tables is one that was recorded: the
// same method and fixed words; ids and the names of things are others.
func asks(ours, theirs string) bool {
	fixed := regexp.MustCompile(`\?.*|\{[^}]*\}`)
	split := func(request string) []string {
		return strings.Split(fixed.ReplaceAllString(request, ""), "/")
	}
	a, b := split(ours), split(theirs)
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if named := i == 2 || i == 4; a[i] != b[i] && !named {
			return false
		}
	}
	return true
}

// fieldsSeen are the fields that answers to an exchange were seen to have.
func fieldsSeen(t *testing.T) map[string][]string {
	t.Helper()
	seen := map[string][]string{}
	list, _ := recordings(t)
	for _, r := range list {
		seen[r.by] = append(seen[r.by], r.fields...)
	}
	return seen
}
