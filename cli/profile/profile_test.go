package profile_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"waverider"
	"waverider/cli/profile"
)

func TestFlagsComeBeforeEnvironmentBeforeProfile(t *testing.T) {
	file := profile.File{Current: "mine", Profiles: map[string]profile.Profile{
		"mine":  {URL: "mine-url", TokenFile: "mine-token", Output: "yaml"},
		"other": {URL: "other-url", TokenFile: "other-token"},
		"plain": {URL: "plain-url"},
		"form":  {Output: "json"},
	}}
	values := func(url, token, output string) profile.Profile {
		return profile.Profile{URL: url, TokenFile: token, Output: output}
	}
	for name, c := range map[string]struct {
		flags, env profile.Given
		want       profile.Profile
	}{
		"the current one":                     {want: values("mine-url", "mine-token", "yaml")},
		"one of the environment":              {env: profile.Given{Profile: "other"}, want: values("other-url", "other-token", "")},
		"one of the flags":                    {flags: profile.Given{Profile: "plain"}, env: profile.Given{Profile: "other"}, want: values("plain-url", "", "")},
		"environment over profile":            {env: profile.Given{Values: values("e", "", "wide")}, want: values("e", "", "wide")},
		"a token stays with its Hub":          {flags: profile.Given{Values: values("f", "", "")}, want: values("f", "", "yaml")},
		"flags over environment":              {flags: profile.Given{Values: values("f", "ft", "name")}, env: profile.Given{Values: values("e", "et", "wide")}, want: values("f", "ft", "name")},
		"a token of the environment":          {flags: profile.Given{Values: values("f", "", "")}, env: profile.Given{Values: values("e", "et", "")}, want: values("f", "et", "yaml")},
		"named profile over environment":      {flags: profile.Given{Profile: "other"}, env: profile.Given{Values: values("e", "et", "")}, want: values("other-url", "other-token", "")},
		"the environment's token stays, too":  {flags: profile.Given{Profile: "plain"}, env: profile.Given{Values: values("e", "et", "")}, want: values("plain-url", "", "")},
		"a token that belongs to no URL":      {flags: profile.Given{Profile: "plain"}, env: profile.Given{Values: values("", "et", "")}, want: values("plain-url", "et", "")},
		"a profile that names no Hub":         {flags: profile.Given{Profile: "form"}, env: profile.Given{Values: values("e", "et", "")}, want: values("e", "et", "json")},
		"flags over the profile they name":    {flags: profile.Given{Profile: "other", Values: values("f", "", "")}, want: values("f", "", "")},
		"a token beside the profile's own":    {flags: profile.Given{Profile: "other", Values: values("", "ft", "")}, want: values("other-url", "ft", "")},
		"environment beside the current one":  {env: profile.Given{Values: values("", "et", "")}, want: values("mine-url", "et", "yaml")},
		"the current one is not another's":    {env: profile.Given{Profile: "form", Values: values("", "", "")}, want: values("", "", "json")},
		"output alone from the environment":   {env: profile.Given{Values: values("", "", "name")}, want: values("mine-url", "mine-token", "name")},
		"a URL of flags, output of a profile": {flags: profile.Given{Profile: "form", Values: values("f", "", "")}, want: values("f", "", "json")},
	} {
		got, err := profile.Choose(c.flags, c.env, file)
		if err != nil || got.Values != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got.Values, err, c.want)
		}
	}
	if _, err := profile.Choose(profile.Given{Profile: "nope"}, profile.Given{}, file); waverider.KindOf(err) != waverider.NotFound {
		t.Errorf("unknown profile: %v", err)
	}
	got, err := profile.Choose(profile.Given{}, profile.Given{}, profile.File{})
	if err != nil || got.Values != (profile.Profile{}) || got.Sources.URL != string(profile.FromDefault) {
		t.Errorf("nothing: %+v, %v", got, err)
	}
}

