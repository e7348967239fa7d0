package hub

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/shirou/gopsutil/v4/mem"

	"waverider"
	"waverider/host"
)

// Load looks at this machine.
func (h *Hub) Load() (host.Load, error) { return host.Look(h.cfg.DataDir.Path()) }

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
