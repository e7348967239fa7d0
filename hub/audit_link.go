package hub

import "cmp"

// auditedDetail is the most that a record keeps of what is said about an action.
const auditedDetail = 4096

// Scramjet's numbers of what it audits of a Hub and its space; other actions
// have none.
var auditActions = map[string]int{"connect": 14000, "disconnect": 14001}

// Audit writes down what came to pass between the Hub and its Space, which Topic
// it was about, if it was, and who wanted it, if somebody did.
func (h *Hub) Audit(action, topic, by, detail string) {
	h.audit.add(opRecord{OpCode: auditActions[action], ObjectID: topic, RequestorID: auditedText(cmp.Or(by, systemRequestor), auditedBytes),
		Action: action, Detail: auditedText(detail, auditedDetail)})
}
