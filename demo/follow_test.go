package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"waverider"
	"waverider/client"
	"waverider/internal/testbin"
	"waverider/localhub"
)

func TestFollowGoesOnOverKillsOfTheHub(t *testing.T) {
	const rounds, perRound = 3, 40
	back := make(chan int, 1)
	hub, c := startHub(t, back)
	id := startProgram(t, c, `export default async function* () {
	  for (let n = 1; ; n++) { yield { n }; await new Promise((go) => setTimeout(go, 2)); }
	}`, figuresTopic)
	defer end(&mesh{places: [allPlaces]*place{edge: {api: c}}}, []program{{id: id, on: edge}})

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want, kills := 0, 0
	err := follow(ctx, c, figuresTopic, func(r reading) {
		if want++; r.N != want && ctx.Err() == nil {
			t.Errorf("got %d, want %d", r.N, want)
			cancel()
		}
		if want%perRound != 0 {
			return
		}
		if kills++; kills > rounds {
			cancel()
			return
		}
		if err := killAndAwait(ctx, hub, back); err != nil {
			t.Error(err)
			cancel()
		}
	}, func(n uint64) { t.Errorf("%d records missing", n) })
	if err != nil {
		t.Fatal(err)
	}
	if kills <= rounds {
		t.Errorf("only %d records came, with %d kills", want, kills)
	}
}

func TestFollowPassesOverWhatIsNoRecordOfOurs(t *testing.T) {
	_, c := startHub(t, nil)
	body := "\"hello\"\n[1]\n{\"n\":\"one\"}\n{\"n\":7}\n"
	if _, err := c.SendTopic(t.Context(), string(figuresTopic), bytes.NewReader([]byte(body)), client.TopicSendOptions{ContentType: waverider.TypeNDJSON}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []int
	err := follow(ctx, c, figuresTopic, func(r reading) {
		got = append(got, r.N)
		cancel()
	}, func(n uint64) { t.Errorf("%d records missing", n) })
	if err != nil || len(got) != 1 || got[0] != 7 {
		t.Errorf("got %v, %v", got, err)
	}
}

// startHub starts a Hub that comes back when it is killed, and tells back then.
func startHub(t *testing.T, back chan int) (*localhub.Hub, *client.Client) {
	t.Helper()
	cfg := localhub.Config{Binary: testbin.WithNode(t), Restart: true}
	if back != nil {
		cfg.Restarted = func(pid int) { back <- pid }
	}
	hub, err := localhub.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hub.Close() })
	c, err := client.New(client.Config{URL: hub.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return hub, c
}

func killAndAwait(ctx context.Context, hub *localhub.Hub, back <-chan int) error {
	if err := syscall.Kill(hub.PID(), syscall.SIGKILL); err != nil {
		return err
	}
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startProgram starts a program that is one file and writes to a Topic.
func startProgram(t *testing.T, c *client.Client, code string, output waverider.TopicName) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"index.js": code, "package.json": `{"name":"test","type":"module","main":"index.js"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var packed bytes.Buffer
	if _, err := client.Pack(t.Context(), dir, &packed, client.PackOptions{}); err != nil {
		t.Fatal(err)
	}
	sequence, err := c.SendSequence(t.Context(), client.Package{Body: &packed})
	if err != nil {
		t.Fatal(err)
	}
	id, err := c.StartSequence(t.Context(), string(sequence), waverider.StartRequest{OutputTopic: string(output)})
	if err != nil {
		t.Fatal(err)
	}
	return string(id)
}

func TestFinalErrorsAreNotTriedAgain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{waverider.Errorf(waverider.Invalid, "bad name"), true},
		{waverider.Errorf(waverider.Unauthorized, "no token"), true},
		{errors.New("the Hub sent a record that cannot be read"), true},
		{waverider.Errorf(waverider.Unavailable, "stopping"), false},
		{waverider.Errorf(waverider.Gone, "the Topic was deleted"), false},
		{&client.UnreachableError{URL: "x", Err: errors.New("refused")}, false},
		{fmt.Errorf("read: %w", &client.CutError{Err: syscall.ECONNRESET}), false},
		{io.EOF, false},
	} {
		if got := final(c.err); got != c.want {
			t.Errorf("final(%v) = %v", c.err, got)
		}
		tries := 0
		err := again(t.Context(), func() error {
			if tries++; tries == 3 {
				return nil
			}
			return c.err
		})
		if (err != nil) != c.want || (tries == 1) != c.want {
			t.Errorf("%v: %d tries, %v", c.err, tries, err)
		}
	}
}
