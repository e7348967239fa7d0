package waverider_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"waverider"
)

func TestTopicNamesThatAreRefused(t *testing.T) {
	for _, name := range []string{"", ".", "a..b", ".a", "a.", "a b", "a/b", "a=b", "a*", "a>", "ä", "a\x00", "a\n", strings.Repeat("x", 201)} {
		_, err := waverider.ParseTopicName(name)
		if waverider.KindOf(err) != waverider.Invalid || !strings.HasPrefix(err.Error(), "Topic id incorrect format") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTopicTokensTurnBackIntoNames(t *testing.T) {
	for name, want := range map[string]string{
		"a": "a", "Names_1-2": "Names_1-2", "a.dead": "a=2Edead", "a+b": "a=2Bb", `a\b`: "a=5Cb",
		strings.Repeat("+", 200): strings.Repeat("=2B", 200),
	} {
		n, err := waverider.ParseTopicName(name)
		if err != nil {
			t.Fatal(err)
		}
		if token := n.Token(); token != want {
			t.Errorf("%q has token %q, want %q", name, token, want)
		}
		if back, err := waverider.TopicFromToken(want); err != nil || back != n {
			t.Errorf("token %q is of %q, %v", want, back, err)
		}
	}
	for _, token := range []string{"", "a.b", "a+b", "=41", "a=2edead", "=2", "a=", "=GG", "=2Ea", "a=2E=2Eb"} {
		if n, err := waverider.TopicFromToken(token); waverider.KindOf(err) != waverider.Invalid {
			t.Errorf("%q is the token of %q, %v", token, n, err)
		}
	}
}

func TestScopeOfATopic(t *testing.T) {
	cfg := waverider.TopicConfig{Name: "p", ContentType: waverider.TypeNDJSON}
	if got := cfg.WithDefaults().Scope; got != waverider.ScopeHub {
		t.Errorf("without a word the scope is %q", got)
	}
	for _, c := range []struct {
		scope waverider.Scope
		in    waverider.Durability
		words string
	}{
		{"", waverider.DurabilityMemory, ""},
		{waverider.ScopeHub, waverider.DurabilityMemory, ""},
		{waverider.ScopeSpace, waverider.DurabilitySync, ""},
		{waverider.ScopeSpace, "", ""},
		{waverider.ScopeSpace, waverider.DurabilityMemory, "scope: want hub where the durability is memory"},
		{"moon", "", `scope: want hub or space, not "moon"`},
	} {
		cfg.Scope, cfg.Durability = c.scope, c.in
		err := cfg.Validate()
		if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("scope %q in %q: %v, want %q", c.scope, c.in, err, c.words)
		}
	}
	if text, err := json.Marshal(cfg); err != nil || !strings.Contains(string(text), `"scope":"moon"`) {
		t.Errorf("as JSON: %s %v", text, err)
	}
}

func FuzzTopicToken(f *testing.F) {
	f.Add("a.dead")
	f.Add("a=2Edead")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := waverider.ParseTopicName(s); err == nil {
			if back, err := waverider.TopicFromToken(n.Token()); err != nil || back != n {
				t.Errorf("%q came back as %q, %v", n, back, err)
			}
		}
		if n, err := waverider.TopicFromToken(s); err == nil && n.Token() != s {
			t.Errorf("%q is not the token of %q", s, n)
		}
	})
}

func TestStreamTokensStayDifferentWithoutCase(t *testing.T) {
	long := strings.Repeat("x", 120)
	seen := map[string]string{}
	for _, name := range []string{"a", "A", "ab", "aB", "Ab", "AB", "a.b", "A.b", "a+b", "a-2eb", long, long + "y", long + "Y", strings.Repeat("+", 60), strings.Repeat("+", 61)} {
		n, err := waverider.ParseTopicName(name)
		if err != nil {
			t.Fatal(err)
		}
		token := n.StreamToken()
		if other, twice := seen[strings.ToLower(token)]; twice {
			t.Errorf("%q and %q are both %q", name, other, token)
		}
		seen[strings.ToLower(token)] = name
		if len(token) > 100 || strings.ContainsAny(token, `./\+*> `) {
			t.Errorf("%q has stream token %q", name, token)
		}
	}
	if seen["a"] != "a" || seen["a=2eb"] != "a.b" {
		t.Errorf("short names do not show in their stream tokens: %v", seen)
	}
}

