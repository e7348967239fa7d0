package hub

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
	"waverider/lastlines"

	"waverider"
)

// auditKept is how many records of what happened are kept for readers to
// come; what only tells that something goes on is for those who read now. They
// may lag by auditLive records: as many as all the connections that a Hub takes
// begin or end with.
const (
	auditKept = 2000
	auditLive = 2 * 16384
)

// auditLog keeps the newest records of what was asked through the API, and of
// what became of Instances and Sequences.
type auditLog struct {
	mu      sync.Mutex
	kept    *lastlines.Ring // what happened
	live    *lastlines.Ring // that, and what goes on; nil while nobody reads
	readers int
	quiet   func() // ends the records of what goes on
	open    map[*openRequest]bool
}

func newAuditLog() *auditLog {
	return &auditLog{kept: lastlines.New(auditKept), open: map[*openRequest]bool{}}
}

// opRecord is a line of GET /audit, in Scramjet's words.
type opRecord struct {
	OpCode      int          `json:"opCode"`
	OpState     string       `json:"opState"` // of a request START, ACTIVE, END or ERROR; of a heartbeat ACTIVE; else empty
	RequestID   string       `json:"requestId,omitempty"`
	ObjectID    string       `json:"objectId,omitempty"`
	RequestorID string       `json:"requestorId"`
	Via         string       `json:"via,omitempty"` // "space": the Space has said who asks
	ReceivedAt  int64        `json:"receivedAt"`    // milliseconds since 1970
	Received    *int64       `json:"rx,omitempty"`  // bytes of the request's body so far
	Sent        *int64       `json:"tx,omitempty"`  // bytes of the answer's body so far
	Limits      *auditLimits `json:"limits,omitempty"`
	Action      string       `json:"action,omitempty"` // what came to pass between the Hub and its Space
	Detail      string       `json:"detail,omitempty"` // of an action
}

// auditLimits are those of an Instance; memory is in MiB, null when it has no
// limit.
type auditLimits struct {
	Memory *int64 `json:"memory"`
}

// systemRequestor is who asked when nobody did, or nobody known.
const systemRequestor = "system"

// add writes down what happened.
func (a *auditLog) add(rec opRecord) { a.write(rec, true) }

// tell is for those who read now.
func (a *auditLog) tell(rec opRecord) { a.write(rec, false) }

func (a *auditLog) write(rec opRecord, keep bool) {
	rec.ReceivedAt = time.Now().UnixMilli()
	line, err := json.Marshal(rec)
	if err != nil {
		return // it is made of texts and numbers
	}
	line = append(line, '\n')
	a.mu.Lock()
	defer a.mu.Unlock()
	if keep {
		a.kept.Add(line)
	}
	if a.live != nil {
		a.live.Add(line)
	}
}

// what an Instance or a Sequence came to: the codes of records that are of no
// request. They overlap, objectId tells which it is.
const (
	auditStarted    = 0 // the program is loaded
	auditStopped    = 1 // ended after a stop
	auditEnded      = 2 // ended by itself
	auditTerminated = 3 // killed, or failed
	auditConnected  = 4 // there is a process, or it was found again

	auditCreated = 0
	auditDeleted = 1
)

// became writes down a change of an Instance or a Sequence.
func (a *auditLog) became(code int, id string) {
	a.add(opRecord{OpCode: code, ObjectID: id, RequestorID: systemRequestor})
}

// becameStatus writes down how a run of an Instance ended.
func (a *auditLog) becameStatus(id waverider.InstanceID, status waverider.Status, end waverider.Terminated) {
	code := auditTerminated
	switch {
	case end.Reason == reasonStopped:
		code = auditStopped
	case status == waverider.StatusCompleted && end.ExitCode == 0:
		code = auditEnded
	}
	a.became(code, string(id))
}

// getAudit replays the newest records and follows.
func (h *Hub) getAudit(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead || r.URL.Query().Get("follow") == "false" {
		return h.audit.kept.Follow(w, r)
	}
	live, old, at := h.joinAudit()
	defer h.audit.leave()
	f := lastlines.Follower{Ring: live, Lines: old, At: at, Whole: true}
	return f.Run(w, r)
}
