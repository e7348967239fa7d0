package space

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"waverider/lastlines"
)

// auditKept is how many records are kept for readers to come.
const auditKept = 5000

// auditRecord is a line of GET audit: what was done to the Space, or has come to
// pass in it, beside the fields that Scramjet's clients know.
type auditRecord struct {
	Action string `json:"action"`           // join, connect, disconnect, refuse, clone, breach, rename, …
	Hub    string `json:"hub,omitempty"`    // id
	Name   string `json:"name,omitempty"`   // of the Hub, or of what was changed
	By     string `json:"by,omitempty"`     // who asked for it
	Remote string `json:"remote,omitempty"` // address of the Hub
	Detail string `json:"detail,omitempty"`

	OpCode      int    `json:"opCode"`
	OpState     string `json:"opState"`
	ObjectID    string `json:"objectId,omitempty"`
	RequestorID string `json:"requestorId"`
	ReceivedAt  int64  `json:"receivedAt"` // milliseconds since 1970
}

// Scramjet's numbers of what it audits in a space.
var auditCodes = map[string]int{"connect": 14000, "disconnect": 14001}

type auditLog struct {
	ring *lastlines.Ring

	mu     sync.Mutex
	minute int64 // since 1970, of the refusals that are counted
	told   int   // of them in the audit
	hidden int   // refusals since the last one that was told
}

// refusedMost is how many refusals a minute are told one by one: everybody can
// be refused, as often as he likes, and what else happened shall stay.
const refusedMost = 30

// refuse tells of a Hub that was not let in.
func (a *auditLog) refuse(rec auditRecord) {
	rec.Action = "refuse"
	minute := time.Now().Unix() / 60
	a.mu.Lock()
	if a.minute != minute {
		a.minute, a.told = minute, 0
	}
	if a.told == refusedMost {
		a.hidden++
		a.mu.Unlock()
		return
	}
	a.told++
	if a.hidden > 0 {
		rec.Detail += fmt.Sprintf("; before it %d more, not told here", a.hidden)
		a.hidden = 0
	}
	a.mu.Unlock()
	a.add(rec)
}

func newAuditLog() *auditLog { return &auditLog{ring: lastlines.New(auditKept)} }

func (a *auditLog) add(rec auditRecord) {
	rec.ReceivedAt, rec.ObjectID, rec.RequestorID = time.Now().UnixMilli(), rec.Hub, rec.By
	rec.OpCode = auditCodes[rec.Action]
	if rec.RequestorID == "" {
		rec.RequestorID = "system"
	}
	if line, err := json.Marshal(rec); err == nil { // texts and numbers
		a.ring.Add(append(line, '\n'))
	}
}

func (s *Space) getAudit(w http.ResponseWriter, r *http.Request) error {
	return s.audit.ring.Follow(w, r)
}
