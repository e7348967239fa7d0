package space_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"waverider/link"
	"waverider/space/openapi"
)

// description is what of the OpenAPI document is looked at here.
type description struct {
	OpenAPI    string
	Paths      map[string]map[string]json.RawMessage
	Components map[string]map[string]json.RawMessage
}

type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Tags        []string
	Rule        string `json:"x-rule"`
	Security    []map[string][]string
	Responses   map[string]json.RawMessage
}

func describe(t *testing.T) (d description) {
	t.Helper()
	text, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// otherBase is where the API is for Scramjet's clients.
var otherBase = regexp.MustCompile(`^/api/v1/(space|cpm)/\{space\}`)

// routes are those of the Space, each once, as "GET /api/v1/list member".
func (s *site) routes() []string {
	var list []string
	others := map[string]int{}
	for _, r := range s.mux.Routes() {
		if rest := otherBase.ReplaceAllString(r.Pattern, ""); rest != r.Pattern {
			others[r.Method+" "+rest]++
			continue
		}
		list = append(list, r.Method+" "+strings.ReplaceAll(r.Pattern, "...}", "}")+" "+r.Rule.String())
	}
	alone := []string{"/api/v1/link", "/api/v1/spaces", "/metrics", "/healthz"}
	for _, r := range s.mux.Routes() {
		if !otherBase.MatchString(r.Pattern) && others[r.Method+" "+r.Pattern] != 2 && !slices.Contains(alone, r.Pattern) {
			s.t.Errorf("%s %s is not below the other bases, where Scramjet's clients look", r.Method, r.Pattern)
		}
	}
	slices.Sort(list)
	return list
}

func agree(t *testing.T, what string, described, real []string) {
	t.Helper()
	for _, name := range real {
		if !slices.Contains(described, name) {
			t.Errorf("%s has no %s", what, name)
		}
	}
	for _, name := range described {
		if !slices.Contains(real, name) {
			t.Errorf("%s has %s, which is not there", what, name)
		}
	}
}

func TestDescriptionHasEveryRoute(t *testing.T) {
	s := newSite(t)
	d := describe(t)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", d.OpenAPI)
	}
	var described []string
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
	agree(t, "the description", described, s.routes())
}

// TestRoutesAreDocumented holds the table of docs/space.md to the routes; those of
// Topics are in docs/api.md.
func TestRoutesAreDocumented(t *testing.T) {
	s := newSite(t)
	text, err := os.ReadFile("../docs/space.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z, ]+) (/[^`]*)` \\| (\\w+) \\|").FindAllStringSubmatch(string(text), -1) {
		for method := range strings.SplitSeq(m[1], ", ") {
			path := "/api/v1" + m[2]
			if m[2] == "/metrics" || m[2] == "/healthz" {
				path = m[2]
			}
			documented = append(documented, method+" "+path+" "+m[3])
		}
	}
	var own []string
	for _, r := range s.routes() {
		if !strings.Contains(r, " /api/v1/topic") {
			own = append(own, strings.NewReplacer("{hub}", "HUB", "{id}", "ID", "{rest}", "…").Replace(r))
		}
	}
	agree(t, "docs/space.md", documented, own)
}

// Every reference leads somewhere, and every part is used.
func TestDescriptionHangsTogether(t *testing.T) {
	text, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	d := describe(t)
	used := map[string]bool{"#/components/securitySchemes/bearer": true}
	for _, m := range regexp.MustCompile(`"\$ref":"(#/components/(\w+)/(\w+))"`).FindAllStringSubmatch(string(text), -1) {
		used[m[1]] = true
		if d.Components[m[2]][m[3]] == nil {
			t.Errorf("%s is not there", m[1])
		}
	}
	for kind, parts := range d.Components {
		for name := range parts {
			if ref := "#/components/" + kind + "/" + name; !used[ref] {
				t.Errorf("%s is not used", ref)
			}
		}
	}
	if strings.Contains(string(text), "x-errors") {
		t.Error("a short form was left in")
	}
}

// fields holds an answer to the schema of its kind: what is in it is described,
// what is required is in it.
func (d description) fields(t *testing.T, kind string, answer map[string]any) {
	t.Helper()
	var schema struct {
		Required   []string
		Properties map[string]json.RawMessage
	}
	if err := json.Unmarshal(d.Components["schemas"][kind], &schema); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	for name := range answer {
		if schema.Properties[name] == nil {
			t.Errorf("%s: %s is not described", kind, name)
		}
	}
	for _, name := range schema.Required {
		if _, ok := answer[name]; !ok {
			t.Errorf("%s: there is no %s", kind, name)
		}
	}
}

func TestDescriptionHasTheFieldsOfAnswers(t *testing.T) {
	s := newSite(t)
	d := describe(t)
	var made map[string]any
	s.want(http.StatusCreated, "POST", "/api/v1/tokens", s.admin, `{"name":"n","labels":{"a":"b"},"domain":"d"}`, &made)
	d.fields(t, "Token", made)
	hub, here := s.join(`{"name":"edge","labels":{"a":"b"},"domain":"d"}`, nil)
	if err := here.Send(link.MessageReads, link.Reads{Topics: []string{"t"}}); err != nil {
		t.Fatal(err)
	}
	s.heard(here, hub)
	copied := *hub
	copied.ticket = ""
	if _, err := s.dial(&copied, ""); err == nil {
		t.Fatal("a copy was let in")
	}
	var list []map[string]any
	s.want(http.StatusOK, "GET", "/api/v1/hubs", s.admin, "", &list)
	if len(list) != 1 || list[0]["clone"] == nil || list[0]["reads"] == nil {
		t.Fatal(list)
	}
	d.fields(t, "Hub", list[0])
	var tokens []map[string]any
	s.want(http.StatusOK, "GET", "/api/v1/tokens", s.admin, "", &tokens)
	for _, token := range tokens {
		d.fields(t, "Token", token)
	}
	var version map[string]any
	s.want(http.StatusOK, "GET", "/api/v1/version", "", "", &version)
	d.fields(t, "Version", version)
	for line := range strings.Lines(s.audit()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		d.fields(t, "AuditRecord", record)
	}
}

// It is public: a client can find out how to get in.
func TestDescriptionIsPublic(t *testing.T) {
	s := newSite(t)
	resp := s.do("GET", "/api/v1/openapi.json", "", nil)
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || text[0] != '{' {
		t.Errorf("%s %v", resp.Status, err)
	}
}
