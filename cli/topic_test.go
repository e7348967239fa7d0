package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/client"
)

func TestSizesAndAgesAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1048576": 1 << 20, "10B": 10, "500MB": 500e6, "2GiB": 2 << 30, "64M": 64 << 20, "1.5 kib": 1536, "1e3": 1000,
	} {
		var b byteSize
		if err := b.Set(text); err != nil || int64(b) != want {
			t.Errorf("%q: %d, %v", text, b, err)
		}
	}
	for _, text := range []string{"", "GiB", "1GiBB", "-1", "1 GX", "NaN", "9e30", "inf"} {
		if err := new(byteSize).Set(text); err == nil {
			t.Errorf("%q is a size", text)
		}
	}
	for text, want := range map[string]string{"7d": "7d", "36h": "36h", "90m": "1h30m", "24h": "1d", "90s": "1m30s", "0": "", "1h0m5s": "1h0m5s"} {
		var f ageFlag
		if err := f.Set(text); err != nil || f.String() != want {
			t.Errorf("%q: %q, %v", text, f.String(), err)
		}
	}
}

func TestContentTypesHaveShortNames(t *testing.T) {
	for word, want := range map[string]string{
		"": "", "ndjson": waverider.TypeNDJSON, "JSON": waverider.TypeNDJSON, "text": waverider.TypeText, "binary": waverider.TypeBytes,
		"text/plain; charset=utf-8": waverider.TypeText, "text/x-ndjson": waverider.TypeTextNDJSON,
	} {
		if got, err := contentType("--type", word); err != nil || got != want {
			t.Errorf("%q: %q, %v", word, got, err)
		}
	}
	if _, err := contentType("--type", "xml"); exitCode(err) != exitUsage {
		t.Errorf("xml: %v", err)
	}
}

func TestFromIsAPlaceATimeOrAnAge(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"": "", "start": "start", "new": "new",
		"10m": "2026-05-04T11:50:00Z", "7d": "2026-04-27T12:00:00Z", "2026-05-04T10:00:00+02:00": "2026-05-04T08:00:00Z",
		"AQEjRWeJq83vAQKA": "AQEjRWeJq83vAQKA",
	} {
		if got, err := readFrom(text, now); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"-10m", "yesterday", "end", "04.05.2026 10:00"} {
		if _, err := readFrom(text, now); exitCode(err) != exitUsage {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFlagsOfAReaderThatDoNotGoTogether(t *testing.T) {
	for name, f := range map[string]getFlags{
		"ack of nobody":    {ack: "explicit", follow: true},
		"expire of nobody": {ack: "auto", expire: 1},
		"unknown ack":      {ack: "later", group: "g"},
		"unknown type":     {ack: "auto", kind: "xml"},
	} {
		if _, err := f.options(time.Now()); exitCode(err) != exitUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// envelope is a record of the number n as a Hub sends it.
func envelope(n int) string {
	return fmt.Sprintf(`{"cursor":"c%d","from":"c%d","time":"2026-05-04T10:00:00Z","data":{"n":%d}}`+"\n", n, n-1, n)
}

// follow runs a follower against a Hub that answers each read with the next of
// answers; what ends in "!" is cut. It returns what was written, what was asked
// for, and the error.
func follow(t *testing.T, o client.TopicReadOptions, deleted bool, answers ...string) (string, []string, error) {
	t.Helper()
	var asked []string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/topics", func(w http.ResponseWriter, _ *http.Request) {
		list := `[{"topicName":"a","contentType":"application/x-ndjson"}]`
		if deleted {
			list = `[]`
		}
		fmt.Fprint(w, list)
	})
	mux.HandleFunc("POST /api/v1/topic/a/ack", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, string(body))
		fmt.Fprint(w, `{"cursor":"c"}`)
	})
	mux.HandleFunc("GET /api/v1/topic/a", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		if len(answers) == 0 {
			w.WriteHeader(http.StatusGone)
			return
		}
		text, cut := strings.CutSuffix(answers[0], "!")
		if answers = answers[1:]; text == "503" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Waverider-Cursor", "c")
		fmt.Fprint(w, text)
		if cut {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	})
	srv := httptest.NewServer(mux)
	c, err := client.New(client.Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	var out, told bytes.Buffer
	a := &app{out: &out, err: &told}
	o.ContentType = waverider.TypeNDJSON
	err = a.followTopic(t.Context(), c, "a", o)
	c.Close()
	srv.Close() // has waited for all handlers, so asked is complete
	return out.String(), asked, err
}

func TestReaderGoesOnWhereItsConnectionBroke(t *testing.T) {
	const all = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n"
	first, rest := envelope(1)+envelope(2)+envelope(3)[:20]+"!", envelope(3)+"!"
	for name, c := range map[string]struct {
		o       client.TopicReadOptions
		answers []string
		asked   string // of the last read that was answered
	}{
		"from a place":               {client.TopicReadOptions{From: "start"}, []string{first, rest}, "envelope=true&from=c2"},
		"the cursor's own record":    {client.TopicReadOptions{From: "start"}, []string{first, envelope(2) + rest}, "envelope=true&from=c2"},
		"a Hub that comes up slowly": {client.TopicReadOptions{From: "start"}, []string{first, "503", "503", rest}, "envelope=true&from=c2"},
		"a Hub that ends properly":   {client.TopicReadOptions{From: "start"}, []string{envelope(1) + envelope(2), rest}, "envelope=true&from=c2"},
		"nothing read yet":           {client.TopicReadOptions{From: "new"}, []string{"!", envelope(1) + envelope(2) + rest}, "envelope=true&from=c"},
		"a shared place":             {client.TopicReadOptions{}, []string{first, rest}, "envelope=true"},
		"a group with its own acks":  {client.TopicReadOptions{From: "start", Group: "g", ExplicitAck: true}, []string{first, rest}, "ack=explicit&envelope=true&from=start&group=g"},
	} {
		t.Run(name, func(t *testing.T) {
			out, asked, err := follow(t, c.o, false, c.answers...)
			if out != all || waverider.KindOf(err) != waverider.Gone {
				t.Errorf("wrote %q, then %v", out, err)
			}
			if n := len(c.answers); len(asked) != n+1 || asked[n-1] != c.asked {
				t.Errorf("asked for %q", asked)
			}
		})
	}
}

func TestGroupIsAckedWhatIsWritten(t *testing.T) {
	const read = "ack=explicit&ack-wait=10m0s&envelope=true&group=g"
	ack := func(from, to int) string { return fmt.Sprintf(`{"cursor":"c%d","from":"c%d"}`, to, from) }
	for name, c := range map[string]struct {
		o       client.TopicReadOptions
		answers []string
		asked   []string
	}{
		"before the Hub gives it again": {client.TopicReadOptions{}, []string{envelope(1) + envelope(2)[:9] + "!", envelope(2) + "!"},
			[]string{read, ack(0, 1), read, ack(1, 2), read}},
		"not what others were given": {client.TopicReadOptions{}, []string{envelope(1) + envelope(4) + envelope(5) + "!"},
			[]string{read, ack(0, 1), ack(3, 5), read}},
		"at the limit":                 {client.TopicReadOptions{Limit: 1}, []string{envelope(1)}, []string{read + "&limit=1", ack(0, 1)}},
		"at the end of what there was": {client.TopicReadOptions{Once: true}, []string{envelope(1)}, []string{strings.Replace(read, "&group", "&follow=false&group", 1), ack(0, 1)}},
	} {
		c.o.Group = "g"
		if _, asked, _ := follow(t, c.o, false, c.answers...); !reflect.DeepEqual(asked, c.asked) {
			t.Errorf("%s: asked for %q, want %q", name, asked, c.asked)
		}
	}
}

func TestReaderEndsAtItsLimitOverACut(t *testing.T) {
	out, asked, err := follow(t, client.TopicReadOptions{From: "start", Limit: 3, Envelope: true}, false, envelope(1)+"!", envelope(2)+envelope(3)+envelope(4))
	if err != nil || out != envelope(1)+envelope(2)+envelope(3) || len(asked) != 2 || asked[1] != "envelope=true&from=c1&limit=2" {
		t.Errorf("%q, asked for %q, %v", out, asked, err)
	}
}

func TestReaderOfADeletedTopicDoesNotMakeItAgain(t *testing.T) {
	out, asked, err := follow(t, client.TopicReadOptions{}, true, envelope(1)+"!")
	if out != "{\"n\":1}\n" || len(asked) != 1 || exitCode(err) != exitNotFound || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("%q, asked for %q, %v", out, asked, err)
	}
}

func TestReaderEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Waverider-Cursor", "c")
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	}))
	defer srv.Close()
	c, err := client.New(client.Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a := &app{out: new(bytes.Buffer), err: new(bytes.Buffer)}
	if err := a.followTopic(ctx, c, "a", client.TopicReadOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestHubsWithoutCursorsAreReadAsTheyAre(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "1\n2\n") }))
	defer srv.Close()
	c, err := client.New(client.Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var out bytes.Buffer
	a := &app{out: &out, err: new(bytes.Buffer)}
	if err := a.followTopic(t.Context(), c, "a", client.TopicReadOptions{}); err != nil || out.String() != "1\n2\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := a.followTopic(t.Context(), c, "a", client.TopicReadOptions{From: "start"}); err == nil {
		t.Error("it began where it was not asked to")
	}
}

func TestTopicInfoNamesWhoHoldsRecords(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out, err: &out, output: "table"}
	info := client.TopicInfo{
		Topic: client.Topic{Name: "prices", ContentType: waverider.TypeNDJSON, MaxAge: waverider.Age(168 * time.Hour)},
		TopicState: client.TopicState{Records: 10, Total: 30, Bytes: 250e6, Limit: 1e9, Full: true,
			Damage: []client.TopicDamage{{From: 5, To: 8, Cause: "the disk lied"}},
			Readers: []client.TopicReader{
				{Name: "billing", Kind: client.ReaderGroup, Lag: 4, Holds: true, Expires: waverider.Age(168 * time.Hour)},
				{Name: "slow", Kind: client.ReaderSlot, Lag: 9, Holds: true},
				{Kind: client.ReaderLive, Lag: 99, Connected: 1},
			}},
	}
	if err := a.showTopic(info); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"records     10 kept, 30 ever", "size        250.0 MB of 1.0 GB (25 %)", "max age     7d", "full        producers wait",
		"held by     slot slow, 9 records behind", "damage      3 records from number 5 on: the disk lied",
		"\n\nREADER   KIND   CONNECTED  LAG  HOLDS  LAST SEEN  EXPIRES\n-        live   1          99   -      -          -\nslow     slot   0          9    yes ",
		"billing  group  0          4    yes    -          7d\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
