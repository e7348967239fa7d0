package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"waverider"
)

// Imported is what became of one profile of si.
type Imported struct {
	Name    string
	Profile Profile
	Skipped string // why it was not taken; empty: it was
	Note    string // what of it was not
}

// FromSi reads the profiles that si keeps in a folder, and which of them is
// current there. Tokens, which are for Spaces, are left where they are.
func FromSi(dir string) (list []Imported, current string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "profiles", "*.json"))
	if err != nil {
		return nil, "", fmt.Errorf("find profiles of si: %w", err)
	}
	if len(files) == 0 {
		return nil, "", waverider.Errorf(waverider.NotFound, "%s has no profiles of si", dir)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		one, err := fromSi(name, file)
		if err != nil {
			return nil, "", err
		}
		list = append(list, one)
	}
	data, err := os.ReadFile(filepath.Join(dir, "si-config.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("read settings of si: %w", err)
	}
	var settings struct{ Profile string }
	_ = json.Unmarshal(data, &settings) // si, too, goes on without
	return list, settings.Profile, nil
}

func fromSi(name, file string) (Imported, error) {
	one := Imported{Name: name}
	if err := CheckName(name); err != nil {
		one.Skipped = err.Error()
		return one, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return one, fmt.Errorf("read profile of si: %w", err)
	}
	var theirs struct {
		APIURL        string `json:"apiUrl"`
		MiddlewareURL string `json:"middlewareApiUrl"`
		Env           string
		Token         string
		Log           struct{ Format string }
	}
	if err := json.Unmarshal(data, &theirs); err != nil {
		one.Skipped = file + " is not JSON" // the error might show a part of a token
		return one, nil
	}
	if theirs.Env == "production" {
		if one.Profile.URL = theirs.MiddlewareURL; one.Profile.URL == "" {
			one.Skipped = "it names a Space, and not where that is"
			return one, nil
		}
	} else {
		one.Profile.URL = theirs.APIURL
	}
	if theirs.Log.Format == "json" {
		one.Profile.Output = "json"
	}
	if theirs.Token != "" {
		one.Note = "its token is for a Space and was left there: put it in a file and say waverider --profile " + name + " profile set token-file=FILE"
	}
	return one, nil
}
