package hub

import (
	"math/rand/v2"
	"testing"
	"time"

	"waverider"
)

func TestDecide(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	one := []time.Time{now}
	many := make([]time.Time, crashBudget)
	for i := range many {
		many[i] = now.Add(-time.Duration(i) * time.Second)
	}
	ahead := make([]time.Time, crashBudget) // of a clock that has been set back since
	for i := range ahead {
		ahead[i] = now.AddDate(20, 0, i)
	}
	for name, c := range map[string]struct {
		policy   waverider.RestartPolicy
		end      ended
		failures []time.Time
		want     verdict
	}{
		"never stays down":                    {waverider.RestartNever, ended{failed: true}, one, verdict{}},
		"unset is never":                      {"", ended{failed: true}, one, verdict{}},
		"on-failure restarts a failure":       {waverider.RestartOnFailure, ended{failed: true}, one, verdict{restart: true, after: backoffFirst}},
		"on-failure leaves success":           {waverider.RestartOnFailure, ended{}, nil, verdict{}},
		"always restarts success":             {waverider.RestartAlways, ended{}, nil, verdict{restart: true, after: backoffFirst}},
		"a wish wins":                         {waverider.RestartAlways, ended{failed: true, wished: true}, one, verdict{}},
		"a removed one stays away":            {waverider.RestartAlways, ended{removed: true}, nil, verdict{}},
		"what the Hub ended begins anew":      {waverider.RestartNever, ended{failed: true, again: true}, nil, verdict{restart: true}},
		"but not against a wish":              {waverider.RestartNever, ended{failed: true, again: true, wished: true}, nil, verdict{}},
		"what cannot load is not tried again": {waverider.RestartAlways, ended{failed: true, final: true}, one, verdict{}},
		"the budget ends it":                  {waverider.RestartAlways, ended{failed: true}, many, verdict{spent: true}},
		"those still to come don't count":     {waverider.RestartOnFailure, ended{failed: true}, append(ahead, now), verdict{restart: true, after: backoffFirst}},
		"old failures don't count":            {waverider.RestartOnFailure, ended{failed: true}, []time.Time{now.Add(-time.Hour), now}, verdict{restart: true, after: backoffFirst}},
	} {
		if got := decide(c.policy, c.end, c.failures, now); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// A program that always fails is tried a bounded number of times, ever slower.
func TestDecideIsBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		now, failures, tries, last := time.Unix(0, 0), []time.Time(nil), 0, time.Duration(0)
		for {
			now = now.Add(time.Duration(rng.IntN(1000)) * time.Millisecond)
			failures = remember(failures, now)
			v := decide(waverider.RestartAlways, ended{failed: true}, failures, now)
			if !v.restart {
				if !v.spent {
					t.Fatal("gave up without saying why")
				}
				break
			}
			if v.after < last {
				t.Fatalf("delay fell from %v to %v", last, v.after)
			}
			last, now, tries = v.after, now.Add(v.after), tries+1
			if tries > 1000 {
				t.Fatal("never gives up")
			}
		}
	}
}
