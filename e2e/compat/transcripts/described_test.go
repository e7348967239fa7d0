package transcripts

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// description is the OpenAPI document of the Hub, to hold its answers to. An
// object of an answer may have no field that the document does not name.
type description struct {
	doc     map[string]any
	schemas *jsonschema.Compiler
	seen    map[string]bool // "getVersion 200"
	used    map[string]bool // "readOutput query offset"
	fields  map[string]bool // ways to the fields that answers had
	errors  int             // answers of the form of Error
}

const documentURL = "openapi.json"

// describe asks the Hub at base for its description.
func describe(t *testing.T, base string) *description {
	t.Helper()
	resp, err := http.Get(base + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	doc, err := jsonschema.UnmarshalJSON(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	d := &description{doc: doc.(map[string]any), schemas: jsonschema.NewCompiler(), seen: map[string]bool{}, used: map[string]bool{}, fields: map[string]bool{}}
	closeObjects(d.doc)
	d.schemas.AssertFormat()
	if err := d.schemas.AddResource(documentURL, d.doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// closeObjects makes each object schema that names fields name them all.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, open := v["additionalProperties"]; v["type"] == "object" && v["properties"] != nil && !open {
			v["additionalProperties"] = false
		}
		for _, item := range v {
			closeObjects(item)
		}
	case []any:
		for _, item := range v {
			closeObjects(item)
		}
	}
}

// place is a part of the document: the value and the way to it.
type place struct {
	value any
	at    []string
}

// in goes on to a part, and to where it refers.
func (d *description) in(p place, names ...string) place {
	for _, name := range names {
		object, _ := p.value.(map[string]any)
		p = place{object[name], append(slices.Clone(p.at), name)}
		object, _ = p.value.(map[string]any)
		if ref, ok := object["$ref"].(string); ok && len(object) == 1 {
			p = d.in(place{d.doc, nil}, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return p
}

func (p place) text(name string) string {
	object, _ := p.value.(map[string]any)
	text, _ := object[name].(string)
	return text
}

// schema compiles a part of the document.
func (d *description) schema(t *testing.T, p place) *jsonschema.Schema {
	t.Helper()
	escaped := make([]string, len(p.at))
	for i, name := range p.at {
		escaped[i] = strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "{", "%7B", "}", "%7D").Replace(name)
	}
	s, err := d.schemas.Compile(documentURL + "#/" + strings.Join(escaped, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// operation finds what of the document answers a request.
func (d *description) operation(method, path string) (place, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	paths := d.in(place{d.doc, nil}, "paths")
	for pattern := range paths.value.(map[string]any) {
		want := strings.Split(strings.Trim(pattern, "/"), "/")
		parts := parts
		if last := len(want) - 1; want[last] == "{rest}" && len(parts) > last { // with all its slashes, which OpenAPI has no way to say
			parts = parts[:last+1]
		}
		fits := slices.EqualFunc(want, parts, func(want, got string) bool {
			return strings.HasPrefix(want, "{") && got != "" || strings.EqualFold(want, got)
		})
		if op := d.in(paths, pattern, strings.ToLower(method)); fits && op.value != nil {
			return op, true
		}
	}
	return place{}, false
}

// ofAll are the errors that any operation may answer.
var ofAll = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, http.StatusServiceUnavailable}

// check holds an answer to the document.
func (d *description) check(t *testing.T, resp *http.Response, body string, whole bool) {
	t.Helper()
	op, found := d.operation(resp.Request.Method, resp.Request.URL.Path)
	if !found { // no such route
		d.checkError(t, resp, body)
		return
	}
	status := strconv.Itoa(resp.StatusCode)
	answer := d.in(op, "responses", status)
	if answer.value == nil && slices.Contains(ofAll, resp.StatusCode) {
		answer = d.in(op, "responses", "default")
	}
	if answer.value == nil {
		t.Errorf("%s answers %s, which is not described", op.text("operationId"), status)
		return
	}
	d.seen[op.text("operationId")+" "+status] = true
	for name := range resp.Header {
		if strings.HasPrefix(name, "Waverider-") && d.in(answer, "headers", name).value == nil {
			t.Errorf("header %s of %s is not described", name, op.text("operationId"))
		}
	}
	if resp.Request.Method == http.MethodHead {
		return
	}
	if resp.StatusCode >= 400 {
		d.errors++
	}
	d.checkBody(t, answer, resp.Header.Get("Content-Type"), body, whole)
	line := d.in(answer, "content", "application/x-ndjson", "x-line-envelope")
	if line.value != nil && resp.Request.URL.Query().Get("envelope") == "true" {
		d.checkLines(t, line, body)
	}
}

func (d *description) checkBody(t *testing.T, answer place, contentType, body string, whole bool) {
	t.Helper()
	if d.in(answer, "content").value == nil {
		if body != "" || contentType != "" {
			t.Errorf("body %q of type %q where none is described", body, contentType)
		}
		return
	}
	kind, _, _ := mime.ParseMediaType(contentType)
	content := d.in(answer, "content", kind)
	if content.value == nil {
		t.Errorf("type %q is not described", contentType)
		return
	}
	if line := d.in(content, "x-line"); line.value != nil {
		d.checkLines(t, line, body)
	}
	if schema := d.in(content, "schema"); schema.value != nil && whole {
		var v any = body
		if kind == asJSON {
			v = parsed(t, strings.NewReader(body))
			d.note(schema, v)
		}
		if err := d.schema(t, schema).Validate(v); err != nil {
			t.Errorf("%s is not as described: %v", body, err)
		}
	}
}

func parsed(t *testing.T, text io.Reader) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		t.Errorf("no JSON: %v", err)
	}
	return v
}

// checkLines looks at the lines of a stream that are whole.
func (d *description) checkLines(t *testing.T, p place, body string) {
	t.Helper()
	schema := d.schema(t, p)
	for line := range bytes.Lines([]byte(body)) {
		if !bytes.HasSuffix(line, []byte("\n")) || !json.Valid(line) && schema.Bool != nil {
			continue // cut by who read it; or a Topic's own business
		}
		v := parsed(t, bytes.NewReader(line))
		d.note(p, v)
		if err := schema.Validate(v); err != nil {
			t.Errorf("line %s is not as described: %v", line, err)
		}
	}
}

// checkError holds an answer of no operation to the form of an error.
func (d *description) checkError(t *testing.T, resp *http.Response, body string) {
	t.Helper()
	if resp.StatusCode < 400 {
		t.Errorf("%s %s is not described", resp.Request.Method, resp.Request.URL.Path)
		return
	}
	if resp.Request.Method != http.MethodHead {
		d.checkBody(t, d.in(place{d.doc, nil}, "components", "responses", "Error"), resp.Header.Get("Content-Type"), body, true)
	}
}

// complete tells which answers of success nobody has seen, with which of their
// fields, and which parameters nobody has used.
func (d *description) complete(t *testing.T) {
	t.Helper()
	seen, done := 0, map[string]bool{}
	for pattern, item := range d.in(place{d.doc, nil}, "paths").value.(map[string]any) {
		for method := range item.(map[string]any) {
			op := d.in(place{d.doc, nil}, "paths", pattern, method)
			if method != "parameters" {
				d.wantParameters(t, op)
			}
			answers, _ := d.in(op, "responses").value.(map[string]any)
			for status := range answers {
				if !strings.HasPrefix(status, "2") {
					continue
				}
				kinds, _ := d.in(op, "responses", status, "content").value.(map[string]any)
				for kind := range kinds {
					d.wantFields(t, d.in(op, "responses", status, "content", kind, "schema"), done)
					d.wantFields(t, d.in(op, "responses", status, "content", kind, "x-line"), done)
					d.wantFields(t, d.in(op, "responses", status, "content", kind, "x-line-envelope"), done)
				}
				if seen++; !d.seen[op.text("operationId")+" "+status] {
					t.Errorf("nothing here has had %s of %s %s", status, strings.ToUpper(method), pattern)
				}
			}
		}
	}
	t.Logf("%d answers of success are described, and seen as they are described; %d errors too", seen, d.errors)
}

// examples holds the examples of the document to their schemas.
func (d *description) examples(t *testing.T, p place) {
	t.Helper()
	object, ok := p.value.(map[string]any)
	if !ok {
		return
	}
	if example, there := object["example"]; there && object["schema"] != nil {
		if err := d.schema(t, place{object["schema"], append(slices.Clone(p.at), "schema")}).Validate(example); err != nil {
			t.Errorf("the example of %v: %v", p.at, err)
		}
	}
	for name, item := range object {
		d.examples(t, place{item, append(slices.Clone(p.at), name)})
	}
}
