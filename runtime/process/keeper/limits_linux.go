package keeper

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"waverider"
)

const cpuPeriod = 100_000 // µs

func wants(l waverider.Limits, controller string) bool {
	switch controller {
	case "memory":
		return l.Memory > 0
	case "pids":
		return l.PIDs > 0
	case "cpu":
		return l.CPU > 0
	}
	return false
}

type setting struct {
	file, value string
	optional    bool // not every kernel has it
}

// settings are the files of a cgroup that make a controller enforce l.
func settings(version int, controller string, l waverider.Limits) []setting {
	bytes := strconv.FormatInt(l.Memory<<20, 10)
	quota := strconv.FormatInt(max(1000, int64(l.CPU*cpuPeriod)), 10)
	period := strconv.Itoa(cpuPeriod)
	switch {
	case controller == "pids":
		return []setting{{"pids.max", strconv.Itoa(l.PIDs), false}}
	case controller == "memory" && version == 2:
		return []setting{{"memory.max", bytes, false}, {"memory.swap.max", "0", true}, {"memory.oom.group", "1", true}}
	case controller == "memory":
		return []setting{{"memory.limit_in_bytes", bytes, false}, {"memory.memsw.limit_in_bytes", bytes, true}}
	case version == 2:
		return []setting{{"cpu.max", quota + " " + period, false}}
	default:
		return []setting{{"cpu.cfs_period_us", period, false}, {"cpu.cfs_quota_us", quota, false}}
	}
}

func limitName(l waverider.Limits, controller string) string {
	switch controller {
	case "memory":
		return fmt.Sprintf("memory limit %d MiB", l.Memory)
	case "pids":
		return fmt.Sprintf("process limit %d", l.PIDs)
	}
	return fmt.Sprintf("cpu limit %g", l.CPU)
}

// applyLimits writes l into the cgroups of t and tells what is in force.
func applyLimits(t Tree, l waverider.Limits) Report {
	var r Report
	for _, c := range controllers {
		if !wants(l, c) {
			continue
		}
		name := limitName(l, c)
		dir := t.Limits[c]
		if dir == "" {
			r.Missing = append(r.Missing, name+": no cgroup controller "+c+" is available to this Hub")
			continue
		}
		version := 1
		if t.Kind == Cgroup2 && dir == t.Dir {
			version = 2
		}
		if err := write(dir, settings(version, c, l)); err != nil {
			r.Missing = append(r.Missing, name+": "+err.Error())
			continue
		}
		r.Layers = append(r.Layers, name)
	}
	return r
}

func write(dir string, list []setting) error {
	for _, s := range list {
		err := os.WriteFile(filepath.Join(dir, s.file), []byte(s.value), 0)
		if err != nil && !s.optional {
			return err
		}
	}
	return nil
}