func TestParseContentType(t *testing.T) {
	for in, want := range map[string]string{
		"application/x-ndjson": waverider.TypeNDJSON, "text/x-ndjson": waverider.TypeTextNDJSON, "Text/Plain; charset=utf-8": waverider.TypeText,
		" application/octet-stream ;x": waverider.TypeBytes,
	} {
		if got, err := waverider.ParseContentType(in); err != nil || got != want {
			t.Errorf("%q is %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "application/json", "text/plain,text/plain", "text"} {
		_, err := waverider.ParseContentType(in)
		if waverider.KindOf(err) != waverider.Unsupported || !strings.HasPrefix(err.Error(), "Unsupported content-type") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestTopicConfigNamesTheFieldThatCannotBe(t *testing.T) {
	for field, spoil := range map[string]func(*waverider.TopicConfig){
		"Topic id":                 func(c *waverider.TopicConfig) { c.Name = "a b" },
		"Unsupported content-type": func(c *waverider.TopicConfig) { c.ContentType = "" },
		"contentType":              func(c *waverider.TopicConfig) { c.ContentType = "text/plain; charset=utf-8" },
		"durability":               func(c *waverider.TopicConfig) { c.Durability = "sure" },
		"discard":                  func(c *waverider.TopicConfig) { c.Discard = "new" },
		"description":              func(c *waverider.TopicConfig) { c.Description = strings.Repeat("x", 1025) },
		"description: ":            func(c *waverider.TopicConfig) { c.Description = "two\nlines" },
		"owner":                    func(c *waverider.TopicConfig) { c.Owner = strings.Repeat("x", 257) },
		"owner: ":                  func(c *waverider.TopicConfig) { c.Owner = "\xff" },
		"maxBytes":                 func(c *waverider.TopicConfig) { c.MaxBytes = -1 },
		"maxAge":                   func(c *waverider.TopicConfig) { c.MaxAge = -1 },
		"maxRecord":                func(c *waverider.TopicConfig) { c.MaxRecord = 1<<20 + 1 },
	} {
		c := waverider.TopicConfig{Name: "a", ContentType: waverider.TypeText}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(&c)
		var e *waverider.Error
		if err := c.Validate(); !errors.As(err, &e) || !strings.HasPrefix(e.Message, field) || !strings.Contains(e.Message, "want ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestTopicConfigAsJSON(t *testing.T) {
	c := waverider.TopicConfig{
		Name: "a.b", ContentType: waverider.TypeText, Description: "d", Owner: "o", Durability: waverider.DurabilityAsync,
		Discard: waverider.DiscardOld, MaxBytes: 1, MaxAge: waverider.Age(36 * time.Hour), MaxRecord: 2,
	}
	const want = `{"name":"a.b","contentType":"text/plain","description":"d","owner":"o","durability":"async","discard":"old",` +
		`"maxBytes":1,"maxAge":"36h0m0s","maxRecord":2,"more":true}`
	type wider struct {
		waverider.TopicConfig
		More bool `json:"more"`
	}
	data, err := json.Marshal(wider{c, true})
	if err != nil || string(data) != want {
		t.Errorf("got %s, %v", data, err)
	}
	var back wider
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, wider{c, true}) {
		t.Errorf("got %+v, %v", back, err)
	}
	data, err = json.Marshal(waverider.TopicConfig{Name: "a", ContentType: waverider.TypeText})
	if err != nil || string(data) != `{"name":"a","contentType":"text/plain"}` {
		t.Errorf("got %s, %v", data, err)
	}
}

func TestTopicConfigWithDefaults(t *testing.T) {
	for _, c := range []struct{ given, want waverider.TopicConfig }{
		{waverider.TopicConfig{}, waverider.TopicConfig{Durability: "sync", Scope: "hub", MaxBytes: 1 << 30, MaxRecord: 1 << 20}},
		{waverider.TopicConfig{Durability: "memory"}, waverider.TopicConfig{Durability: "memory", Scope: "hub", MaxBytes: 16 << 20, MaxRecord: 1 << 20}},
		{waverider.TopicConfig{MaxBytes: 100}, waverider.TopicConfig{Durability: "sync", Scope: "hub", MaxBytes: 100, MaxRecord: 100}},
		{waverider.TopicConfig{MaxRecord: 7}, waverider.TopicConfig{Durability: "sync", Scope: "hub", MaxBytes: 1 << 30, MaxRecord: 7}},
	} {
		if got := c.given.WithDefaults(); got != c.want {
			t.Errorf("%+v became %+v", c.given, got)
		}
	}
}

func TestParseAge(t *testing.T) {
	for in, want := range map[string]time.Duration{"90s": 90 * time.Second, "7d": 7 * 24 * time.Hour, "0": 0, "1h30m": 90 * time.Minute} {
		if got, err := waverider.ParseAge(in); err != nil || time.Duration(got) != want {
			t.Errorf("%q is %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "d", "1.5d", "-1d", "3h5d", "99999999d", "7", "soon"} {
		if got, err := waverider.ParseAge(in); waverider.KindOf(err) != waverider.Invalid {
			t.Errorf("%q is %v, %v", in, got, err)
		}
	}
}

func TestNamesOfParkedTopics(t *testing.T) {
	for from, want := range map[string]waverider.TopicName{
		"edge": "a.b@edge", "my hub.": "a.b@my-hub.", "": "a.b@-", "a@b": "a.b@a-b", "ü": "a.b@--",
		strings.Repeat("x", 100): waverider.TopicName("a.b@" + strings.Repeat("x", 64)),
	} {
		n := waverider.TopicName("a.b").Parked(from)
		if n != want || !n.IsParked() {
			t.Errorf("from %q: %s, want %s", from, n, want)
		}
		if back, err := waverider.ParseTopicRef(string(n)); err != nil || back != n {
			t.Errorf("%s: %q, %v", n, back, err)
		}
		if back, err := waverider.TopicFromToken(n.Token()); err != nil || back != n {
			t.Errorf("%s by its token: %q, %v", n, back, err)
		}
		if _, err := waverider.ParseTopicName(string(n)); waverider.KindOf(err) != waverider.Invalid {
			t.Errorf("%s can be made: %v", n, err)
		}
	}
	for _, name := range []string{"@", "a@", "@a", "a@b@c", "a@b/c", "a..b@c", "a@b c", "a@" + strings.Repeat("x", 65)} {
		if n, err := waverider.ParseTopicRef(name); waverider.KindOf(err) != waverider.Invalid {
			t.Errorf("%q is %q, %v", name, n, err)
		}
	}
	if n, err := waverider.ParseTopicRef("a.b"); n != "a.b" || err != nil || n.IsParked() {
		t.Errorf("%q, %v", n, err)
	}
}
