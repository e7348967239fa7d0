// Package openapi holds what the descriptions of the REST APIs of a Hub and of a
// Space share, the routes of Topics among it, and makes OpenAPI 3.1 documents of
// such pieces. They are written in YAML and know nothing of the code that answers:
// tests hold the two together.
//
// A piece has paths and components. What would be said again in each operation is
// short there:
//
//	x-rule: read          who may call; gives `security` and the answers 401 and 403
//	x-errors: [404, 409]  answers of this operation that have the form of Error
//	x-scramjet: true      Scramjet has it too (kept in the document)
//	x-line: {$ref: …}     of a stream: what each line of it is (kept in the document)
//	x-line-envelope: …    the same with envelope=true
package openapi

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var shared embed.FS

// Document is the description, as JSON, that the YAML files of an API make
// together with what is shared.
func Document(files fs.FS) ([]byte, error) {
	doc, err := join(shared, files)
	if err != nil {
		return nil, err
	}
	for _, path := range section(doc, "paths") {
		for method, op := range path.(map[string]any) {
			if op, ok := op.(map[string]any); ok && method != "parameters" {
				complete(op)
			}
		}
	}
	return json.Marshal(doc)
}

// join puts the files together.
func join(from ...fs.FS) (map[string]any, error) {
	doc := map[string]any{}
	for _, files := range from {
		names, err := fs.Glob(files, "*.yaml")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				return nil, err
			}
			var piece map[string]any
			if err := yaml.Unmarshal(text, &piece); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			maps.Copy(section(doc, "paths"), section(piece, "paths"))
			for kind, parts := range section(piece, "components") {
				maps.Copy(section(section(doc, "components"), kind), parts.(map[string]any))
			}
			delete(piece, "paths")
			delete(piece, "components")
			maps.Copy(doc, piece)
		}
	}
	return plain(doc).(map[string]any), nil
}

// section is a map within a map, made when it is not there.
func section(of map[string]any, name string) map[string]any {
	if of[name] == nil {
		of[name] = map[string]any{}
	}
	return of[name].(map[string]any)
}

// plain makes the keys of YAML, numbers too, those of JSON.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			v[key] = plain(item)
		}
	case map[any]any:
		texts := make(map[string]any, len(v))
		for key, item := range v {
			texts[fmt.Sprint(key)] = plain(item)
		}
		return texts
	case []any:
		for i, item := range v {
			v[i] = plain(item)
		}
	}
	return v
}

// complete writes out what the short forms of an operation stand for.
func complete(op map[string]any) {
	answers := section(op, "responses")
	if list, ok := op["x-errors"].([]any); ok {
		for _, status := range list {
			answers[fmt.Sprint(status)] = reference("responses", "Error")
		}
		delete(op, "x-errors")
	}
	if op["x-rule"] == "public" {
		op["security"] = []any{}
	} else {
		op["security"] = []any{map[string]any{"bearer": []any{}}}
		answers["401"] = reference("responses", "Error")
	}
	answers["403"] = reference("responses", "Error") // foreign web pages and host names, too
	answers["default"] = reference("responses", "Error")
}

func reference(kind, name string) map[string]any {
	return map[string]any{"$ref": "#/components/" + kind + "/" + name}
}
