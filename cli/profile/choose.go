package profile

import (
	"waverider"
)

// Given is what one place says: the flags of a command, or its environment.
type Given struct {
	Profile string // name of one
	Values  Profile
}

// Source is where a value has come from.
type Source string

const (
	FromDefault Source = "default"
	FromFlags   Source = "flag"
	FromEnv     Source = "environment"
	FromProfile Source = "profile"
)

// Chosen is what a command uses. Values that nobody gave are empty.
type Chosen struct {
	Profile string // the name of the one that counted; empty: none
	Values  Profile
	Sources Profile // of each value, a Source
}

// Choose takes each value from the strongest place that has it: flags, then
// the profile they name, then the environment, then the profile that it names or
// that is current. What was given together with a URL is for that Hub or Space
// alone: when a stronger place names another one, its token is not sent there, its
// Hubs are not sought there, and its authorities do not vouch for it.
func Choose(flags, env Given, f File) (Chosen, error) {
	name := f.Current
	for _, given := range []string{env.Profile, flags.Profile} {
		if given != "" {
			name = given
		}
	}
	mine, known := f.Profiles[name]
	if name != "" && !known {
		return Chosen{}, waverider.Errorf(waverider.NotFound, "there is no profile %s", name)
	}
	places := []place{{FromFlags, flags.Values}, {FromEnv, env.Values}, {FromProfile, mine}}
	if flags.Profile != "" {
		places[1], places[2] = places[2], places[1]
	}
	c := Chosen{Profile: name}
	for _, key := range []string{"url", "output"} {
		c.take(key, places)
	}
	named := Source(c.Sources.URL)
	c.take("token-file", keepApart(places, named))
	with := keepTogether(places, named)
	c.take("hub", with)
	c.take("ca", with)
	return c, nil
}

type place struct {
	source Source
	values Profile
}

// take sets a value to that of the first place that has one.
func (c *Chosen) take(key string, places []place) {
	*c.Sources.Field(key) = string(FromDefault)
	for _, p := range places {
		if value := *p.values.Field(key); value != "" {
			*c.Values.Field(key), *c.Sources.Field(key) = value, string(p.source)
			return
		}
	}
}

// keepTogether takes away what was given beside a URL that does not count.
func keepTogether(places []place, named Source) (kept []place) {
	weaker := false
	for _, p := range places {
		elsewhere := weaker && (p.values.URL != "" || p.source == FromProfile)
		if !elsewhere {
			kept = append(kept, p)
		}
		weaker = weaker || p.source == named
	}
	return kept
}

// keepApart takes token files away that are for another Hub than the one of
// the place that has named it. The token of the environment goes with a URL of the
// flags: they say which Hub once, it says which token always.
func keepApart(places []place, named Source) []place {
	var kept []place
	for _, p := range places {
		elsewhere := false
		switch p.source {
		case FromProfile:
			elsewhere = named != FromProfile && named != FromDefault
		case FromEnv:
			elsewhere = named == FromProfile && p.values.URL != ""
		}
		if !elsewhere {
			kept = append(kept, p)
		}
	}
	return kept
}
