// Command rawjs measures what the engine below the Topics does by itself. It
// is a program of its own so that the bench, which also serves as the bare
// server of other limits, stays small.
//
//	rawjs move   publish and consume at the same time; prints how long it took
//	rawjs commit store 100 small messages at a time; prints how long each commit took
//
// Times are in nanoseconds, one a line. What three nodes do, each a process of
// its own, is printed as JSON, one object a line:
//
//	rawjs compare  ten producers, on one node and on three
//	rawjs failover the same on three nodes while the leader is killed
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	patience     = time.Minute
	answerWithin = 5 * time.Second
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "rawjs:", err)
		os.Exit(1)
	}
}

func run() error {
	flags := flag.NewFlagSet("rawjs", flag.ExitOnError)
	dir := flags.String("dir", "", "an empty `folder` for the stream")
	total := flags.Int("bytes", 256_000_000, "bytes to move")
	rounds := flags.Int("rounds", 3, "how often to compare, or to kill")
	if len(os.Args) < 2 {
		return errors.New("say what to measure: move, commit, compare or failover")
	}
	if os.Args[1] == "node" {
		return serveNode(os.Args[2:])
	}
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience*time.Duration(max(*rounds, 1)))
	defer cancel()
	switch os.Args[1] {
	case "compare":
		return compare(ctx, *dir, *rounds)
	case "failover":
		return failover(ctx, *dir, *rounds)
	}
	e, err := start(*dir)
	if err != nil {
		return err
	}
	defer e.stop()
	var took []time.Duration
	switch os.Args[1] {
	case "move":
		took, err = e.move(ctx, *total)
	case "commit":
		took, err = e.commit()
	default:
		err = fmt.Errorf("cannot measure %q", os.Args[1])
	}
	for _, t := range took {
		fmt.Println(t.Nanoseconds())
	}
	return err
}

// engine is a server with a connection for each direction.
type engine struct {
	server  *server.Server
	in, out *nats.Conn
}

func start(dir string) (*engine, error) {
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir,
		SyncAlways: true, MaxPending: 256 << 20})
	if err != nil {
		return nil, err
	}
	e := &engine{server: s}
	s.Start()
	if !s.ReadyForConnections(patience) {
		err = errors.New("the server does not start")
	}
	if err == nil {
		e.in, err = nats.Connect("", nats.InProcessServer(s))
	}
	if err == nil {
		e.out, err = nats.Connect("", nats.InProcessServer(s))
	}
	if err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

func (e *engine) stop() {
	for _, c := range []*nats.Conn{e.in, e.out} {
		if c != nil {
			c.Close()
		}
	}
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

// makeStream asks in JSON: the client has no field for the mode.
func (e *engine) makeStream(cfg server.StreamConfig) error {
	cfg.Name, cfg.Storage, cfg.Replicas = "raw", server.FileStorage, 1
	cfg.MaxMsgs, cfg.MaxBytes, cfg.MaxConsumers, cfg.MaxMsgsPer, cfg.MaxMsgSize = -1, -1, -1, -1, -1
	body, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	m, err := e.in.Request("$JS.API.STREAM.CREATE.raw", body, answerWithin)
	if err != nil {
		return err
	}
	var answer server.JSApiStreamCreateResponse
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	return nil
}
