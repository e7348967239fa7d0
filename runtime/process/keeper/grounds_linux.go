package keeper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"waverider"
)

// controllers are the cgroup controllers that enforce Limits.
var controllers = []string{"memory", "pids", "cpu"}

// grounds is where this machine lets us make process trees.
type grounds struct {
	mark  string
	kinds []Kind            // that work, best first
	v2    string            // our folder in the cgroup v2 hierarchy, "" if none
	has2  map[string]bool   // controllers v2 gives us
	v1    map[string]string // our folder in each v1 hierarchy, by controller
}

// survey looks at the cgroup hierarchies that are mounted and writable.
func survey(mark string, want []Kind) *grounds {
	if len(want) == 0 {
		want = []Kind{Cgroup2, Cgroup1, PIDNamespace, Sweep}
	}
	g := &grounds{mark: mark, has2: map[string]bool{}, v1: map[string]string{}}
	own := ownCgroups()
	for _, m := range cgroupMounts() {
		if m.version == 2 && slices.Contains(want, Cgroup2) {
			g.v2, g.has2 = claim2(m, own[""], mark)
		}
		for _, c := range m.controllers {
			if path, ok := own[c]; ok && slices.Contains(controllers, c) {
				g.v1[c] = claim(m.folder(path), mark)
			}
		}
	}
	for _, k := range want {
		if k == Cgroup2 && g.v2 == "" || k == Cgroup1 && g.v1["pids"] == "" {
			continue
		}
		g.kinds = append(g.kinds, k)
	}
	return g
}

// claim makes our folder below parent, "" when that is not allowed.
func claim(parent, mark string) string {
	dir := filepath.Join(parent, "waverider", mark)
	if os.MkdirAll(dir, 0o755) != nil {
		return ""
	}
	// Files appear in a real cgroup only.
	if unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) != nil {
		os.Remove(dir)
		return ""
	}
	return dir
}

// claim2 takes the first place that has controllers: our own cgroup when they
// can be switched on there; its parent when a service manager has delegated it
// (the Hub then sits in a leaf of its own, as cgroup v2 demands); for root, who
// may use it all, the top. Without any our own will do: trees end there too.
func claim2(m cgroupMount, path, mark string) (dir string, has map[string]bool) {
	own := m.folder(path)
	places := []string{own}
	if parent := filepath.Dir(own); path != "/" && delegated(parent) {
		places = append(places, parent)
	}
	if os.Geteuid() == 0 && own != m.point {
		places = append(places, m.point)
	}
	for _, place := range places {
		d := claim(place, mark)
		if d == "" {
			continue
		}
		if has = enable(place, mark); len(has) > 0 {
			return d, has
		}
		if dir == "" {
			dir = d
		} else {
			os.Remove(d)
			os.Remove(filepath.Dir(d))
		}
	}
	return dir, map[string]bool{}
}

// enable hands the controllers down to our folder and tells which came.
func enable(base, mark string) map[string]bool {
	has := map[string]bool{}
	for _, c := range controllers {
		ok := true
		for _, dir := range []string{base, filepath.Join(base, "waverider"), filepath.Join(base, "waverider", mark)} {
			ok = ok && os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0) == nil
		}
		if ok {
			has[c] = true
		}
	}
	return has
}

func delegated(dir string) bool {
	var b [8]byte
	for _, attr := range []string{"user.delegate", "trusted.delegate"} {
		if n, err := unix.Getxattr(dir, attr, b[:]); err == nil && string(b[:n]) == "1" {
			return true
		}
	}
	return false
}

