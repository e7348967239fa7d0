package bus

import (
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// account is where all streams live. It is part of the path of every stream on disk, so it never changes.
const account = "WR"

// MaxData is the most that one message can carry. A record has up to 1 MiB, and the batch it is stored in adds its own
// header and a few bytes for each record; the rest up to maxPayload is for the headers that publishing adds.
const (
	MaxData    = 1<<20 + 60<<10
	maxPayload = 1<<20 + 64<<10
)

// syncInterval is how often the engine rewrites blocks that are more than half dead, which is what gives space back
// after a purge, and how often it fsyncs streams of kind Async.
const syncInterval = 2 * time.Second

// readers is how many calls may be at the read connection at a time. Each brings at most maxFetch and a message more, so
// that together they stay below maxPending, beyond which the server cuts a connection.
const (
	readers      = 16
	maxFetch     = 8 << 20
	maxFetchMsgs = 4096
	maxPending   = 256 << 20
)

// An engine is one run of nats-server with our connections to it. It is never started twice.
type engine struct {
	server  *server.Server
	log     *engineLog
	publish *conn // messages on their way in
	read    *conn // everything else: a long answer delays no publish

	stopping sync.Once
	ended    chan struct{}

	mu    sync.Mutex
	acked map[string]uint64 // the newest sequence each stream has acknowledged in this run
}

func options(config Config, door *door) *server.Options {
	return &server.Options{
		ServerName:      "hub-" + config.Hub,
		DontListen:      true,
		NoSigs:          true, // signals belong to the Hub
		Accounts:        []*server.Account{server.NewAccount(account)},
		MaxPayload:      maxPayload,
		MaxPending:      maxPending,
		WriteDeadline:   10 * time.Second,
		JetStream:       true,
		JetStreamDomain: "hub-" + config.Hub,
		StoreDir:        config.Dir,
		// Left at 0 they would be guessed from the machine. Nothing is kept in memory.
		JetStreamMaxStore:  config.MaxStore,
		JetStreamMaxMemory: 64 << 20,
		JetStreamLimits:    server.JSLimitOpts{DefaultMaxConsumers: -1},
		SyncAlways:         true,
		SyncInterval:       syncInterval,

		CustomClientAuthentication: door,

		DisableJetStreamBanner: true,
	}
}

// A door lets all connections in, since only this process can make any, and gives them the account, which the server
// has a copy of its own of.
type door struct{ account *server.Account }

func (d *door) Check(c server.ClientAuthentication) bool {
	c.RegisterUser(&server.User{Username: "hub", Account: d.account})
	return true
}

// startEngine returns an engine that has to be stopped even when there is an error, and nil when there is none.
func startEngine(config Config) (*engine, error) {
	if err := mendBlocks(config.Dir, config.Log); err != nil {
		return nil, err
	}
	door := &door{}
	s, err := server.NewServer(options(config, door))
	if err != nil {
		return nil, err
	}
	e := &engine{server: s, ended: make(chan struct{}), acked: map[string]uint64{}}
	e.log = &engineLog{log: config.Log.With("part", "nats-server"), freeze: e.freeze}
	s.SetLoggerV2(e.log, false, false, false)
	s.Start()
	if !s.JetStreamEnabled() {
		return e, fmt.Errorf("start the engine in %s: %w", config.Dir, e.log.fatal())
	}
	if door.account, err = s.LookupAccount(account); err != nil {
		return e, err
	}
	if e.publish, err = connect(s, "publish", 0, config.Log); err != nil {
		return e, err
	}
	if e.read, err = connect(s, "read", readers, config.Log); err != nil {
		return e, err
	}
	// The streams are read here. An account made in code takes part in JetStream only when told so after the start.
	return e, door.account.EnableJetStream(nil, nil)
}

// stop fails the calls that wait, then ends the server. The error says that it has not ended in time; stop may be
// called again to wait longer.
func (e *engine) stop() error {
	e.stopping.Do(func() {
		for _, c := range []*conn{e.publish, e.read} {
			if c != nil {
				c.close()
			}
		}
		go func() {
			defer close(e.ended)
			e.server.Shutdown()
			e.server.WaitForShutdown()
		}()
	})
	select {
	case <-e.ended:
		return nil
	case <-time.After(stopWithin):
		return fmt.Errorf("the engine has not ended within %v", stopWithin)
	}
}

// freeze fails what is published to a stream from now on.
func (e *engine) freeze(stream string, err error) {
	e.publish.freeze(stream, err)
}

func (e *engine) noteAcked(stream string, seq uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.acked[stream] = max(e.acked[stream], seq)
}

func (e *engine) newestAcked(stream string) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.acked[stream]
}

// forget is for a stream that is no more.
func (e *engine) forget(stream string) {
	e.mu.Lock()
	delete(e.acked, stream)
	e.mu.Unlock()
	e.publish.thaw(stream)
}
