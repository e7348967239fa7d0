package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"waverider"
	"waverider/client"
	"waverider/internal/testbin"
	"waverider/localhub"
)

func TestRecordsSurviveKillsOfTheHub(t *testing.T) {
	const rounds, perRound = 3, 40
	back := make(chan int, 1)
	hub, err := localhub.Start(t.Context(), localhub.Config{
		Binary: testbin.WithNode(t), Restart: true, Restarted: func(pid int) { latest(back, pid) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	c, err := client.New(client.Config{URL: hub.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	from := run(t, c, `export default async function* () {
	  for (let n = 1; ; n++) { yield n; await new Promise((go) => setTimeout(go, 2)); }
	}`)
	to := run(t, c, `export default async function* (input) { for await (const n of input) yield n; }`)

	defer end(c, instances{from, to})

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	piped := make(chan error, 1)
	go func() { piped <- pipe(ctx, c, from, to) }()
	var want, kills int
	err = follow(ctx, c, to, func(line []byte) error {
		want++
		if got := strings.TrimSpace(string(line)); got != strconv.Itoa(want) {
			return waverider.Errorf(waverider.Invalid, "got %s, want %d", got, want)
		}
		if want%perRound != 0 {
			return nil
		}
		if kills++; kills > rounds {
			cancel()
			return nil
		}
		return killAndAwait(ctx, hub, back)
	})
	cancel()
	if err := errors.Join(err, <-piped); err != nil {
		t.Fatal(err)
	}
	if kills <= rounds {
		t.Errorf("only %d records came, with %d kills", want, kills)
	}
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

// run starts a program that is one file.
func run(t *testing.T, c *client.Client, code string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"index.js": code, "package.json": `{"name":"test","type":"module","main":"index.js"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := os.Create(filepath.Join(t.TempDir(), "p.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	if _, err := client.Pack(t.Context(), dir, packed, client.PackOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := packed.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	sequence, err := c.SendSequence(t.Context(), client.Package{Body: packed})
	if err != nil {
		t.Fatal(err)
	}
	id, err := c.StartSequence(t.Context(), string(sequence), waverider.StartRequest{})
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
		{waverider.Errorf(waverider.Gone, "ended"), true},
		{waverider.Errorf(waverider.NotFound, "unknown"), true},
		{waverider.Errorf(waverider.Unavailable, "stopping"), false},
		{&client.UnreachableError{URL: "x", Err: errors.New("refused")}, false},
		{fmt.Errorf("read: %w", syscall.ECONNRESET), false},
		{&waverider.Error{Kind: waverider.Gone, Message: "cut", Err: io.ErrUnexpectedEOF}, false},
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
