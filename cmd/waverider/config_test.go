package main

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		words string
		want  string // "" is fine
	}{
		"defaults":                    {"", ""},
		"IPv6 loopback":               {"--listen [::1]:8000", ""},
		"localhost":                   {"--listen localhost:0", ""},
		"no port":                     {"--listen 127.0.0.1", "want HOST:PORT"},
		"a URL":                       {"--listen http://127.0.0.1:8000", "want HOST:PORT"},
		"all addresses":               {"--listen :8000", "--tls-cert FILE --tls-key FILE, or --insecure"},
		"all addresses, no token":     {"--listen 0.0.0.0:8000 --insecure", "add --token-file FILE"},
		"all addresses, token":        {"--listen 0.0.0.0:8000 --token-file t", "--insecure"},
		"all addresses, safe":         {"--listen 0.0.0.0:8000 --token-file t --tls-cert c --tls-key k", ""},
		"all addresses, open":         {"--listen 0.0.0.0:8000 --insecure --no-token", ""},
		"a name":                      {"--listen hub.example:8000 --insecure", "add --token-file FILE"},
		"half of TLS":                 {"--tls-cert c", "both --tls-cert and --tls-key"},
		"token and none":              {"--no-token --token-file t", "exclude each other"},
		"cors":                        {"--cors https://a.example", ""},
		"cors, a page":                {"--cors https://a.example/page", "want an origin"},
		"cors, a name":                {"--cors a.example", "want an origin"},
		"cors, every page":            {"--cors *", "every web page"},
		"cors, every page with token": {"--cors * --token-file t", ""},
		"level":                       {"--log-level loud", "log-level"},
		"format":                      {"--log-format xml", "log-format"},
		"policy":                      {"--restart-policy maybe", "restart-policy"},
		"id":                          {"--id a/b", `id "a/b"`},
		"lifetime":                    {"--instance-lifetime 0s", "instance-lifetime"},
	} {
		cfg, _, err := read(t, strings.Fields(c.words), nil, "", "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		err = cfg.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestUnsafeChoicesAreSaidAtEachStart(t *testing.T) {
	for words, want := range map[string]int{
		"": 0, "--token-file t --host hub.example": 0, "--host hub.example": 1,
		"--listen :8000 --insecure --no-token": 2, "--listen :8000 --token-file t --tls-cert c --tls-key k": 0,
		"--cors * --token-file t": 1,
	} {
		c, _, err := read(t, strings.Fields(words), nil, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if got := c.warnings(); len(got) != want {
			t.Errorf("%q: %q", words, got)
		}
	}
}

func TestAnAddressThatIsNoneIsTheOnlyErrorOfIt(t *testing.T) {
	c, _, err := read(t, strings.Fields("--listen 127.0.0.1"), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if text := c.Validate().Error(); strings.Contains(text, "--token-file") {
		t.Error(text)
	}
}

func TestEveryErrorOfAConfigurationIsTold(t *testing.T) {
	c, _, err := read(t, strings.Fields("--listen :1 --log-level loud --tls-cert c"), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	text := c.Validate().Error()
	for _, want := range []string{"--token-file", "log-level", "--tls-key"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