// make prepares the tree of one child. Controllers it may need later are
// joined now: memory stays charged where it was taken.
func (g *grounds) make(id string, limits waverider.Limits, all bool) (Tree, Report, error) {
	t := Tree{Kind: Sweep, Mark: g.mark + "." + id, Limits: map[string]string{}}
	if len(g.kinds) > 0 {
		t.Kind = g.kinds[0]
	}
	var err error
	switch t.Kind {
	case Cgroup2:
		t.Dir, err = mkdir(g.v2, id)
	case Cgroup1:
		t.Dir, err = mkdir(g.v1["pids"], id)
		t.Limits["pids"] = t.Dir
	}
	if err != nil {
		return Tree{}, Report{}, fmt.Errorf("make cgroup: %w", err)
	}
	for _, c := range controllers {
		if t.Limits[c] != "" || !all && !wants(limits, c) {
			continue
		}
		if t.Kind == Cgroup2 && g.has2[c] {
			t.Limits[c] = t.Dir
		} else if base := g.v1[c]; base != "" {
			if dir, err := mkdir(base, id); err == nil {
				t.Limits[c] = dir
			}
		}
	}
	report := applyLimits(t, limits)
	report.Layers = append([]string{t.Layer()}, report.Layers...)
	if t.Kind == Sweep {
		report.Missing = append(report.Missing, "end of the whole process tree: best effort, no cgroup or pid namespace is available")
	}
	return t, report, nil
}

func mkdir(base, id string) (string, error) {
	dir := filepath.Join(base, id)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	return dir, nil
}

// fallBack gives up the first kind after it failed; false when none is left.
func (g *grounds) fallBack(failed Kind) bool {
	if len(g.kinds) > 1 && g.kinds[0] == failed {
		g.kinds = g.kinds[1:]
		return true
	}
	return false
}

// folders are those of ours there are.
func (g *grounds) folders() []string {
	list := []string{g.v2}
	for _, c := range controllers {
		list = append(list, g.v1[c])
	}
	return slices.DeleteFunc(list, func(dir string) bool { return dir == "" })
}

// clean ends and removes what an earlier keeper of this data folder left.
func (g *grounds) clean(patience time.Duration) error {
	bases := g.folders()
	deadline := time.Now().Add(patience)
	for {
		left := g.cleanOnce(bases)
		if left == nil || time.Now().After(deadline) {
			return left
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (g *grounds) cleanOnce(bases []string) error {
	var errs []error
	for _, base := range bases {
		entries, err := os.ReadDir(base)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if !e.IsDir() {
				continue
			}
			t := Tree{Kind: Cgroup1, Dir: filepath.Join(base, e.Name())}
			if base == g.v2 {
				t.Kind = Cgroup2
			}
			t.kill(0)
			errs = append(errs, t.remove())
		}
	}
	if left := markedProcesses(g.mark); len(left) > 0 {
		killAll(left)
		errs = append(errs, fmt.Errorf("processes %v do not end", left))
	}
	return errors.Join(errs...)
}

// markedProcesses are those of any child of this data folder.
func markedProcesses(mark string) []int {
	prefix := []byte(markVariable + "=" + mark + ".")
	var pids []int
	for _, p := range processes() {
		if p.state != 'Z' && hasMark(p.pid, prefix) && p.pid != syscall.Getpid() {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// release removes our empty folders at the keeper's end.
func (g *grounds) release() {
	for _, dir := range g.folders() {
		if os.Remove(dir) == nil {
			os.Remove(filepath.Dir(dir)) // "waverider", if nobody else uses it
		}
	}
}

type cgroupMount struct {
	version     int
	point, root string
	controllers []string // of version 1
}

// folder is where the cgroup of a path in /proc/self/cgroup is found.
func (m cgroupMount) folder(path string) string {
	rel, err := filepath.Rel(m.root, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		rel = ""
	}
	return filepath.Join(m.point, rel)
}

func cgroupMounts() []cgroupMount {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	return parseMounts(string(text))
}

func parseMounts(text string) []cgroupMount {
	var mounts []cgroupMount
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		f, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(f) < 5 || len(r) < 3 {
			continue
		}
		m := cgroupMount{root: unescape(f[3]), point: unescape(f[4])}
		switch r[0] {
		case "cgroup2":
			m.version = 2
		case "cgroup":
			m.version, m.controllers = 1, strings.Split(r[2], ",")
		default:
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts
}

func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// ownCgroups maps each controller to this process's cgroup, "" being v2.
func ownCgroups() map[string]string {
	text, _ := os.ReadFile("/proc/self/cgroup")
	own := map[string]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) == 3 {
			for _, c := range strings.Split(f[1], ",") {
				own[c] = f[2]
			}
		}
	}
	return own
}
