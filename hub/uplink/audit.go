package uplink

import (
	"encoding/json"

	"waverider"
	"waverider/link"
)

// bySpace is who wanted what the Space has decided, in the audit.
const bySpace = "space"

// audit writes down what came to pass between the Hub and its Space.
func (u *Uplink) audit(action, topic, by, detail string) {
	if u.core.Audit != nil {
		u.core.Audit(action, topic, by, detail)
	}
}

// auditSettings writes down what the Space calls this Hub, when that is not what
// it was.
func (u *Uplink) auditSettings(before, now link.Settings) {
	was, _ := json.Marshal(before) // texts
	is, _ := json.Marshal(now)
	if string(was) != string(is) {
		u.audit("change", "", bySpace, string(is))
	}
}

// auditNotice writes down what the Space says to the people of this Hub.
func (u *Uplink) auditNotice(n link.Notice) {
	action, ok := map[string]string{"clone": "clone", "revoked": "revoke", "removed": "remove"}[n.Kind]
	if !ok {
		action = "notice"
	}
	u.audit(action, "", bySpace, n.Message)
}

// auditWaiting writes down what waits for the Space since before this process.
func (u *Uplink) auditWaiting() {
	for _, r := range u.requests.list() {
		if r.State == waverider.RequestWaiting {
			u.audit("request", string(r.Topic), r.By, wishText(r))
		}
	}
}
