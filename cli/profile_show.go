package cli

import (
	"cmp"

	"github.com/spf13/cobra"

	"waverider/cli/profile"
	"waverider/client"
)

func (a *app) profileList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the profiles",
		Example: "  waverider profile list",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			path, err := profileFile()
			if err != nil {
				return err
			}
			file, err := profile.Read(path)
			if err != nil {
				return err
			}
			type entry struct {
				Name    string `json:"name"`
				Current bool   `json:"current"`
				profile.Profile
			}
			list := []entry{}
			for _, name := range file.Names() {
				list = append(list, entry{name, name == file.Current, file.Profiles[name]})
			}
			return a.show(list, file.Names(), func() table {
				t := table{head: []string{"CURRENT", "NAME", "URL", "HUB", "TOKEN FILE", "OUTPUT", "CA"}, wide: 6}
				for _, e := range list {
					mark := ""
					if e.Current {
						mark = "*"
					}
					t.rows = append(t.rows, []string{mark, e.Name, dash(e.URL), dash(e.Hub), dash(e.TokenFile), dash(e.Output), dash(e.CA)})
				}
				return t
			})
		},
	}
}

func (a *app) profileShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show what commands use, and where it is from",
		Long: `Show what commands use now, and where each value is from: a flag, the environment, the
profile, or the default. With a name, show that profile.`,
		Example:           "  waverider profile show\n  waverider profile show plant -o yaml",
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeProfiles(1),
		RunE: func(_ *cobra.Command, list []string) error {
			if len(list) == 1 {
				return a.showProfile(list[0])
			}
			if a.profileErr != nil {
				return a.profileErr
			}
			values := a.chosen.Values
			values.URL, values.Output = cmp.Or(values.URL, client.DefaultURL), a.output
			value := map[string]any{"profile": a.chosen.Profile, "values": values, "sources": a.chosen.Sources}
			return a.show(value, []string{a.chosen.Profile}, func() table {
				t := table{head: []string{"FIELD", "VALUE", "FROM"}, rows: [][]string{{"profile", dash(a.chosen.Profile), ""}}}
				for _, key := range profile.Keys {
					t.rows = append(t.rows, []string{key, dash(*values.Field(key)), *a.chosen.Sources.Field(key)})
				}
				return t
			})
		},
	}
}

func (a *app) showProfile(name string) error {
	path, err := profileFile()
	if err != nil {
		return err
	}
	file, err := profile.Read(path)
	if err != nil {
		return err
	}
	p, ok := file.Profiles[name]
	if !ok {
		return noProfile(name)
	}
	return a.show(p, []string{name}, func() table {
		return fields("profile", name, "url", p.URL, "hub", p.Hub, "ca", p.CA, "token-file", p.TokenFile, "output", p.Output)
	})
}
