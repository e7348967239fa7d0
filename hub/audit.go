package hub

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"waverider/wire"
)

// auditLog keeps the newest records of what was asked through the API.
type auditLog struct{ ring *LogRing }

func newAuditLog() *auditLog { return &auditLog{ring: NewLogRing(2000)} }

// opRecord is a line of GET /audit, in Scramjet's words.
type opRecord struct {
	OpCode      int    `json:"opCode"`
	OpState     string `json:"opState"` // START, END or ERROR
	RequestID   string `json:"requestId"`
	ObjectID    string `json:"objectId,omitempty"`
	RequestorID string `json:"requestorId"`
	ReceivedAt  int64  `json:"receivedAt"` // milliseconds since 1970
}

func (a *auditLog) add(rec opRecord) {
	if line, err := json.Marshal(rec); err == nil {
		a.ring.add(append(line, '\n'))
	}
}

// audited writes down the start and the end of requests on Sequences,
// Instances and Topics that change something or move data.
func (h *Hub) audited(next wire.Handler) wire.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		code := opCode(r)
		if code == 0 {
			return next(w, r)
		}
		who := wire.IdentityOf(r).Subject
		if who == "" || who == "local" {
			who = "system"
		}
		rec := opRecord{OpCode: code, OpState: "START", RequestID: uuid.NewString(),
			ObjectID: auditedID(r), RequestorID: who, ReceivedAt: time.Now().UnixMilli()}
		h.audit.add(rec)
		if rec.ObjectID == "" {
			r = r.WithContext(context.WithValue(r.Context(), auditKey{}, &rec.ObjectID))
		}
		err := next(w, r)
		if rec.OpState = "END"; err != nil {
			rec.OpState = "ERROR"
		}
		rec.ReceivedAt = time.Now().UnixMilli()
		h.audit.add(rec)
		return err
	}
}

// auditedID is the id or the Topic that a path names.
func auditedID(r *http.Request) string {
	if id := r.PathValue("id"); id != "" {
		return id
	}
	return r.PathValue("name")
}

type auditKey struct{}

// auditObject names the object of a request whose path does not.
func auditObject(r *http.Request, id string) {
	if field, ok := r.Context().Value(auditKey{}).(*string); ok {
		*field = id
	}
}

var (
	auditNouns   = map[string]int{"sequence": 0, "instance": 1000, "topic": 2000, "topics": 2000}
	auditMethods = map[string]int{"POST": 100, "GET": 200, "PUT": 300, "DELETE": 400, "PATCH": 500}
	auditOps     = map[string]int{"": 0, "stdout": 1, "stderr": 2, "stdin": 3, "log": 4, "monitoring": 5, "output": 6, "input": 7,
		"health": 8, "events": 9, "event": 10, "once": 11, "_monitoring_rate": 12, "_event": 13, "_stop": 14, "_kill": 15,
		"instances": 16, "start": 17, "topics": 18, "ack": 19, "groups": 20}
)

// opCode is Scramjet's number of an operation, 0 for what is not audited.
func opCode(r *http.Request) int {
	parts := strings.Split(strings.TrimPrefix(strings.ToLower(r.URL.Path), wire.Base+"/"), "/")
	noun, ok := auditNouns[parts[0]]
	if !ok || parts[0] == "topics" && r.Method == http.MethodGet {
		return 0
	}
	op := ""
	if parts[0] == "topics" { // making and changing them, not their records
		op = "topics"
	}
	if len(parts) > 2 {
		op = parts[2]
	}
	return 10000 + noun + auditMethods[r.Method] + auditOps[op]
}

// getAudit replays the newest records and follows.
func (h *Hub) getAudit(w http.ResponseWriter, r *http.Request) error {
	return h.followRing(w, r, h.audit.ring)
}
