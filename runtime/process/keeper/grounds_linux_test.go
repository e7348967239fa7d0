package keeper

import (
	"reflect"
	"testing"

	"waverider"
)

func TestMountsOfAnyKindAreRead(t *testing.T) {
	got := parseMounts(`30 23 0:26 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct
32 23 0:28 /docker/abc /with\040space/memory rw - cgroup cgroup rw,memory
33 23 0:29 / /proc rw - proc proc rw
broken line
`)
	want := []cgroupMount{
		{version: 2, point: "/sys/fs/cgroup/unified", root: "/"},
		{version: 1, point: "/sys/fs/cgroup/cpu,cpuacct", root: "/", controllers: []string{"rw", "cpu", "cpuacct"}},
		{version: 1, point: "/with space/memory", root: "/docker/abc", controllers: []string{"rw", "memory"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	for _, c := range []struct{ path, want string }{
		{"/docker/abc/me", "/with space/memory/me"}, // as seen from within a container
		{"/docker/abc", "/with space/memory"},
		{"/elsewhere", "/with space/memory"},
	} {
		if got := want[2].folder(c.path); got != c.want {
			t.Errorf("folder of %s: %s, want %s", c.path, got, c.want)
		}
	}
}

func TestSettingsOfBothVersions(t *testing.T) {
	l := waverider.Limits{Memory: 64, CPU: 0.5, PIDs: 7}
	for _, c := range []struct {
		version    int
		controller string
		want       map[string]string
	}{
		{1, "memory", map[string]string{"memory.limit_in_bytes": "67108864", "memory.memsw.limit_in_bytes": "67108864"}},
		{2, "memory", map[string]string{"memory.max": "67108864", "memory.swap.max": "0", "memory.oom.group": "1"}},
		{1, "cpu", map[string]string{"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}},
		{2, "cpu", map[string]string{"cpu.max": "50000 100000"}},
		{1, "pids", map[string]string{"pids.max": "7"}},
		{2, "pids", map[string]string{"pids.max": "7"}},
	} {
		got := map[string]string{}
		for _, s := range settings(c.version, c.controller, l) {
			got[s.file] = s.value
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("version %d, %s: %v", c.version, c.controller, got)
		}
	}
}

func TestOtherDataFoldersAreNotOurs(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	if hubMark(a) == hubMark(b) {
		t.Error("two folders have one mark")
	}
	if hubMark(a) != hubMark(a+"/../"+a[len(a)-3:]) {
		t.Error("one folder has two marks")
	}
}
