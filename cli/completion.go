package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waverider"
)

// shells are those whose completions can be put where they look for them.
var shells = []string{"bash", "zsh", "fish"}

// completion adds to cobra's command, which prints scripts, those that put them
// in their place.
func (a *app) completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.AddCommand(a.completionInstall(root), a.completionUninstall())
		}
	}
}

func (a *app) completionInstall(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "install [bash|zsh|fish]",
		Short: "Put the completion script where the shell looks for it",
		Long: `Put the completion script of a shell (default: that of $SHELL) where the shell looks for
it, for this user alone. No other file is changed. The answer is the script's name.`,
		Example:           "  waverider completion install\n  waverider completion install fish",
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, list []string) error {
			shell, file, err := completionFile(list)
			if err != nil {
				return err
			}
			var script bytes.Buffer
			generate := map[string]func() error{
				"bash": func() error { return root.GenBashCompletionV2(&script, true) },
				"zsh":  func() error { return root.GenZshCompletion(&script) },
				"fish": func() error { return root.GenFishCompletion(&script, true) },
			}
			if err := generate[shell](); err != nil {
				return fmt.Errorf("make completion script: %w", err)
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return fmt.Errorf("install completion: %w", err)
			}
			if _, err := ourScript(file); err != nil {
				return err
			}
			if err := writeScript(file, script.Bytes()); err != nil {
				return fmt.Errorf("install completion: %w", err)
			}
			switch shell {
			case "bash":
				a.note("new shells have it, where the package bash-completion is installed")
			case "zsh":
				a.note("for zsh to look there, have in .zshrc before compinit: fpath=(%s $fpath)", filepath.Dir(file))
			}
			_, err = fmt.Fprintln(a.out, file)
			return err
		},
	}
}

func (a *app) completionUninstall() *cobra.Command {
	return &cobra.Command{
		Use:               "uninstall [bash|zsh|fish]",
		Short:             "Take the completion script away again",
		Example:           "  waverider completion uninstall",
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, list []string) error {
			_, file, err := completionFile(list)
			if err != nil {
				return err
			}
			there, err := ourScript(file)
			if err != nil {
				return err
			}
			if !there {
				a.note("there is no %s", file)
				return nil
			}
			if err := os.Remove(file); err != nil {
				return fmt.Errorf("uninstall completion: %w", err)
			}
			_, err = fmt.Fprintln(a.out, file)
			return err
		},
	}
}

// scriptHeads are how the scripts begin, by which they are known again.
var scriptHeads = []string{"# bash completion V2 for waverider ", "#compdef waverider\n", "# fish completion for waverider "}

// ourScript tells whether a script of ours stands in a place. A file of someone
// else, or a link, which may lead to one, is an error.
func ourScript(file string) (bool, error) {
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for a completion script: %w", err)
	}
	var data []byte
	if info.Mode().IsRegular() {
		if data, err = os.ReadFile(file); err != nil {
			return false, fmt.Errorf("look for a completion script: %w", err)
		}
	}
	if slices.ContainsFunc(scriptHeads, func(head string) bool { return bytes.HasPrefix(data, []byte(head)) }) {
		return true, nil
	}
	return false, waverider.Errorf(waverider.Conflict, "%s is not a script that this command wrote; move it away first", file)
}

// writeScript never leaves half a script: shells read it at each start.
func writeScript(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".waverider-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// completionFile is the shell that is named, else the user's, and where its
// script has to be.
func completionFile(list []string) (shell, file string, err error) {
	if shell = filepath.Base(os.Getenv("SHELL")); len(list) == 1 {
		shell = list[0]
	}
	if shell == "." {
		return "", "", usage("SHELL is not set: name one of %s", strings.Join(shells, ", "))
	}
	if !slices.Contains(shells, shell) {
		return "", "", usage("no place is known for completions of %q: name one of %s, or see waverider completion SHELL", shell, strings.Join(shells, ", "))
	}
	data, err := userDir("XDG_DATA_HOME", ".local", "share")
	if err != nil {
		return "", "", err
	}
	config, err := userDir("XDG_CONFIG_HOME", ".config")
	if err != nil {
		return "", "", err
	}
	return shell, map[string]string{
		"bash": filepath.Join(data, "bash-completion", "completions", "waverider"),
		"zsh":  filepath.Join(data, "zsh", "site-functions", "_waverider"),
		"fish": filepath.Join(config, "fish", "completions", "waverider.fish"),
	}[shell], nil
}

// userDir is a folder of the user's, as the XDG rules say: a variable, else a
// path from home.
func userDir(variable string, fromHome ...string) (string, error) {
	if dir := os.Getenv(variable); variable != "" && dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(append([]string{home}, fromHome...)...), nil
}
