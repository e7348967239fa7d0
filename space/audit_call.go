package space

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"waverider"
	"waverider/wire"
)

// auditedPath is the most that the audit keeps of a path.
const auditedPath = 256

// auditCall writes down a call to a Hub that may have changed something there:
// not its body, and not what only looks. It is written when the call has ended.
func (s *Space) auditCall(m *member, r *http.Request, rest string, status int) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return
	}
	answer := "no answer"
	if status != 0 {
		answer = fmt.Sprint(status)
	}
	if len(rest) > auditedPath {
		rest = strings.ToValidUTF8(rest[:auditedPath], "") + "…"
	}
	s.audit.add(auditRecord{Action: "call", Hub: m.id, Name: m.Record().Name, By: wire.IdentityOf(r).Subject, Detail: r.Method + " /" + rest + ": " + answer})
}

// topicActions is what the routes of Topics do that is audited: making, changing
// and removing them, not their records.
var topicActions = map[string]string{"POST /topics": "topic create", "PATCH /topics/{name}": "topic change",
	"DELETE /topics/{name}": "topic delete", "DELETE /topics/{name}/groups/{group}": "topic forget"}

type topicKey struct{}

// auditedTopic writes down what was done to a Topic of the Space.
func (s *Space) auditedTopic(method, path string, next wire.Handler) wire.Handler {
	action := topicActions[method+" "+path]
	if action == "" {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		name := r.PathValue("name")
		r = r.WithContext(context.WithValue(r.Context(), topicKey{}, &name))
		if err := next(w, r); err != nil {
			return err
		}
		detail := r.PathValue("group")
		if t, err := s.cfg.Topics.Topic(waverider.TopicName(name)); err == nil && detail == "" {
			detail = factsOf(t).text()
		}
		s.audit.add(auditRecord{Action: action, Name: name, By: wire.IdentityOf(r).Subject, Detail: detail})
		return nil
	}
}

// topicObject names the Topic of a request whose path does not.
func topicObject(r *http.Request, name string) {
	if field, ok := r.Context().Value(topicKey{}).(*string); ok {
		*field = name
	}
}
