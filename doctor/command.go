package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
	"waverider/tty"
)

// Command is `waverider doctor`. dataDir is the data folder of a Hub that is
// not told otherwise.
func Command(version, dataDir string) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine and a Hub, and say what to do",
		Long: `Check this machine (Node, npm, what can hold programs in, limits) and the Hub of --url
or WAVERIDER_URL, else the one of this machine if it runs (its version, engines, exposure,
disk, keeper). It changes nothing. The exit code is 1 when a check fails.`,
		Example: "  waverider doctor\n  waverider doctor -o json | jq '.[] | select(.state != \"ok\")'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flag := func(name, env string) string {
				if f := cmd.Flags().Lookup(name); f != nil && f.Value.String() != "" {
					return f.Value.String()
				}
				return os.Getenv(env)
			}
			cfg := Config{Version: version, DataDir: dataDir, Hub: client.Config{
				URL: flag("url", "WAVERIDER_URL"), TokenFile: flag("token-file", "WAVERIDER_TOKEN_FILE"), Agent: "waverider/" + version,
			}}
			cfg.Named = cfg.Hub.URL != ""
			all := Examine(cmd.Context(), cfg)
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			plain, _ := cmd.Flags().GetBool("no-color")
			if err := show(cmd.OutOrStdout(), flag("output", ""), tty.Of(cmd.OutOrStdout(), plain), all); err != nil {
				return err
			}
			if n := Failed(all); n > 0 {
				return waverider.Errorf(waverider.Unavailable, "%d of %d checks failed", n, len(all))
			}
			return nil
		},
	}
}

var styles = map[State]string{OK: tty.Green, Skip: tty.Dim, Warn: tty.Yellow, Fail: tty.Red}

func show(w io.Writer, format string, t tty.Terminal, all []Finding) error {
	if format == "json" || format == "yaml" { // JSON is YAML
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	}
	const checkWidth, stateWidth = 13, 6
	width, _ := t.Size()
	if !t.Is() {
		width = 1 << 20 // whoever reads lines wants them whole
	}
	var b strings.Builder
	margin := strings.Repeat(" ", checkWidth+stateWidth)
	for _, f := range all {
		state := t.Paint(styles[f.State], fmt.Sprintf("%-*s", stateWidth, f.State))
		for i, line := range wrap(f.Text, width-len(margin)) {
			if i == 0 {
				fmt.Fprintf(&b, "%-*s%s%s\n", checkWidth, f.Check, state, line)
			} else {
				fmt.Fprintf(&b, "%s%s\n", margin, line)
			}
		}
		if f.Do == "" {
			continue
		}
		for i, line := range wrap(f.Do, width-len(margin)-2) {
			fmt.Fprintf(&b, "%s%s %s\n", margin, []string{"→", " "}[min(i, 1)], t.Paint(tty.Bold, line))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks text between words; a word that is too long stays whole.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
