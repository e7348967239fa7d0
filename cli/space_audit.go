package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waverider/client"
)

func (a *app) spaceAudit() *cobra.Command {
	return a.logCommand(&cobra.Command{
		Use:   "audit",
		Short: "Show which Hubs came and went, and what was done to them by whom",
		Long: `Show which Hubs joined, came, went and were refused, and who made tokens or changed,
revoked and removed Hubs; the calls that changed something on a Hub through the Space; and what
was done to Topics. It takes an admin's token. -o json shows the records as they are.`,
		Example: "  waverider space audit --tail 20\n  waverider space audit -f -o json | jq .action",
	}, a.connectSpace, (*client.Client).Audit, prettySpaceAudit)
}

// prettySpaceAudit is a record of the audit as people read it; what is none stays
// as it is.
func prettySpaceAudit(_ *app, line []byte) string {
	var r struct {
		Action, Hub, Name, By, Remote, Detail string
		ReceivedAt                            int64
	}
	if json.Unmarshal(line, &r) != nil || r.Action == "" {
		return plain(string(line))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-12s", time.UnixMilli(r.ReceivedAt).Format("15:04:05.000"), plainLine(r.Action))
	for _, part := range []struct{ before, text string }{{"", r.Name}, {"hub ", r.Hub}, {"by ", r.By}, {"from ", r.Remote}, {"", r.Detail}} {
		if part.text != "" {
			b.WriteString(" " + part.before + plainLine(part.text))
		}
	}
	return b.String() + "\n"
}
