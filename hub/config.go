package hub

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/datadir"
	"waverider/lastlines"
	"waverider/runtime"
	"waverider/topic"
)

// Config is what a Hub needs to know. The zero value of every field but
// DataDir and Runtime is useful.
type Config struct {
	DataDir *datadir.Dir    // opened by OpenDataDir
	Runtime runtime.Runtime // runs the Instances
	Topics  *topic.Store    // keeps the Topics; nil: this Hub has none
	ID      string          // shown as location; default: the key's id
	Name    string          // for people
	Build   string          // version of this program

	Linked      func() bool                    // tells whether this Hub has a Space; nil: it has none
	Link        func() any                     // how it stands with it; nil: it has none
	LinkMetrics func(w io.Writer)              // writes what is counted of it; nil: nothing
	Reads       func(name waverider.TopicName) // told that an Instance or a client begins to read a Topic; returns at once

	Ask   func(ctx context.Context, t *topic.Topic, by string, description, owner *string) (waverider.TopicRequest, error) // asks the Space to change what it decides about a Topic; needed where Linked is
	Asked func(name waverider.TopicName) []waverider.TopicRequest                                                          // what it was asked for about a Topic; nil: nothing

	CallSpace func(w http.ResponseWriter, r *http.Request, rest string) error // hands a call on to it; nil: to nowhere

	Key       *auth.Key // signs the tokens Instances call with
	APISocket string    // where Instances reach Handler; empty: nowhere
	Scramjet  string    // path of the bundled scramjet library; empty: not bundled

	Env    map[string]string // variables of every program; what the Hub itself sets comes before
	Limits waverider.Limits  // of an Instance where neither its start nor its package says one; default none

	Restart      waverider.RestartPolicy // when a start names none; default never
	StartTimeout time.Duration           // a start is answered after this at the latest; default 30 s
	RetainEnded  time.Duration           // an ended Instance stays listed this long; default 24 h
	MaxEnded     int                     // and at most this many do; default 1000
	LogLimit     int64                   // bytes kept of each of stdout, stderr, log; default 16 MiB
	MinFreeDisk  int64                   // no upload or start below this many bytes; default 64 MiB
	MinFreeMem   int64                   // no start below this many bytes; default 64 MiB
	Heartbeat    time.Duration           // between the heartbeats in the audit; default 10 s

	Effective any             // what GET /config shows: the configuration without its secrets
	Log       *slog.Logger    // default: discard
	Lines     *lastlines.Ring // feeds GET /log; default: an empty one
}

func (c *Config) setDefaults() {
	setDefault(&c.Restart, waverider.RestartNever)
	setDefault(&c.StartTimeout, 30*time.Second)
	setDefault(&c.RetainEnded, 24*time.Hour)
	setDefault(&c.MaxEnded, 1000)
	setDefault(&c.LogLimit, 16<<20)
	setDefault(&c.MinFreeDisk, 64<<20)
	setDefault(&c.MinFreeMem, 64<<20)
	setDefault(&c.Heartbeat, 10*time.Second)
	setDefault(&c.Build, "dev")
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Lines == nil {
		c.Lines = lastlines.New(0)
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
