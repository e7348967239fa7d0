package hub

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"waverider/wire"
)

// openRequest is one that is being served and written down.
type openRequest struct {
	rec   opRecord
	moved *wire.Traffic

	in, out int64 // as told last, under the mu of the auditLog
}

// record is what is to be said of the request now.
func (o *openRequest) record(state string) opRecord {
	rec := o.rec
	rec.OpState = state
	in, out := o.moved.Moved()
	rec.Received, rec.Sent = &in, &out
	return rec
}

// audited writes down the start and the end of requests of a route on
// Sequences, Instances and Topics that change something or move data.
func (h *Hub) audited(method, path string, next wire.Handler) wire.Handler {
	code := opCode(method, path)
	if code == 0 {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		o := &openRequest{moved: wire.TrafficOf(r), rec: opRecord{OpCode: code, RequestID: uuid.NewString(),
			ObjectID: auditedID(r), RequestorID: requestorOf(r), Via: wire.IdentityOf(r).Via}}
		h.audit.begin(o)
		named := o.rec.ObjectID
		if named == "" {
			r = r.WithContext(context.WithValue(r.Context(), auditKey{}, &named))
		}
		state := "ERROR" // also of a handler that panics
		defer func() {
			last := o.record(state)
			last.ObjectID = named
			h.audit.end(o, last)
		}()
		err := next(w, r)
		if err == nil {
			state = "END"
		}
		return err
	}
}

func (a *auditLog) begin(o *openRequest) {
	a.add(o.record("START"))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open[o] = true
}

func (a *auditLog) end(o *openRequest, rec opRecord) {
	a.mu.Lock()
	delete(a.open, o)
	a.mu.Unlock()
	a.add(rec)
}

// billableHeader names who is asked for, where a proxy in front of the Hub
// knows its callers and the Hub does not.
const billableHeader = "x-mw-billable"

// requestorOf is the caller by its token. A Hub without tokens believes what
// everyone says of himself here too.
func requestorOf(r *http.Request) string {
	id := wire.IdentityOf(r)
	if id.Token != "" {
		return id.Subject
	}
	if named := r.Header.Get(billableHeader); id.Subject == "local" && named != "" && len(named) <= 128 {
		return named
	}
	return systemRequestor
}

// auditedBytes is the most that a record keeps of what a path names: longer
// than any id or name there is, while a path may be of 64 KiB.
const auditedBytes = 256

// auditedID is the id or the Topic that a path names.
func auditedID(r *http.Request) string {
	return auditedText(cmp.Or(r.PathValue("id"), r.PathValue("name")), auditedBytes)
}

func auditedText(text string, most int) string {
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
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
	auditMethods = map[string]int{"POST": 100, "GET": 200, "PUT": 300, "DELETE": 400, "PATCH": 500} // HEAD is a GET
	auditOps     = map[string]int{"": 0, "stdout": 1, "stderr": 2, "stdin": 3, "log": 4, "monitoring": 5, "output": 6, "input": 7,
		"health": 8, "events": 9, "event": 10, "once": 11, "_monitoring_rate": 12, "_event": 13, "_stop": 14, "_kill": 15,
		"instances": 16, "start": 17, "topics": 18, "ack": 19, "groups": 20, "inout": 21}
)

// opCode is Scramjet's number of what a route does, 0 for what is not audited.
// It is of the route, not of a path: names may have slashes in them.
func opCode(method, path string) int {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	noun, ok := auditNouns[parts[0]]
	if !ok || parts[0] == "topics" && method == http.MethodGet {
		return 0
	}
	op := ""
	if parts[0] == "topics" { // making and changing them, not their records
		op = "topics"
	}
	if len(parts) > 2 {
		op = parts[2]
	}
	return 10000 + noun + auditMethods[method] + auditOps[op]
}
