package hub_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"waverider/wire"
)

// description is what of the OpenAPI document is looked at here.
type description struct {
	OpenAPI string
	Paths   map[string]map[string]json.RawMessage
}

type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Tags        []string
	Rule        string `json:"x-rule"`
	Security    []map[string][]string
	Parameters  []struct {
		Ref string `json:"$ref"`
	}
	Responses map[string]json.RawMessage
}

func (s *site) description() (d description) {
	s.t.Helper()
	s.get("/openapi.json").into(s.t, &d)
	return d
}

func TestDescriptionHasEveryRoute(t *testing.T) {
	s := newSite(t)
	d := s.description()
	if d.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", d.OpenAPI)
	}
	mux := wire.NewMux(slog.New(slog.DiscardHandler))
	s.hub.Routes(mux)
	var routes, described []string
	for _, r := range mux.Routes() {
		routes = append(routes, r.Method+" "+strings.ReplaceAll(r.Pattern, "...}", "}")+" "+r.Rule.String()) // OpenAPI has no such parameters
	}
	ids := map[string]bool{}
	for path, item := range d.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			var op operation
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Errorf("%s %s: %v", method, path, err)
			}
			described = append(described, strings.ToUpper(method)+" "+path+" "+op.Rule)
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || len(op.Tags) != 1 || op.Responses["default"] == nil {
				t.Errorf("%s %s: wants an operationId of its own, a summary, one tag and a default answer", method, path)
			}
			ids[op.OperationID] = true
			if (op.Rule == "public") != (len(op.Security) == 0) {
				t.Errorf("%s %s: rule %s, security %v", method, path, op.Rule, op.Security)
			}
		}
	}
	slices.Sort(routes)
	slices.Sort(described)
	for _, r := range routes {
		if !slices.Contains(described, r) {
			t.Errorf("the description has no %s", r)
		}
	}
	for _, r := range described {
		if !slices.Contains(routes, r) {
			t.Errorf("the description has %s, which is no route", r)
		}
	}
}

// Every reference leads somewhere, and every part is used.
func TestDescriptionHangsTogether(t *testing.T) {
	s := newSite(t)
	text := s.get("/openapi.json").body
	var doc struct {
		Components map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"#/components/securitySchemes/bearer": true}
	for _, m := range regexp.MustCompile(`"\$ref":"(#/components/(\w+)/(\w+))"`).FindAllStringSubmatch(text, -1) {
		used[m[1]] = true
		if doc.Components[m[2]][m[3]] == nil {
			t.Errorf("%s is not there", m[1])
		}
	}
	for kind, parts := range doc.Components {
		for name := range parts {
			if ref := "#/components/" + kind + "/" + name; !used[ref] {
				t.Errorf("%s is not used", ref)
			}
		}
	}
	if strings.Contains(text, "x-errors") {
		t.Error("a short form was left in")
	}
	if empty := regexp.MustCompile(`"[^"]*":null`).FindString(text); empty != "" {
		t.Errorf("%s: words with a comma want quotes in YAML", empty)
	}
}

// It is public: a client can find out how to get in.
func TestDescriptionIsPublic(t *testing.T) {
	s := newSite(t)
	s.want(http.StatusUnsupportedMediaType, "GET", "/openapi.json", "", "Accept", "text/html")
	if s.want(http.StatusOK, "GET", "/openapi.json", "", "Accept", "application/json").body[0] != '{' {
		t.Error("no JSON")
	}
}