func TestAHubIsSoughtInTheSpaceItWasNamedFor(t *testing.T) {
	at := func(url, hub, ca string) profile.Profile { return profile.Profile{URL: url, Hub: hub, CA: ca} }
	file := profile.File{Current: "mine", Profiles: map[string]profile.Profile{"mine": at("m", "mh", "mc"), "bare": at("", "bh", "bc"), "hub": at("h", "", "")}}
	for name, c := range map[string]struct {
		flags, env profile.Given
		want       profile.Profile
	}{
		"the profile's":                       {want: at("m", "mh", "mc")},
		"another Hub of the profile's Space":  {flags: profile.Given{Values: at("", "fh", "")}, want: at("m", "fh", "mc")},
		"another URL is another Space":        {flags: profile.Given{Values: at("f", "", "")}, want: at("f", "", "")},
		"of the environment, likewise":        {env: profile.Given{Values: at("e", "", "")}, want: at("e", "", "")},
		"the environment names all":           {env: profile.Given{Values: at("e", "eh", "ec")}, want: at("e", "eh", "ec")},
		"flags name another Space":            {flags: profile.Given{Values: at("f", "", "")}, env: profile.Given{Values: at("e", "eh", "ec")}, want: at("f", "", "")},
		"no URL beside it: goes with all":     {flags: profile.Given{Values: at("f", "", "")}, env: profile.Given{Values: at("", "eh", "ec")}, want: at("f", "eh", "ec")},
		"a flag for the environment's Space":  {flags: profile.Given{Values: at("", "fh", "")}, env: profile.Given{Values: at("e", "eh", "ec")}, want: at("e", "fh", "ec")},
		"a profile without URL":               {flags: profile.Given{Profile: "bare"}, want: at("", "bh", "bc")},
		"a profile without URL, other Space":  {flags: profile.Given{Profile: "bare"}, env: profile.Given{Values: at("e", "", "")}, want: at("e", "bh", "bc")},
		"a profile of a Hub, not the Space's": {flags: profile.Given{Profile: "hub"}, env: profile.Given{Values: at("e", "eh", "ec")}, want: at("h", "", "")},
	} {
		got, err := profile.Choose(c.flags, c.env, file)
		if err != nil || got.Values != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got.Values, err, c.want)
		}
	}
}

func TestFileIsTheUsersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "profiles.yaml")
	if f, err := profile.Read(path); err != nil || len(f.Profiles) != 0 {
		t.Errorf("none: %+v, %v", f, err)
	}
	want := profile.File{Current: "a", Profiles: map[string]profile.Profile{"a": {URL: "u", TokenFile: "/t", Output: "json"}, "b": {}}}
	for range 2 { // the second time over what is there
		if err := want.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := profile.Read(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestUnknownKeysOfTheFileAreNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "profiles.yaml")
	if err := os.WriteFile(path, []byte("profiles:\n  a:\n    uri: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := profile.Read(path); err == nil || !strings.Contains(err.Error(), "line 3: field uri not found") || strings.Contains(err.Error(), "profile.Profile") {
		t.Errorf("%v", err)
	}
}

func TestProfilesOfSiAreTakenWithoutTheirTokens(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"si-config.json":         `{"profile":"plant"}`,
		"profiles/default.json":  `{"configVersion":1,"apiUrl":"http://127.0.0.1:8000/api/v1","env":"development","token":"","log":{"debug":false,"format":"pretty"}}`,
		"profiles/plant.json":    `{"apiUrl":"http://10.0.0.7:8000/api/v1","env":"development","token":"eyJ.secret.x","log":{"format":"json"}}`,
		"profiles/cloud.json":    `{"apiUrl":"http://127.0.0.1:8000/api/v1","env":"production","token":"eyJ.secret.x"}`,
		"profiles/space.json":    `{"apiUrl":"http://127.0.0.1:8000/api/v1","middlewareApiUrl":"https://space:8443/api/v1","env":"production","token":"eyJ.secret.x"}`,
		"profiles/broken.json":   `{"token":"eyJ.secret.x`,
		"profiles/bad name.json": `{}`,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, current, err := profile.FromSi(dir)
	if err != nil || current != "plant" {
		t.Fatalf("%q, %v", current, err)
	}
	taken := map[string]profile.Profile{}
	for _, one := range list {
		if one.Skipped == "" {
			taken[one.Name] = one.Profile
		}
		if strings.Contains(one.Skipped+one.Note+one.Profile.TokenFile, "secret") {
			t.Errorf("%s shows its token: %+v", one.Name, one)
		}
	}
	want := map[string]profile.Profile{"default": {URL: "http://127.0.0.1:8000/api/v1"}, "plant": {URL: "http://10.0.0.7:8000/api/v1", Output: "json"},
		"space": {URL: "https://space:8443/api/v1"}}
	if len(list) != 6 || !reflect.DeepEqual(taken, want) {
		t.Errorf("%+v", list)
	}
	if _, _, err := profile.FromSi(t.TempDir()); waverider.KindOf(err) != waverider.NotFound {
		t.Errorf("none: %v", err)
	}
}
