package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Kind says when a stream acknowledges a message. It is fixed when the stream is made.
type Kind int

const (
	// Sync acknowledges after the fsync. Several messages can go in at once, all or none, with one fsync.
	Sync Kind = iota
	// Async acknowledges before the message is in the file. A kill or a power cut may lose the newest ones.
	Async
)

func (k Kind) String() string {
	if k == Async {
		return "async"
	}
	return "sync"
}

// A Stream takes the messages of its subjects, which may hold wildcards. No two streams may share a subject.
type Stream struct {
	Name     string
	Subjects []string
	Kind     Kind
}

// State tells what a stream holds. First and Last are sequences; with no message left First is Last + 1.
type State struct {
	Name            string
	First, Last     uint64
	Messages, Bytes uint64
}

// leastWindow is how long message ids are remembered, of which there are none. At its start the engine reads all that
// came within the window, which by default is two minutes.
const leastWindow = 100 * time.Millisecond

func (s Stream) config() server.StreamConfig {
	c := server.StreamConfig{
		Name:         s.Name,
		Subjects:     s.Subjects,
		Storage:      server.FileStorage,
		Replicas:     1,
		Retention:    server.LimitsPolicy,
		Discard:      server.DiscardNew, // what is dropped is decided above, never here
		Compression:  server.NoCompression,
		MaxMsgs:      -1,
		MaxBytes:     -1,
		MaxConsumers: -1,
		MaxMsgsPer:   -1,
		MaxMsgSize:   -1,
		AllowDirect:  true,
		Duplicates:   leastWindow,
	}
	if s.Kind == Async {
		c.PersistMode = server.AsyncPersistMode
	} else {
		c.AllowAtomicPublish = true
	}
	return c
}

// Ensure makes the stream or finds it as it is. It is an error when there is one of that name with another kind or
// other subjects.
func (b *Bus) Ensure(ctx context.Context, s Stream) error {
	var info server.JSApiStreamInfoResponse
	err := b.request(ctx, answerWithin, "$JS.API.STREAM.INFO."+s.Name, nil, &info)
	if errors.Is(err, ErrNoStream) {
		err = b.request(ctx, changeWithin, "$JS.API.STREAM.CREATE."+s.Name, s.config(), &info)
	}
	if err != nil {
		return fmt.Errorf("make stream %s: %w", s.Name, err)
	}
	kind := Sync
	if info.Config.PersistMode == server.AsyncPersistMode {
		kind = Async
	}
	if kind != s.Kind {
		return fmt.Errorf("make stream %s: it is there with kind %v, not %v", s.Name, kind, s.Kind)
	}
	if !slices.Equal(info.Config.Subjects, s.Subjects) {
		return fmt.Errorf("make stream %s: it is there with subjects %v, not %v", s.Name, info.Config.Subjects, s.Subjects)
	}
	return nil
}

// Delete drops a stream and all its messages. A missing one is no error.
func (b *Bus) Delete(ctx context.Context, name string) error {
	err := b.request(ctx, changeWithin, "$JS.API.STREAM.DELETE."+name, nil, nil)
	if err != nil && !errors.Is(err, ErrNoStream) {
		return fmt.Errorf("delete stream %s: %w", name, err)
	}
	if e, err := b.running(); err == nil {
		e.forget(name)
	}
	return nil
}

// State returns ErrNoStream when there is no such stream.
func (b *Bus) State(ctx context.Context, name string) (State, error) {
	var info server.JSApiStreamInfoResponse
	if err := b.request(ctx, answerWithin, "$JS.API.STREAM.INFO."+name, nil, &info); err != nil {
		return State{}, fmt.Errorf("state of stream %s: %w", name, err)
	}
	return stateOf(info.StreamInfo), nil
}

// Streams returns all streams, ordered by name.
func (b *Bus) Streams(ctx context.Context) ([]State, error) {
	var all []State
	for {
		var page server.JSApiStreamListResponse
		ask := server.JSApiStreamListRequest{ApiPagedRequest: server.ApiPagedRequest{Offset: len(all)}}
		if err := b.request(ctx, answerWithin, "$JS.API.STREAM.LIST", ask, &page); err != nil {
			return nil, fmt.Errorf("list streams: %w", err)
		}
		for _, info := range page.Streams {
			all = append(all, stateOf(info))
		}
		if len(page.Streams) == 0 || len(all) >= page.Total {
			return all, nil
		}
	}
}

func stateOf(info *server.StreamInfo) State {
	return State{
		Name:     info.Config.Name,
		First:    info.State.FirstSeq,
		Last:     info.State.LastSeq,
		Messages: info.State.Msgs,
		Bytes:    info.State.Bytes,
	}
}

// Purge drops the messages of a subject, which may hold wildcards, that have a sequence below before. With before 0 it
// drops all of them, with subject "" those of every subject. The space comes back some seconds later, by whole blocks.
func (b *Bus) Purge(ctx context.Context, stream, subject string, before uint64) error {
	ask := server.JSApiStreamPurgeRequest{Subject: subject, Sequence: before}
	if err := b.request(ctx, changeWithin, "$JS.API.STREAM.PURGE."+stream, ask, nil); err != nil {
		return fmt.Errorf("purge %s of stream %s: %w", subject, stream, err)
	}
	return nil
}

// Subjects returns the subjects that match one with wildcards and have messages.
func (b *Bus) Subjects(ctx context.Context, stream, filter string) ([]string, error) {
	var all []string
	for {
		var info server.JSApiStreamInfoResponse
		ask := server.JSApiStreamInfoRequest{SubjectsFilter: filter, ApiPagedRequest: server.ApiPagedRequest{Offset: len(all)}}
		if err := b.request(ctx, answerWithin, "$JS.API.STREAM.INFO."+stream, ask, &info); err != nil {
			return nil, fmt.Errorf("subjects of stream %s: %w", stream, err)
		}
		for subject := range info.State.Subjects {
			all = append(all, subject)
		}
		if len(info.State.Subjects) == 0 || len(all) >= info.Total {
			slices.Sort(all)
			return all, nil
		}
	}
}
