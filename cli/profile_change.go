package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/cli/profile"
)

func (a *app) profileCreate() *cobra.Command {
	var use bool
	cmd := &cobra.Command{
		Use:   "create NAME [KEY=VALUE...]",
		Short: "Make a profile",
		Long: `Make a profile. Keys are url (of a Hub or Space), hub (that is meant in the Space), ca (a
file with a certificate to trust beside the system's), token-file (a file with the token
to send) and output (table, wide, json, yaml or name). The files stay where they are.`,
		Example: "  waverider profile create plant url=https://10.0.0.7:8000 token-file=~/plant.token\n  waverider profile create scripts output=json --use",
		Args:    args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: func(cmd *cobra.Command, list []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(list) == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completeKeys("=")(cmd, list, word)
		},
		RunE: func(_ *cobra.Command, list []string) error {
			name := list[0]
			if err := profile.CheckName(name); err != nil {
				return usage("%s", err)
			}
			var made profile.Profile
			if err := setFields(&made, list[1:]); err != nil {
				return err
			}
			err := changeProfiles(func(f *profile.File) error {
				if _, ok := f.Profiles[name]; ok {
					return &hinted{waverider.Errorf(waverider.Conflict, "profile %s exists already", name), "waverider --profile " + name + " profile set KEY=VALUE changes it"}
				}
				if f.Profiles == nil {
					f.Profiles = map[string]profile.Profile{}
				}
				f.Profiles[name] = made
				if use {
					f.Current = name
				}
				return nil
			})
			if err != nil {
				return err
			}
			return a.id(name)
		},
	}
	cmd.Flags().BoolVar(&use, "use", false, "make it the current one")
	return cmd
}

func (a *app) profileUse() *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use:               "use NAME",
		Short:             "Make a profile the current one",
		Example:           "  waverider profile use plant\n  waverider profile use --none      # as if there were no profiles",
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeProfiles(1),
		RunE: func(_ *cobra.Command, list []string) error {
			if none == (len(list) == 1) {
				return usage("give the name of a profile, or --none")
			}
			name := ""
			if !none {
				name = list[0]
			}
			err := changeProfiles(func(f *profile.File) error {
				if _, ok := f.Profiles[name]; !ok && !none {
					return noProfile(name)
				}
				f.Current = name
				return nil
			})
			if err != nil || none {
				return err
			}
			return a.id(name)
		},
	}
	cmd.Flags().BoolVar(&none, "none", false, "let no profile be current")
	return cmd
}

// changeCurrent changes the profile that --profile names, else the current one.
func (a *app) changeCurrent(change func(*profile.Profile) error) error {
	var name string
	err := changeProfiles(func(f *profile.File) error {
		if name = cmp.Or(a.profile, os.Getenv("WAVERIDER_PROFILE"), f.Current); name == "" {
			return usage("no profile is current: name one with --profile, or make one with waverider profile create")
		}
		p, ok := f.Profiles[name]
		if !ok {
			return noProfile(name)
		}
		if err := change(&p); err != nil {
			return err
		}
		f.Profiles[name] = p
		return nil
	})
	if err != nil {
		return err
	}
	return a.id(name)
}

func (a *app) profileSet() *cobra.Command {
	return &cobra.Command{
		Use:               "set KEY=VALUE...",
		Short:             "Change the current profile, or the one of --profile",
		Example:           "  waverider profile set url=http://10.0.0.8:8000\n  waverider --profile plant profile set output=json",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeKeys("="),
		RunE: func(_ *cobra.Command, list []string) error {
			return a.changeCurrent(func(p *profile.Profile) error { return setFields(p, list) })
		},
	}
}

func (a *app) profileReset() *cobra.Command {
	return &cobra.Command{
		Use:               "reset [KEY...]",
		Short:             "Take values out of the current profile, or the one of --profile: all, or some",
		Example:           "  waverider profile reset output\n  waverider profile reset",
		Args:              args(cobra.ArbitraryArgs),
		ValidArgsFunction: completeKeys(""),
		RunE: func(_ *cobra.Command, list []string) error {
			return a.changeCurrent(func(p *profile.Profile) error {
				if len(list) == 0 {
					*p = profile.Profile{}
				}
				for _, key := range list {
					if err := setFields(p, []string{key + "="}); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (a *app) profileRemove() *cobra.Command {
	return &cobra.Command{
		Use:               "remove NAME...",
		Aliases:           []string{"rm", "delete"},
		Short:             "Remove profiles",
		Long:              "Remove profiles. Files with tokens stay.",
		Example:           "  waverider profile remove plant",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeProfiles(1000),
		RunE: func(_ *cobra.Command, list []string) error {
			for _, name := range list {
				err := changeProfiles(func(f *profile.File) error {
					if _, ok := f.Profiles[name]; !ok {
						return noProfile(name)
					}
					delete(f.Profiles, name)
					if f.Current == name {
						f.Current = ""
					}
					return nil
				})
				if err != nil {
					return err
				}
				if err := a.id(name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *app) profileImport() *cobra.Command {
	return &cobra.Command{
		Use:   "import-si [DIR]",
		Short: "Take over the profiles of Scramjet's si",
		Long: `Take over the profiles of Scramjet's si (from ~/.si, or another folder): their URLs, and
whether they want JSON. The one that is current there becomes so here, unless one is.
Profiles that are here already stay as they are. Tokens, which are for Spaces, are left
where they are.`,
		Example: "  waverider profile import-si",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, list []string) error {
			dir, err := userDir("", ".si")
			if len(list) == 1 {
				dir, err = list[0], nil
			}
			if err != nil {
				return err
			}
			found, current, err := profile.FromSi(filepath.Clean(dir))
			if err != nil {
				return err
			}
			var taken []string
			err = changeProfiles(func(f *profile.File) error {
				taken = a.takeOver(f, found, current)
				return nil
			})
			if err != nil {
				return err
			}
			for _, name := range taken {
				if err := a.id(name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// takeOver adds the profiles of si that can be, tells of the others, and
// answers the names.
func (a *app) takeOver(f *profile.File, found []profile.Imported, current string) (taken []string) {
	if f.Profiles == nil {
		f.Profiles = map[string]profile.Profile{}
	}
	for _, one := range found {
		if one.Skipped == "" {
			one.Skipped = a.takeOne(f, &one)
		}
		if one.Skipped != "" {
			fmt.Fprintf(a.err, "waverider: %s: skipped: %s\n", one.Name, one.Skipped)
			continue
		}
		if one.Note != "" {
			fmt.Fprintf(a.err, "waverider: %s: %s\n", one.Name, one.Note)
		}
		taken = append(taken, one.Name)
		if one.Name == current && f.Current == "" {
			f.Current = current
		}
	}
	return taken
}

// takeOne adds a profile; the answer is why not.
func (a *app) takeOne(f *profile.File, one *profile.Imported) string {
	if _, ok := f.Profiles[one.Name]; ok {
		return "there is a profile of this name"
	}
	url, err := fieldValue("url", one.Profile.URL)
	if err != nil {
		return err.Error()
	}
	one.Profile.URL = url
	f.Profiles[one.Name] = one.Profile
	return ""
}
