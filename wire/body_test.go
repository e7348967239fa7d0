package wire_test

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"waverider"
	"waverider/wire"
)

func TestReadJSON(t *testing.T) {
	type body struct {
		Timeout int    `json:"timeout"`
		Name    string `json:"name"`
	}
	for name, c := range map[string]struct {
		contentType, text string
		kind              waverider.Kind
		says              string
	}{
		"whole":          {"application/json", `{"timeout":5}`, "", ""},
		"no type":        {"", `{"timeout":5}`, "", ""},
		"text/json":      {"text/json; charset=UTF-8", `{"timeout":5}`, "", ""},
		"unknown fields": {"application/json", `{"timeout":5,"x":[1]}`, "", ""},
		"form":           {"application/x-www-form-urlencoded", `{}`, waverider.Unsupported, "application/json"},
		"latin":          {"application/json; charset=latin1", `{}`, waverider.Unsupported, "utf-8"},
		"broken":         {"application/json", "{\n  \"timeout\": 5,\n  oops}", waverider.Invalid, "line 3, column 3"},
		"cut":            {"application/json", `{"timeout":`, waverider.Invalid, "unexpected end"},
		"two":            {"application/json", `{} {}`, waverider.Invalid, "line 1, column 4"},
		"wrong field":    {"application/json", `{"timeout":"soon"}`, waverider.Invalid, `"timeout" is a JSON string`},
		"wrong whole":    {"application/json", `[1]`, waverider.Invalid, "JSON array"},
		"too large":      {"application/json", `"` + strings.Repeat("x", wire.MaxJSON) + `"`, waverider.TooLarge, "larger"},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(c.text))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		var v body
		err := wire.ReadJSON(r, &v)
		switch {
		case c.kind == "" && (err != nil || v.Timeout != 5):
			t.Errorf("%s: %+v, %v", name, v, err)
		case c.kind != "" && (waverider.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadJSONLeavesTheValueWithoutABody(t *testing.T) {
	for _, contentType := range []string{"", "application/json", "text/plain"} {
		r := httptest.NewRequest("POST", "/", bytes.NewReader([]byte(" \n")))
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		v := struct{ Timeout int }{7000}
		if err := wire.ReadJSON(r, &v); err != nil || v.Timeout != 7000 {
			t.Errorf("%q: %+v, %v", contentType, v, err)
		}
	}
}

func FuzzReadJSONNeverFailsInternally(f *testing.F) {
	f.Add("application/json", `{"a":1}`)
	f.Add("text/json; charset=utf-8", "{")
	f.Add("", `[[[[`)
	f.Fuzz(func(t *testing.T, contentType, text string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(text))
		r.Header["Content-Type"] = []string{contentType}
		var v map[string]any
		if err := wire.ReadJSON(r, &v); err != nil && waverider.KindOf(err) == waverider.Internal {
			t.Errorf("%q %q: %v", contentType, text, err)
		}
	})
}
