package transcripts

import "testing"

func TestFits(t *testing.T) {
	const uuid = "904a5d6a-fda9-4e08-9755-9be0da7a4991"
	for shape, cases := range map[string]map[string]bool{
		`{"a":1}`:            {`{"a":1}`: true, `{"a":1,"b":2}`: true, `{"a":2}`: false, `{}`: false, `[]`: false, `{"a":"1"}`: false},
		`{"a":"<absent>"}`:   {`{}`: true, `{"a":null}`: false},
		`{"a":"<number>"}`:   {`{"a":0.5}`: true, `{"a":"5"}`: false},
		`["<uuid>"]`:         {`["` + uuid + `"]`: true, `[]`: false, `["x"]`: false, `["` + uuid + `","x"]`: false},
		`[]`:                 {`[]`: true, `[1]`: false, `{}`: false},
		`"<a.c>"`:            {`"abc"`: true, `"abcd"`: false, `1`: false},
		`"<time>"`:           {`"2026-11-22T20:03:09.123Z"`: true, `"2026-11-22"`: false},
		`{"a":{"b":[true]}}`: {`{"a":{"b":[true,true]}}`: true, `{"a":{"b":[true,false]}}`: false},
	} {
		for got, want := range cases {
			if err := fitsJSON(shape, got); (err == nil) != want {
				t.Errorf("%s against %s: %v", got, shape, err)
			}
		}
	}
}
