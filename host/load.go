// Package host looks at the machine a role runs on.
package host

import (
	"fmt"
	"os"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
)

// Load is what GET /load-check answers: load averages as the system gives
// them, memory and disks in bytes.
type Load struct {
	AvgLoad     float64  `json:"avgLoad"`     // over 15 minutes
	CurrentLoad float64  `json:"currentLoad"` // over 1 minute
	MemFree     uint64   `json:"memFree"`     // available without swapping
	MemUsed     uint64   `json:"memUsed"`
	FSSize      []FSSize `json:"fsSize"`
}

// FSSize is one file system; Use is a part of 1.
type FSSize struct {
	FS        string  `json:"fs"`
	Available uint64  `json:"available"`
	Size      uint64  `json:"size"`
	Used      uint64  `json:"used"`
	Use       float64 `json:"use"`
}

// Look reads the load of this machine; the disks are those of the system, of the
// user and of dir.
func Look(dir string) (Load, error) {
	var l Load
	avg, err := load.Avg()
	if err != nil {
		return l, fmt.Errorf("read load: %w", err)
	}
	vm, err := mem.VirtualMemory()
	if err != nil {
		return l, fmt.Errorf("read memory: %w", err)
	}
	l.AvgLoad, l.CurrentLoad, l.MemFree, l.MemUsed = avg.Load15, avg.Load1, vm.Available, vm.Total-vm.Available
	home, _ := os.UserHomeDir()
	seen := map[string]bool{}
	for _, path := range []string{"/", home, dir} {
		if path == "" || seen[path] {
			continue
		}
		seen[path] = true
		u, err := disk.Usage(path)
		if err != nil {
			return l, fmt.Errorf("read disk of %s: %w", path, err)
		}
		l.FSSize = append(l.FSSize, FSSize{FS: path, Available: u.Free, Size: u.Total, Used: u.Used, Use: u.UsedPercent / 100})
	}
	return l, nil
}

// DiskSize is the size in bytes of the disk that holds dir.
func DiskSize(dir string) (int64, error) {
	usage, err := disk.Usage(dir)
	if err != nil {
		return 0, fmt.Errorf("read disk of %s: %w", dir, err)
	}
	return int64(usage.Total), nil
}
