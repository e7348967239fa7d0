package cli

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"waverider"
)

// What the fingers of si's users know, where it means the same here. Help does
// not show it: there is one way to say a thing, and docs/from-scramjet.md has the
// others.

// alsoCalled lets flags be called by other names.
func alsoCalled(cmd *cobra.Command, names map[string]string) {
	cmd.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if ours, ok := names[name]; ok {
			name = ours
		}
		return pflag.NormalizedName(name)
	})
}

// endsAnyway takes si's -e, which asks for what is so without.
func endsAnyway(cmd *cobra.Command) {
	cmd.Flags().BoolP("end", "e", true, "end the input at the end (as without)")
	_ = cmd.Flags().MarkHidden("end")
}

// stdoutFlag takes si's -c of a package.
func stdoutFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().BoolFuncP("stdout", "c", "write it to stdout: --file -", func(string) error {
		*file = lastWord
		return nil
	})
	_ = cmd.Flags().MarkHidden("stdout")
}

// fileFlag sets a flag that takes JSON or @FILE to a file.
type fileFlag struct{ text *string }

func (fileFlag) Type() string   { return "file" }
func (fileFlag) String() string { return "" }

func (f fileFlag) Set(name string) error {
	*f.text = "@" + name
	return nil
}

// limitsFlag sets the flags of limits all at once.
type limitsFlag struct{ f *startFlags }

func (limitsFlag) Type() string   { return "json" }
func (limitsFlag) String() string { return "" }

func (l limitsFlag) Set(text string) error {
	given := waverider.Limits{Memory: l.f.memory, CPU: l.f.cpu, PIDs: l.f.pids, Files: l.f.files}
	if json.Unmarshal([]byte(text), &given) != nil {
		return errors.New(`want a JSON object, such as '{"memory": 256}'`)
	}
	l.f.memory, l.f.cpu, l.f.pids, l.f.files = given.Memory, given.CPU, given.PIDs, given.Files
	return nil
}

// habits are si's flags of a start.
func (f *startFlags) habits(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.Var(fileFlag{&f.config}, "config-file", "file with the configuration: --config @FILE")
	fs.Var(limitsFlag{f}, "limits", "limits as JSON: --memory, --cpu, --pids, --files")
	for _, name := range []string{"config-file", "limits"} {
		_ = fs.MarkHidden(name)
	}
	alsoCalled(cmd, map[string]string{"config-string": "config", "inst-id": "id"})
}
