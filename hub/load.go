package hub

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"

	"waverider"
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

// Load looks at this machine.
func (h *Hub) Load() (Load, error) {
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
	for _, path := range []string{"/", home, h.cfg.DataDir.Path()} {
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

// Room refuses a start that this machine has no room for.
func (h *Hub) Room() error {
	if err := h.diskRoom(); err != nil {
		return err
	}
	vm, err := mem.VirtualMemory()
	if err == nil && vm.Available < uint64(h.cfg.MinFreeMem) {
		return waverider.Errorf(waverider.Overloaded, "Insufficient Space on Resource: %d MiB of memory are free, %d are kept free",
			vm.Available>>20, h.cfg.MinFreeMem>>20)
	}
	return nil
}

// diskRoom refuses what writes while the disk is nearly full.
func (h *Hub) diskRoom() error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(h.cfg.DataDir.Path(), &fs); err != nil {
		return fmt.Errorf("look at the disk: %w", err)
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < h.cfg.MinFreeDisk {
		return waverider.Errorf(waverider.Full, "the disk of the data dir has %d MiB free, %d are kept free; free some space and try again",
			free>>20, h.cfg.MinFreeDisk>>20)
	}
	return nil
}

// diskFull gives a full disk the words a user can act on.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &waverider.Error{Kind: waverider.Full, Message: "the disk of the data dir is full; free some space and try again", Err: err}
	}
	return err
}

// DiskSize is the size in bytes of the disk that holds dir.
func DiskSize(dir string) (int64, error) {
	usage, err := disk.Usage(dir)
	if err != nil {
		return 0, fmt.Errorf("read disk of %s: %w", dir, err)
	}
	return int64(usage.Total), nil
}
