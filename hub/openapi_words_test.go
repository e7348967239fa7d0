package hub_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"waverider"
	"waverider/hub/openapi"
)

// schema is what of a schema is looked at here.
type schema struct {
	Enum       []string
	Properties map[string]schema
}

// UnmarshalJSON takes true, the schema of anything, too.
func (s *schema) UnmarshalJSON(text []byte) error {
	type plain schema
	if text[0] != '{' {
		return nil
	}
	return json.Unmarshal(text, (*plain)(s))
}

type parameter struct {
	Name, In string
}

// components are those of the OpenAPI document.
func components(t *testing.T) (c struct {
	Schemas    map[string]schema
	Parameters map[string]parameter
}) {
	t.Helper()
	text, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	doc := struct{ Components any }{&c}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// agree says which texts are on one side only.
func agree(t *testing.T, what string, described, real []string) {
	t.Helper()
	for _, name := range real {
		if !slices.Contains(described, name) {
			t.Errorf("%s: %s is not described", what, name)
		}
	}
	for _, name := range described {
		if !slices.Contains(real, name) {
			t.Errorf("%s: %s is described, and nowhere else", what, name)
		}
	}
}

func keys[V any](m map[string]V) (list []string) {
	for name := range m {
		list = append(list, name)
	}
	return list
}

func jsonFields(of any) (list []string) {
	for _, field := range reflect.VisibleFields(reflect.TypeOf(of)) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		list = append(list, name)
	}
	return list
}

func TestDescriptionHasTheFieldsOfRequests(t *testing.T) {
	schemas := components(t).Schemas
	agree(t, "StartRequest", keys(schemas["StartRequest"].Properties), jsonFields(waverider.StartRequest{}))
	agree(t, "Limits", keys(schemas["Limits"].Properties), jsonFields(waverider.Limits{}))
	topic := slices.DeleteFunc(jsonFields(waverider.TopicConfig{}), func(name string) bool { return name == "name" || name == "contentType" })
	agree(t, "TopicRequest", keys(schemas["TopicRequest"].Properties), append(topic, "id", "content-type"))
}

// words are the values of a type in the files of the root package.
func words(t *testing.T, name string) (list []string) {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(`(?m)^\s+\w+\s+` + name + `\s+= "([^"]+)"`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			list = append(list, m[1])
		}
	}
	return list
}

func TestDescriptionHasTheWordsOfTheHub(t *testing.T) {
	schemas := components(t).Schemas
	for _, c := range []struct{ of, field, words string }{
		{"Error", "kind", "Kind"},
		{"Instance", "status", "Status"},
		{"Instance", "restart", "RestartPolicy"},
		{"StartRequest", "restart", "RestartPolicy"},
		{"Instance", "ack", "Ack"},
		{"StartRequest", "ack", "Ack"},
		{"Topic", "durability", "Durability"},
		{"TopicRequest", "durability", "Durability"},
		{"Topic", "scope", "Scope"},
		{"TopicRequest", "scope", "Scope"},
		{"TopicChange", "scope", "Scope"},
	} {
		agree(t, c.of+"."+c.field, schemas[c.of].Properties[c.field].Enum, words(t, c.words))
	}
}

// Which parameters the handlers read is seen in their text.
func TestDescriptionHasTheParametersThatAreRead(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	topics, err := filepath.Glob("../topicapi/*.go")
	if err != nil || len(topics) == 0 {
		t.Fatal(topics, err)
	}
	files = append(files, topics...)
	real := map[string]bool{"header Waverider-Offset": true, "header Content-Type": true} // by names of wire
	read := regexp.MustCompile(`(?:\b(p|q)\.\w+|\.(Query\(\)|Header)\.(?:Get|Values))\("([\w-]+)"`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range read.FindAllStringSubmatch(string(text), -1) {
			in := "query "
			if m[2] == "Header" {
				in = "header "
			}
			if m[3] != "Accept" && m[3] != "Content-Type" { // which are no parameters
				real[in+m[3]] = true
			}
		}
	}
	described := map[string]bool{}
	add := func(p parameter) {
		if p.In == "query" || p.In == "header" {
			described[p.In+" "+p.Name] = true
		}
	}
	for _, p := range components(t).Parameters {
		add(p)
	}
	text, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, item := range doc.Paths {
		for method, raw := range item {
			var op struct{ Parameters []parameter }
			if method == "parameters" || json.Unmarshal(raw, &op) != nil {
				continue
			}
			for _, p := range op.Parameters {
				add(p)
			}
		}
	}
	agree(t, "parameters", keys(described), keys(real))
}
