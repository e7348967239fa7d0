package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waverider/project"
)

// initProject is `waverider init`. types are the declarations that a project
// gets of what a program is given.
func (a *app) initProject(types string) *cobra.Command {
	p := project.Project{Types: types}
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write the files of a new Sequence",
		Long: `Write the files of a new Sequence: a program that runs as it is, a test of it, and a
package.json. Kinds: a transformer takes records in and puts others out, a generator only
puts out, a consumer only takes in. Templates are in JavaScript (js), TypeScript (ts) and
Python (py). Files that are there already are never overwritten.`,
		Example: `  waverider init my-program
  waverider init my-program --template ts --kind generator
  mkdir p && cd p && waverider init`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: foldersOnly,
		RunE: func(_ *cobra.Command, list []string) error {
			if len(list) == 1 {
				p.Dir = list[0]
			}
			return a.writeProject(p)
		},
	}
	cmd.AddCommand(a.initSequence(types))
	fs := cmd.Flags()
	fs.StringVar(&p.Name, "name", "", "name of the Sequence (default: the folder's)")
	fs.StringVar(&p.Template, "template", project.Templates[0], "language: "+strings.Join(project.Templates, "|"))
	fs.StringVar(&p.Kind, "kind", project.Kinds[0], "what it does: "+strings.Join(project.Kinds, "|"))
	_ = cmd.RegisterFlagCompletionFunc("template", cobra.FixedCompletions(project.Templates, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(project.Kinds, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// initSequence is the same in si's words.
func (a *app) initSequence(types string) *cobra.Command {
	p := project.Project{Types: types}
	cmd := &cobra.Command{
		Use:     "sequence [js|ts|py] [transformer|generator|consumer]",
		Aliases: []string{"seq"},
		Short:   "The same by language and kind: init --template LANGUAGE --kind KIND",
		Example: "  waverider init sequence py generator --path ./my-program",
		Args:    args(cobra.MaximumNArgs(2)),
		ValidArgsFunction: func(_ *cobra.Command, list []string, _ string) ([]string, cobra.ShellCompDirective) {
			return [][]string{project.Templates, project.Kinds, nil}[min(len(list), 2)], cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, list []string) error {
			p.Template, p.Kind = project.Templates[0], project.Kinds[0]
			for i, to := range []*string{&p.Template, &p.Kind}[:len(list)] {
				*to = list[i]
			}
			return a.writeProject(p)
		},
	}
	cmd.Flags().StringVarP(&p.Dir, "path", "p", "", "folder to write to (default: the name, else this one)")
	cmd.Flags().StringVar(&p.Name, "name", "", "name of the Sequence (default: the folder's)")
	_ = cmd.MarkFlagDirname("path")
	return cmd
}

// writeProject writes a project and lists its files.
func (a *app) writeProject(p project.Project) error {
	if !slices.Contains(project.Templates, p.Template) {
		return usage("template %q: want one of %s", p.Template, strings.Join(project.Templates, ", "))
	}
	if !slices.Contains(project.Kinds, p.Kind) {
		return usage("kind %q: want one of %s", p.Kind, strings.Join(project.Kinds, ", "))
	}
	if p.Dir == "" {
		p.Dir = cmp.Or(p.Name, ".")
	}
	if p.Name == "" {
		if p.Name = project.NameOf(p.Dir); p.Name == "" {
			return usage("no name can be made of the folder %s: give one with --name", p.Dir)
		}
	}
	files, err := project.Write(p)
	if err != nil {
		return err
	}
	return a.showProject(p, files)
}

func foldersOnly(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// showProject lists what was written, and says what to do with it.
func (a *app) showProject(p project.Project, files []string) error {
	if a.output == "json" || a.output == "yaml" {
		return a.show(map[string]any{"dir": p.Dir, "name": p.Name, "files": files}, nil, nil)
	}
	for _, f := range files {
		if _, err := fmt.Fprintln(a.out, filepath.Join(p.Dir, f)); err != nil {
			return err
		}
	}
	if a.output == "name" {
		return nil
	}
	test, deploy := "npm test", "waverider seq deploy ."
	switch p.Template {
	case "ts":
		test, deploy = "npm install && npm test", "npm run build && waverider seq deploy ."
	case "py":
		test = "python3 -m unittest"
	}
	enter := "cd " + p.Dir
	if wd, err := os.Getwd(); err == nil && filepath.Clean(filepath.Join(wd, p.Dir)) == wd {
		enter = ""
	}
	steps := [][2]string{
		{enter, ""},
		{test, "its tests"},
		{"waverider dev .", "run it, show what it does, start it anew at each change"},
		{deploy, "give it to a Hub for good"},
	}
	var b strings.Builder
	b.WriteString("\nNext:\n")
	for _, s := range steps {
		switch {
		case s[0] == "":
		case s[1] == "":
			fmt.Fprintf(&b, "  %s\n", s[0])
		default:
			fmt.Fprintf(&b, "  %-42s # %s\n", s[0], s[1])
		}
	}
	_, err := fmt.Fprint(a.err, b.String())
	return err
}
