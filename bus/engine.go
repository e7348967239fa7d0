package bus

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Account is where all streams live. It is part of the path of every stream on disk, so it never changes.
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

// An engine is one run of nats-server with our connections to it. It is never started twice.
type engine struct {
	server  *server.Server
	log     *engineLog
	publish *conn // messages on their way in
	read    *conn // everything else: a long answer delays no publish
}

func options(config Config, door *door) *server.Options {
	return &server.Options{
		ServerName:      "hub-" + config.Hub,
		DontListen:      true,
		NoSigs:          true, // signals belong to the Hub
		Accounts:        []*server.Account{server.NewAccount(account)},
		MaxPayload:      maxPayload,
		MaxPending:      256 << 20, // of answers that one Fetch after another has asked for
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

func startEngine(config Config) (_ *engine, err error) {
	door := &door{}
	s, err := server.NewServer(options(config, door))
	if err != nil {
		return nil, err
	}
	e := &engine{server: s, log: newEngineLog(config.Log)}
	s.SetLoggerV2(e.log, false, false, false)
	defer func() {
		if err != nil {
			err = errors.Join(err, e.stop())
		}
	}()
	s.Start()
	if !s.ReadyForConnections(answerWithin) || !s.JetStreamEnabled() {
		return nil, fmt.Errorf("the engine does not start: %w", e.log.fatal())
	}
	if door.account, err = s.LookupAccount(account); err != nil {
		return nil, err
	}
	// The streams are read here. An account made in code takes part in JetStream only when told so after the start.
	if err := door.account.EnableJetStream(nil, nil); err != nil {
		return nil, err
	}
	if e.publish, err = connect(s, "publish", config.Log); err != nil {
		return nil, err
	}
	if e.read, err = connect(s, "read", config.Log); err != nil {
		return nil, err
	}
	e.log.onFreeze(e.publish.freeze)
	return e, nil
}

// stop fails the calls that wait, then ends the server. The error says that it has not ended in time; the folder must
// not be opened again by this process then.
func (e *engine) stop() error {
	for _, c := range []*conn{e.publish, e.read} {
		if c != nil {
			c.close()
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.server.Shutdown()
		e.server.WaitForShutdown()
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(stopWithin):
		return fmt.Errorf("the engine has not ended within %v", stopWithin)
	}
}
