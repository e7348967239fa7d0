package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var quotedCommand = regexp.MustCompile("`waverider ([^`]+)`")

// TestTableForUsersOfSiNamesWhatExists holds docs/from-scramjet.md to the
// commands and their flags.
func TestTableForUsersOfSiNamesWhatExists(t *testing.T) {
	text, err := os.ReadFile("../docs/from-scramjet.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n| si | waverider | what differs, and why |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	named := quotedCommand.FindAllStringSubmatch(table, -1)
	if !found || len(named) < 60 {
		t.Fatalf("the table names %d commands", len(named))
	}
	config := &cobra.Command{Use: "config", Run: func(*cobra.Command, []string) {}}
	space := &cobra.Command{Use: "space"}
	space.AddCommand(&cobra.Command{Use: "admin-token", Run: func(*cobra.Command, []string) {}})
	root := New(Options{Version: "1", Space: space, More: []*cobra.Command{config}})
	root.InitDefaultHelpFlag()
	root.InitDefaultVersionFlag()
	for _, m := range named {
		words := strings.Fields(m[1])
		cmd, rest, err := root.Find(words)
		if err != nil {
			t.Errorf("waverider %s: %v", m[1], err)
			continue
		}
		if cmd.HasSubCommands() && cmd.Name() != "init" && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			t.Errorf("waverider %s: %q has no command %s", m[1], cmd.CommandPath(), rest[0])
		}
		cmd.InitDefaultHelpFlag()
		if err := cmd.ParseFlags(nil); err != nil { // brings the global flags in
			t.Error(err)
		}
		checkFlags(t, cmd, words)
	}
}

func checkFlags(t *testing.T, cmd *cobra.Command, words []string) {
	for _, word := range words {
		name, long := strings.CutPrefix(word, "--")
		short, dashed := strings.CutPrefix(word, "-")
		switch {
		case long && cmd.Flag(name) == nil:
			t.Errorf("waverider %s: %s has no flag --%s", strings.Join(words, " "), cmd.CommandPath(), name)
		case !long && dashed && cmd.Flags().ShorthandLookup(short) == nil:
			t.Errorf("waverider %s: %s has no flag -%s", strings.Join(words, " "), cmd.CommandPath(), short)
		}
	}
}
