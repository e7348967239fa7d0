package transcripts

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// rarelySeen are fields of answers that nothing here brings about.
var rarelySeen = []string{
	"Status.name",              // the Hub has none
	"Instance.sandbox.missing", // depends on the machine
	"AuditRecord.limits",       // of heartbeats, which who does not follow never sees
	"Ack.error", "Ack.kind",    // of a body that is cut
	"TopicInfo.damage", "Envelope.missed",
}

// note writes down which fields of a schema a value has.
func (d *description) note(p place, v any) {
	p = d.resolved(p)
	object, _ := p.value.(map[string]any)
	switch v := v.(type) {
	case map[string]any:
		fields, _ := object["properties"].(map[string]any)
		for name, item := range v {
			if _, described := fields[name]; described {
				field := d.below(p, "properties", name)
				d.fields[strings.Join(field.at, "/")] = true
				d.note(field, item)
			}
		}
	case []any:
		for _, item := range v {
			if object["items"] != nil {
				d.note(d.below(p, "items"), item)
			}
		}
	}
}

// below goes on to a part, and not to where it refers.
func (d *description) below(p place, names ...string) place {
	for _, name := range names {
		object, _ := p.value.(map[string]any)
		p = place{object[name], append(slices.Clone(p.at), name)}
	}
	return p
}

// resolved is where a schema refers, with or without words of its own beside.
func (d *description) resolved(p place) place {
	if ref := p.text("$ref"); ref != "" {
		return d.resolved(d.below(place{d.doc, nil}, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
	}
	return p
}

// wantFields tells which fields of a schema no answer had.
func (d *description) wantFields(t *testing.T, p place, done map[string]bool) {
	t.Helper()
	p = d.resolved(p)
	object, _ := p.value.(map[string]any)
	at := strings.Join(p.at, "/")
	if object == nil || done[at] {
		return
	}
	done[at] = true
	fields, _ := object["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		field := d.below(p, "properties", name)
		path := strings.Join(field.at, "/")
		rare := slices.Contains(rarelySeen, strings.TrimPrefix(strings.ReplaceAll(path, "/properties/", "."), "components/schemas/"))
		if !d.fields[path] && !rare {
			t.Errorf("no answer had %s", path)
		}
		if !rare {
			d.wantFields(t, field, done)
		}
	}
	if object["items"] != nil {
		d.wantFields(t, d.below(p, "items"), done)
	}
}

// wantParameters tells which parameters of an operation no request had.
func (d *description) wantParameters(t *testing.T, op place) {
	t.Helper()
	for _, p := range d.parameters(op) {
		in, name := p.text("in"), p.text("name")
		use := op.text("operationId") + " " + in + " " + strings.ToLower(name)
		if in != "path" && !d.used[use] {
			t.Errorf("no request had parameter %s", use)
		}
	}
}

// parameters are those of an operation and of its path.
func (d *description) parameters(op place) (all []place) {
	for _, of := range []place{op, d.below(place{d.doc, nil}, op.at[:2]...)} {
		list, _ := d.below(of, "parameters").value.([]any)
		for _, p := range list {
			all = append(all, d.resolved(place{p, nil}))
		}
	}
	return all
}

// checkRequest holds what was taken notice of in a request to the parameters
// of its operation.
func (d *description) checkRequest(t *testing.T, r *http.Request) {
	t.Helper()
	op, found := d.operation(r.Method, r.URL.Path)
	if !found {
		return
	}
	id := op.text("operationId")
	known := map[string]bool{}
	for _, p := range d.parameters(op) {
		known[p.text("in")+" "+strings.ToLower(p.text("name"))] = true
	}
	for name := range r.URL.Query() {
		if d.used[id+" query "+name] = true; !known["query "+name] {
			t.Errorf("parameter %s of %s is not described", name, id)
		}
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		d.used[id+" header "+name] = true
		if (strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "waverider-")) && !known["header "+name] {
			t.Errorf("header %s of %s is not described", name, id)
		}
	}
}
