package hub

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/datadir"
	"waverider/runner"
)

// maxState is the size in bytes of what a program may save.
const maxState = 8 << 20

// saveState keeps what a program saved; it is on disk when this returns. An
// Instance saves one state after the other: its listen calls this.
func (h *Hub) saveState(id waverider.InstanceID, state json.RawMessage) error {
	if len(state) > maxState {
		return tooLargeState(len(state))
	}
	return diskFull(datadir.WriteFile(h.cfg.DataDir.Path("state", string(id)), state))
}

func tooLargeState(n int) error {
	return waverider.Errorf(waverider.TooLarge, "the state is %d bytes, at most %d can be saved", n, maxState)
}

// loadState answers what was saved last, nil when nothing was.
func (h *Hub) loadState(id waverider.InstanceID) json.RawMessage {
	data, err := os.ReadFile(h.cfg.DataDir.Path("state", string(id)))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			h.log.Error("saved state not readable", "instance", id, "err", err)
		}
		return nil
	}
	return data
}

// instanceAPI is where a program reaches this Hub, with a token of its own.
func (h *Hub) instanceAPI(id waverider.InstanceID) runner.API {
	if h.cfg.APISocket == "" || h.cfg.Key == nil {
		return runner.API{}
	}
	token, err := h.cfg.Key.Mint(auth.Claims{Subject: string(id), Role: auth.RoleInstance})
	if err != nil {
		h.log.Error("no token for an Instance", "instance", id, "err", err)
	}
	return runner.API{Socket: h.cfg.APISocket, Base: "/api/v1", Token: token}
}

func removeFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// trimEnded forgets Instances that ended long ago, and the oldest when there
// are too many.
func (h *Hub) trimEnded() {
	limit := time.Now().Add(-h.cfg.RetainEnded)
	var ended []*Instance
	for _, in := range h.Instances() {
		if in.ended() {
			ended = append(ended, in)
		}
	}
	over := len(ended) - h.cfg.MaxEnded
	for i, in := range ended {
		if !isClosed(in.done) {
			continue // it still keeps what it leaves; the next time will do
		}
		if i < over || in.record().Times.Ended.Before(limit) {
			if err := h.forget(h.life, in); err != nil {
				h.log.Warn("ended instance not removed", "instance", in.id, "err", err)
			}
		}
	}
	if err := h.trimSlots(); err != nil {
		h.log.Warn("slots not trimmed", "err", err)
	}
}

// sweepSlots removes what belongs to no Instance: of a Hub that died between
// making and journaling one.
func (h *Hub) sweepSlots() {
	for _, sub := range []string{"slots", "kept", "state"} {
		entries, err := os.ReadDir(h.cfg.DataDir.Path(sub))
		if err != nil {
			h.log.Warn("slots not swept", "err", err)
			continue
		}
		for _, e := range entries {
			h.mu.Lock()
			known := h.instances[waverider.InstanceID(e.Name())] != nil
			h.mu.Unlock()
			if info, err := e.Info(); !known && err == nil && info.ModTime().Before(h.started) && e.Name()[0] != '.' {
				if err := os.RemoveAll(filepath.Join(h.cfg.DataDir.Path(sub), e.Name())); err != nil {
					h.log.Warn("stale slot not removed", "slot", e.Name(), "err", err)
				}
			}
		}
	}
}

// rest brings an ended Instance of the journal back as it was.
func (in *Instance) rest() {
	in.out.restore(in.keepDir, in.rec.OutputBase)
	in.quiet()
	in.texts.finish()
}
