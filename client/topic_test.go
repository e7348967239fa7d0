package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/client"
)

func TestTopicIsCreatedWithWhatIsChosenOnly(t *testing.T) {
	var bodies []string
	keep := func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.Method+" "+string(body))
	}
	c := fake(t, map[string]http.HandlerFunc{"POST /api/v1/topics": keep, "PATCH /api/v1/topics/{name}": keep})
	none, empty := waverider.Age(0), ""
	change := func(what client.TopicChange) error {
		_, err := c.ChangeTopic(t.Context(), "a", what)
		return err
	}
	for _, err := range []error{
		c.CreateTopic(t.Context(), waverider.TopicConfig{Name: "a", ContentType: waverider.TypeText}),
		c.CreateTopic(t.Context(), waverider.TopicConfig{Name: "a", ContentType: waverider.TypeText, MaxAge: waverider.Age(time.Hour), MaxBytes: 5}),
		change(client.TopicChange{}),
		change(client.TopicChange{MaxAge: &none, Owner: &empty}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := []string{
		`POST {"content-type":"text/plain","id":"a"}`,
		`POST {"content-type":"text/plain","id":"a","maxAge":"1h0m0s","maxBytes":5}`,
		`PATCH {}`,
		`PATCH {"owner":"","maxAge":"0s"}`,
	}
	if !reflect.DeepEqual(bodies, want) {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(bodies, "\n"), strings.Join(want, "\n"))
	}
}

func TestTopicInfoKeepsWhatItDoesNotKnow(t *testing.T) {
	const text = `{"topicName":"a","contentType":"text/plain","maxAge":"1h0m0s","records":3,"later":{"x":1},
		"readers":[{"name":"g","kind":"group","lag":2,"holds":true}]}`
	c := fake(t, map[string]http.HandlerFunc{
		"GET /api/v1/topics/a": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) },
	})
	info, err := c.Topic(t.Context(), "a")
	if err != nil || info.Name != "a" || info.MaxAge != waverider.Age(time.Hour) || info.Records != 3 || info.Readers[0].Lag != 2 {
		t.Errorf("%+v, %v", info, err)
	}
	if data, err := json.Marshal(info); err != nil || !strings.Contains(string(data), `"later":{"x":1}`) {
		t.Errorf("%s, %v", data, err)
	}
}

// read gathers the records of a stream and why it ended.
func read(t *testing.T, contentType string, answer http.HandlerFunc) (got []string, missed uint64, err error) {
	t.Helper()
	c := fake(t, map[string]http.HandlerFunc{"GET /api/v1/topic/a": answer})
	records, err := c.ReadTopic(t.Context(), "a", client.TopicReadOptions{ContentType: contentType, Envelope: true})
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	for r := client.NewRecordReader(records); ; {
		record, err := r.Next()
		if err != nil {
			return got, missed, err
		}
		if missed += record.Missed; record.Missed == 0 {
			got = append(got, string(record.Data))
		}
	}
}

func TestRecordsOfEveryTypeAreTheBytesThatWereSent(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for contentType, c := range map[string]struct{ lines, want []string }{
		waverider.TypeNDJSON: {[]string{`"data":{"a": 1.50}`, `"data":"text"`, `"data":"` + long + `"`, `"encoding":"text","data":"no json"`, `"encoding":"base64","data":"/wo="`},
			[]string{"{\"a\": 1.50}\n", "\"text\"\n", `"` + long + "\"\n", "no json\n", "\xff\n"}},
		waverider.TypeText:  {[]string{`"data":"a\nb"`, `"data":""`, `"data":"é"`, `"encoding":"base64","data":"/w=="`}, []string{"a\nb", "", "é", "\xff"}},
		waverider.TypeBytes: {[]string{`"encoding":"base64","data":"AP8="`, `"encoding":"base64","data":""`}, []string{"\x00\xff", ""}},
	} {
		// As Hubs write a record, and as JSON may be written too.
		for _, form := range []string{`{"cursor":"c%d","from":"c","time":"2026-05-04T10:00:00.000Z",%s}`, `{"time":"2026-05-04T10:00:00Z", %[2]s, "cursor":"c%[1]d"}`} {
			got, missed, err := read(t, contentType, func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintln(w, `{"missed":7}`)
				for i, data := range c.lines {
					fmt.Fprintf(w, form+"\n", i, data)
				}
			})
			if err != io.EOF || missed != 7 || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %.200q, %d missed, %v", contentType, got, missed, err)
			}
		}
	}
}

func TestWhiteSpaceAroundALineIsKept(t *testing.T) {
	got, _, err := read(t, waverider.TypeNDJSON, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"cursor":"c","time":"2026-05-04T10:00:00.000Z","data": {"a":1}`+"\r}\n")
	})
	if err != io.EOF || !reflect.DeepEqual(got, []string{" {\"a\":1}\r\n"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestPartOfARecordIsNone(t *testing.T) {
	const whole = `{"cursor":"c","time":"2026-05-04T10:00:00Z","data":1}` + "\n"
	for name, end := range map[string]func(http.ResponseWriter){
		"cut": func(w http.ResponseWriter) {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"ended within a line": func(http.ResponseWriter) {},
	} {
		got, _, err := read(t, waverider.TypeNDJSON, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, whole+whole[:30])
			end(w)
		})
		if !errors.As(err, new(*client.CutError)) || !reflect.DeepEqual(got, []string{"1\n"}) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, _, err := read(t, waverider.TypeNDJSON, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "{}x") }); err == nil || errors.As(err, new(*client.CutError)) {
		t.Errorf("no envelope: %v", err)
	}
}

func TestEndOfATopicReadIsTold(t *testing.T) {
	c := fake(t, map[string]http.HandlerFunc{"GET /api/v1/topic/a": func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.RawQuery; got != "ack=explicit&expire=1h0m0s&follow=false&from=start&group=g&limit=2" {
			t.Errorf("asked for %s", got)
		}
		w.Header().Set("Trailer", "Waverider-Cursor, Waverider-Missed")
		w.Header().Set("Waverider-Cursor", "c1")
		fmt.Fprint(w, "x")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("Waverider-Cursor", "c2")
		w.Header().Set("Waverider-Missed", "3")
	}})
	records, err := c.ReadTopic(t.Context(), "a", client.TopicReadOptions{From: "start", Limit: 2, Once: true, Group: "g", ExplicitAck: true, Expire: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	text, err := io.ReadAll(records)
	cursor, missed := records.End()
	if err != nil || string(text) != "x" || records.Cursor != "c1" || cursor != "c2" || missed != 3 {
		t.Errorf("%q from %s to %s, %d missed, %v", text, records.Cursor, cursor, missed, err)
	}
}

func TestSendTellsWhereItEnded(t *testing.T) {
	c := fake(t, map[string]http.HandlerFunc{"POST /api/v1/topic/a": func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Waverider-Cursor", r.URL.RawQuery+" "+r.Header.Get("Content-Type")+" "+string(body))
		fmt.Fprint(w, "{}")
	}})
	cursor, err := c.SendTopic(t.Context(), "a", strings.NewReader("x"), client.TopicSendOptions{ContentType: "text/plain", NoWait: true})
	if err != nil || cursor != "wait=0 text/plain x" {
		t.Errorf("%q, %v", cursor, err)
	}
}
