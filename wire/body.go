package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"waverider"
)

// MaxJSON is the largest JSON body taken.
const MaxJSON = 16 << 20

// ReadJSON reads the body of r into v. An empty body leaves v as it is. A
// content type is not demanded, but one that is not JSON is refused.
func ReadJSON(r *http.Request, v any) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, MaxJSON+1))
	if err != nil {
		return &waverider.Error{Kind: waverider.Invalid, Message: "the body ended before it was whole", Err: err}
	}
	if len(data) > MaxJSON {
		return waverider.Errorf(waverider.TooLarge, "the JSON body is larger than %d bytes", MaxJSON)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	if err := wantJSON(r.Header.Get("Content-Type")); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return &waverider.Error{Kind: waverider.Invalid, Message: "the JSON body is not right: " + explain(data, err), Err: err}
	}
	return nil
}

func wantJSON(contentType string) error {
	if contentType == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" && media != "text/json" {
		return waverider.Errorf(waverider.Unsupported, "content type %q: send application/json", contentType)
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return waverider.Errorf(waverider.Unsupported, "charset %q: send utf-8", charset)
	}
	return nil
}

// explain says where the text is wrong, in words for the one who sent it.
func explain(data []byte, err error) string {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		line, column := place(data, syntax.Offset)
		return fmt.Sprintf("line %d, column %d: %s", line, column, syntax.Error())
	case errors.As(err, &typ) && typ.Field != "":
		return fmt.Sprintf("field %q is a JSON %s, which does not fit", typ.Field, typ.Value)
	case errors.As(err, &typ):
		return fmt.Sprintf("a JSON %s was sent, which does not fit", typ.Value)
	}
	return err.Error()
}

func place(data []byte, offset int64) (line, column int) {
	before := data[:min(max(offset-1, 0), int64(len(data)))]
	return bytes.Count(before, []byte{'\n'}) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(data)+1))
	w.WriteHeader(status)
	_, err = w.Write(append(data, '\n'))
	return err
}
