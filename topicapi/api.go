// Package topicapi is the part of the REST API that is of Topics alone: making,
// changing and listing them, sending records to them, and reading them. It is
// the same over any Store, on a Hub and on a Space. Who may call is the mux's
// matter, what is stored and remembered that of package topic.
package topicapi

import (
	"context"
	"log/slog"
	"net/http"

	"waverider"
	"waverider/auth"
	"waverider/topic"
	"waverider/wire"
)

// API answers for the Topics of one Store. Set the fields before Routes; all but
// Topics and Origin may be nil.
type API struct {
	Topics *topic.Store // nil: there are none, which each answer says
	Origin Origin       // who says that a Topic was made
	Log    *slog.Logger

	// Wrap is put around the handler of each route, named as below the base path.
	Wrap func(method, path string, next wire.Handler) wire.Handler
	// Object is told of what a request is, where its path does not say it.
	Object func(r *http.Request, id string)

	// Rule is which rule a route has instead of its own; none: it is not there. nil:
	// they have their own.
	Rule func(method, path string, rule auth.Rule) auth.Rule
	// May says whether who asks may see a Topic at all; nil: the rules are enough.
	May func(r *http.Request, name waverider.TopicName) error

	// Linked tells whether there is a Space that Topics can be of; nil: there is none.
	Linked func() bool

	// Ask asks the Space to change the description or the owner of a Topic of
	// scope space, which are not decided here; nil: they are. It may wait a moment
	// for the answer.
	Ask func(ctx context.Context, t *topic.Topic, by string, description, owner *string) (waverider.TopicRequest, error)
	// Asked is what the Space was asked for about a Topic.
	Asked func(name waverider.TopicName) []waverider.TopicRequest

	// Deletes refuses to remove a Topic whose records would be gone with it, unless
	// that is forced, and says what else should be known of its end.
	Deletes func(ctx context.Context, t *topic.Topic, force bool) (note string, err error)

	// Reads is told that somebody begins to read a Topic. It returns at once.
	Reads func(name waverider.TopicName)

	// Stored and Sent count the records, and the bytes, that bodies and answers
	// carry.
	Stored, Sent func(records uint64, bytes int)
}

// Origin names a Hub or a Space in Scramjet's words.
type Origin struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// Routes registers the routes on m, below base: "/api/v1".
func (a *API) Routes(m *wire.Mux, base string) {
	handle := func(method, path string, rule auth.Rule, h wire.Handler) {
		if a.Rule != nil {
			if rule = a.Rule(method, path, rule); rule == 0 {
				return
			}
		}
		if a.Wrap != nil {
			h = a.Wrap(method, path, h)
		}
		m.Handle(method+" "+base+path, rule, h)
	}
	handle("GET", "/topics", auth.Read, wire.JSON(a.getTopics))
	handle("POST", "/topics", auth.Run, a.postTopics)
	handle("GET", "/topics/{name}", auth.Read, wire.JSON(a.getTopicInfo))
	handle("PATCH", "/topics/{name}", auth.Run, a.patchTopic)
	handle("DELETE", "/topics/{name}", auth.Run, a.deleteTopic)
	handle("DELETE", "/topics/{name}/groups/{group}", auth.Run, a.deleteGroup)
	handle("GET", "/topic/{name}", auth.Read, a.getTopic)
	handle("POST", "/topic/{name}", auth.Run, a.postTopic)
	handle("POST", "/topic/{name}/ack", auth.Run, a.postAck)
}

// store is where the Topics are; a Hub may have none.
func (a *API) store() (*topic.Store, error) {
	if a.Topics == nil {
		return nil, waverider.Errorf(waverider.NotFound, "this Hub keeps no Topics")
	}
	return a.Topics, nil
}

// named is the Topic name of a request, and where its Topic is.
func (a *API) named(r *http.Request) (*topic.Store, waverider.TopicName, error) {
	name, err := waverider.ParseTopicRef(r.PathValue("name"))
	if err != nil {
		return nil, "", err
	}
	if a.May != nil {
		if err := a.May(r, name); err != nil {
			return nil, "", err
		}
	}
	store, err := a.store()
	return store, name, err
}

// topicNamed finds the Topic of a request.
func (a *API) topicNamed(r *http.Request) (*topic.Topic, error) {
	store, name, err := a.named(r)
	if err != nil {
		return nil, err
	}
	return store.Topic(name)
}

// reaches refuses a scope that Topics here cannot have.
func (a *API) reaches(scope waverider.Scope) error {
	if scope == waverider.ScopeSpace && (a.Linked == nil || !a.Linked()) {
		return waverider.Errorf(waverider.Conflict, "this Hub has not joined a Space; join one with waverider hub --space URL --join TOKEN")
	}
	return nil
}

func (a *API) log() *slog.Logger {
	if a.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return a.Log
}

func (a *API) stored(records uint64, bytes int) {
	if a.Stored != nil {
		a.Stored(records, bytes)
	}
}

func (a *API) sent(records uint64, bytes int) {
	if a.Sent != nil {
		a.Sent(records, bytes)
	}
}
