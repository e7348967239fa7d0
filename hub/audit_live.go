package hub

import (
	"context"
	"time"

	"waverider/hub/journal"
	"waverider/lastlines"
)

// activePeriod is how often a request whose bytes move is told of, and activeMost
// of how many at a time: more would push out of the live records what no reader
// can have had yet. The others are told of a period later.
const (
	activePeriod = time.Second
	activeMost   = 1000
)

// Codes of records that only tell that something is alive.
const (
	hubHeartbeat      = 13010
	instanceHeartbeat = 13012
)

// joinAudit begins a reader: what is kept, then the live records from a number
// on. The first one makes the Hub tell what goes on.
func (h *Hub) joinAudit() (live *lastlines.Ring, old [][]byte, at int) {
	a := h.audit
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.readers++; a.readers == 1 {
		ctx, quiet := context.WithCancel(h.life)
		a.quiet, a.live = quiet, lastlines.New(auditLive)
		h.background(func(context.Context) { h.pulse(ctx) })
	}
	old, _, _ = a.kept.From(0)
	_, at, _ = a.live.From(0)
	return a.live, old, at
}

func (a *auditLog) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.readers--; a.readers == 0 {
		a.quiet()
		a.live = nil
	}
}

// pulse tells what goes on until nobody reads it.
func (h *Hub) pulse(ctx context.Context) {
	move, beat := time.NewTicker(activePeriod), time.NewTicker(h.cfg.Heartbeat)
	defer move.Stop()
	defer beat.Stop()
	for {
		select {
		case <-move.C:
			h.audit.tellMoves()
		case <-beat.C:
			h.tellBeats()
		case <-ctx.Done():
			return
		}
	}
}

// tellMoves tells of the requests whose bytes have moved since the last time.
func (a *auditLog) tellMoves() {
	for _, rec := range a.moves() {
		a.tell(rec)
	}
}

func (a *auditLog) moves() (list []opRecord) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for o := range a.open {
		if len(list) == activeMost {
			break
		}
		if in, out := o.moved.Moved(); in != o.in || out != o.out {
			o.in, o.out = in, out
			list = append(list, o.record("ACTIVE"))
		}
	}
	return list
}

// tellBeats tells that the Hub and its Instances are alive.
func (h *Hub) tellBeats() {
	h.audit.tell(opRecord{OpCode: hubHeartbeat, OpState: "ACTIVE", RequestorID: systemRequestor})
	for _, in := range h.Instances() {
		rec := in.record()
		if rec.Status.Ended() {
			continue
		}
		limits := &auditLimits{}
		if m := h.memoryLimit(rec); m > 0 {
			limits.Memory = &m
		}
		h.audit.tell(opRecord{OpCode: instanceHeartbeat, OpState: "ACTIVE", ObjectID: string(rec.ID), RequestorID: systemRequestor, Limits: limits})
	}
}

// memoryLimit is what the start asked for, else the package, else this Hub
// gives, in MiB; 0 is none.
func (h *Hub) memoryLimit(rec journal.Instance) int64 {
	// An Instance may outlive its package, which then sets no limit.
	pkg, _ := h.packages.Get(rec.Digest)
	return mergeLimits(mergeLimits(rec.Request.Limits, pkg.Manifest.Waverider.Limits), h.cfg.Limits).Memory
}
