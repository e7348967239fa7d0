package cli

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/cli/profile"
	"waverider/client"
)

func (a *app) profiles() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Profiles: names for Hubs and Spaces, and how to reach them",
		Long: `A profile keeps what commands use unless they are told otherwise: the URL of a Hub or a
Space and the Hub that is meant there, the file with its token, and how to show results. Flags come before the environment, that
before the current profile; a profile named by --profile comes before the environment.

  waverider profile create plant url=https://10.0.0.7:8000 token-file=~/plant.token
  waverider profile create edge url=https://space:8443 hub=edge-1 ca=~/space.pem token-file=~/space.token
  waverider profile use plant                 what commands talk to from now on
  waverider --profile plant seq list          only this time
  waverider profile show                      what is used now, and where it is from`,
		RunE: group,
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.profileList(), a.profileShow(), a.profileCreate(), a.profileUse(), a.profileSet(), a.profileReset(),
		a.profileRemove(), a.profileImport())
	return cmd
}

// profileFile is where the profiles are, as the XDG rules say.
func profileFile() (string, error) {
	dir, err := userDir("XDG_CONFIG_HOME", ".config")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "waverider", "profiles.yaml"), nil
}

// choose decides what this command uses. What is wrong with a profile is told
// when a Hub is to be reached: other commands need none.
func (a *app) choose(cmd *cobra.Command) {
	flags := profile.Given{Profile: a.profile, Values: profile.Profile{URL: a.url, Hub: a.hub, CA: a.ca, TokenFile: a.tokenFile}}
	if cmd.Flags().Changed("output") {
		flags.Values.Output = a.output
	}
	env := profile.Given{Profile: os.Getenv("WAVERIDER_PROFILE"), Values: profile.Profile{
		URL: os.Getenv("WAVERIDER_URL"), Hub: os.Getenv("WAVERIDER_HUB"), CA: os.Getenv("WAVERIDER_CA"), TokenFile: os.Getenv("WAVERIDER_TOKEN_FILE"), Output: os.Getenv("WAVERIDER_OUTPUT")}}
	var file profile.File
	if path, err := profileFile(); err == nil { // without a home there are none
		file, a.profileErr = profile.Read(path)
	}
	chosen, err := profile.Choose(flags, env, file)
	if err != nil {
		if a.profileErr == nil {
			a.profileErr = &hinted{err, "waverider profile list shows what there is"}
		}
		chosen, _ = profile.Choose(profile.Given{Values: flags.Values}, profile.Given{Values: env.Values}, profile.File{})
	}
	if cmd.Flags().Changed("hub") && a.hub == "" { // --hub "": the Space itself, whatever the profile says
		chosen.Values.Hub, chosen.Sources.Hub = "", string(profile.FromFlags)
	}
	a.chosen = chosen
	a.url, a.hub, a.ca, a.tokenFile = chosen.Values.URL, chosen.Values.Hub, chosen.Values.CA, chosen.Values.TokenFile
	a.output = cmp.Or(chosen.Values.Output, a.output)
}

// change changes the profiles, and writes them if that went well.
func changeProfiles(change func(*profile.File) error) error {
	path, err := profileFile()
	if err != nil {
		return err
	}
	file, err := profile.Read(path)
	if err != nil {
		return err
	}
	if err := change(&file); err != nil {
		return err
	}
	return file.Write(path)
}

func noProfile(name string) error {
	return &hinted{waverider.Errorf(waverider.NotFound, "there is no profile %s", name), "waverider profile list shows what there is"}
}

// setFields sets the fields that words of the form KEY=VALUE name.
func setFields(p *profile.Profile, words []string) error {
	for _, word := range words {
		key, value, found := strings.Cut(word, "=")
		field := p.Field(key)
		if !found || field == nil {
			return usage("%q: want KEY=VALUE, the keys are %s", word, strings.Join(profile.Keys, ", "))
		}
		var err error
		if *field, err = fieldValue(key, value); err != nil {
			return err
		}
	}
	return nil
}

// fieldValue checks a value, and makes one that holds elsewhere too.
func fieldValue(key, value string) (string, error) {
	if value == "" {
		return "", nil
	}
	switch key {
	case "url":
		c, err := client.New(client.Config{URL: value})
		if err != nil {
			return "", usage("%s", err)
		}
		return c.URL(), nil
	case "output":
		if !slices.Contains(outputs, value) {
			return "", usage("output %q: want one of %s", value, strings.Join(outputs, ", "))
		}
		return value, nil
	case "hub":
		if _, err := client.New(client.Config{Hub: value}); err != nil {
			return "", usage("%s", err)
		}
		return value, nil
	}
	if key == "token-file" && strings.HasPrefix(value, "eyJ") { // which every token begins with
		return "", usage("token-file: want the name of a file that holds the token; the token itself is not kept here")
	}
	if rest, ok := strings.CutPrefix(value, "~/"); ok { // shells leave it after a "="
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		value = filepath.Join(home, rest)
	}
	return filepath.Abs(value)
}

// completeProfiles offers the names of profiles for the first so many arguments.
func completeProfiles(arguments int) completer {
	return func(_ *cobra.Command, list []string, _ string) ([]string, cobra.ShellCompDirective) {
		path, err := profileFile()
		if err != nil || len(list) >= arguments {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		file, err := profile.Read(path)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, name := range file.Names() {
			out = append(out, name+"\t"+file.Profiles[name].URL)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

func completeKeys(end string) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var out []string
		for _, key := range profile.Keys {
			out = append(out, key+end)
		}
		return out, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	}
}
