package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"waverider"
	"waverider/topic"
)

const (
	helloWithin = 10 * time.Second
	wordsWithin = 2 * time.Second
	roomEvery   = 250 * time.Millisecond // a full disk is looked at
)

// ReceiverOptions say what one process takes from its peers. The zero value is
// ready.
type ReceiverOptions struct {
	Window  int // bytes a sender may have sent before an ack; 0: 8 MiB
	Streams int // of one peer at once; 0: 20,000
	Topics  int // that one peer may make in the time of the process; 0: 20,000
	Log     *slog.Logger

	// Called, if not nil, when a peer did what no peer of its kind does; when its
	// records of a Topic have another name here; and when records are missing
	// that it did not have any more.
	OnBreach func(p Peer, topic waverider.TopicName, why error)
	OnParked func(p Peer, topic, as waverider.TopicName)
	OnMissed func(p Peer, topic waverider.TopicName, records uint64)
}

// Peer is who a stream comes from.
type Peer struct {
	Producer string // that stands for it here: topic.FarSpace, or topic.FarHub and an id
	Name     string // for people, and for Topics that are parked

	// Allow says, if it is not nil, whether the peer may write to a Topic; its
	// error is told to it.
	Allow func(waverider.TopicName) error

	// Make, if it is not nil, is given the Topic that the peer's records are to make,
	// and may change what is not the peer's to say.
	Make func(*waverider.TopicConfig)
}

// Receiver takes records from peers. There is one of a Store.
type Receiver struct {
	ReceiverOptions
	store *topic.Store

	mu     sync.Mutex
	owners map[key]*owner
	peers  map[string]*guest
	meters map[key]*Meter // by the name at the peer
}

type key struct {
	topic    waverider.TopicName
	producer string
}

// guest is what one peer takes up.
type guest struct {
	streams, made int
	gone          bool // to be forgotten after its last stream
}

// owner is the stream that writes to a Topic for a peer.
type owner struct {
	end  context.CancelCauseFunc
	done chan struct{}
}

// NewReceiver makes the Receiver of a Store.
func NewReceiver(store *topic.Store, o ReceiverOptions) *Receiver {
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.Streams <= 0 {
		o.Streams = 20_000
	}
	if o.Topics <= 0 {
		o.Topics = 20_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Receiver{ReceiverOptions: o, store: store, owners: map[key]*owner{}, peers: map[string]*guest{}, meters: map[key]*Meter{}}
}

// Serve takes the records of one stream until it, outer or the Topic ends, and
// closes conn. It is nil when the peer has closed the stream between two frames,
// and a Breach when the peer broke the rules.
func (r *Receiver) Serve(outer context.Context, conn net.Conn, from Peer) error {
	closed := make(chan struct{})
	over := context.AfterFunc(outer, func() { defer close(closed); _ = conn.Close() })
	ctx, end := context.WithCancelCause(outer)
	defer end(nil)
	hurried := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(hurried)
		_ = conn.SetReadDeadline(time.Now())
		_ = conn.SetWriteDeadline(time.Now().Add(wordsWithin)) // the peer shall know why
	})
	in := &inlet{r: r, conn: conn, from: from, end: end}
	err := in.serve(ctx)
	var b *Breach
	broken := errors.As(err, &b) // who breaks the rules and runs is reported all the same
	if !stop() {
		<-hurried
		if !broken {
			err = context.Cause(ctx)
		}
	} else if outer.Err() != nil && !broken {
		err = context.Cause(outer)
	}
	if err != nil {
		in.say(err)
	}
	if _ = conn.Close(); !over() {
		<-closed
	}
	if in.meter != nil && err != nil {
		in.meter.err.Store(err.Error())
	}
	if broken || errors.As(err, &b) {
		r.Log.Error("the other side of a topic breaks the rules", "peer", from.Name, "topic", in.name, "what", b.What)
		if r.OnBreach != nil {
			r.OnBreach(from, in.name, err)
		}
	}
	return err
}

// Stats is what was received, by Topic and peer.
func (r *Receiver) Stats() []Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Stats, 0, len(r.meters))
	for k, m := range r.meters {
		s := m.Stats()
		s.Topic, s.Peer = k.topic, k.producer
		list = append(list, s)
	}
	return list
}

// Forget drops what is counted of a peer that will not come back, at the latest
// when its last stream has ended.
func (r *Receiver) Forget(producer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.peers[producer]; g != nil && g.streams > 0 {
		g.gone = true
		return
	}
	r.forget(producer)
}

// forget does it. r.mu is held.
func (r *Receiver) forget(producer string) {
	delete(r.peers, producer)
	for k := range r.meters {
		if k.producer == producer {
			delete(r.meters, k)
		}
	}
}

// admit counts a stream of a peer; the caller calls leave.
func (r *Receiver) admit(p Peer) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.peers[p.Producer]
	if g == nil {
		g = &guest{}
		r.peers[p.Producer] = g
	}
	if g.streams >= r.Streams {
		return nil, waverider.Errorf(waverider.Overloaded, "%d streams of Topics are open already; close some", g.streams)
	}
	g.streams++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if g.streams--; g.streams == 0 && g.gone {
			r.forget(p.Producer)
		}
	}, nil
}

// makes lets a Topic be made for a peer, and counts it if that was so.
func (r *Receiver) makes(p Peer, find func() (made bool, err error)) error {
	r.mu.Lock()
	g := r.peers[p.Producer]
	if g.made >= r.Topics {
		defer r.mu.Unlock()
		return waverider.Errorf(waverider.Overloaded, "%d Topics were made for this peer already, and no more are until a restart", g.made)
	}
	g.made++ // others of the peer shall not make it meanwhile
	r.mu.Unlock()
	made, err := find()
	if !made {
		r.mu.Lock()
		g.made--
		r.mu.Unlock()
	}
	return err
}

// meter is the counter of what a peer sends of one of its Topics.
func (r *Receiver) meter(name waverider.TopicName, p Peer) *Meter {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := key{name, p.Producer}
	if r.meters[k] == nil {
		r.meters[k] = &Meter{}
	}
	return r.meters[k]
}

var errReplaced = waverider.Errorf(waverider.Conflict, "a newer stream of the same Topic has taken over")

// own makes a stream the only one that writes to a Topic for its peer: it ends
// the one before and waits for its end.
func (r *Receiver) own(k key, end context.CancelCauseFunc) (release func()) {
	mine := &owner{end, make(chan struct{})}
	r.mu.Lock()
	before := r.owners[k]
	r.owners[k] = mine
	r.mu.Unlock()
	if before != nil {
		before.end(errReplaced)
		<-before.done
	}
	return func() {
		r.mu.Lock()
		if r.owners[k] == mine {
			delete(r.owners, k)
		}
		r.mu.Unlock()
		close(mine.done)
	}
}

// inlet is one stream that is received.
type inlet struct {
	r     *Receiver
	conn  net.Conn
	in    unpacker
	from  Peer
	end   context.CancelCauseFunc
	name  waverider.TopicName // as the peer has it
	lines bool                // each record is a line
	meter *Meter
	out   *topic.Writer
	known known
	epoch uint32 // of what was added last
}

// say tells the peer why the stream ends. What it still sends is in the way of
// the words at most for so long.
func (in *inlet) say(err error) {
	words := refuse(err)
	var b *Breach
	switch {
	case errors.As(err, &b):
		words = refusal{Error: b.What, Kind: waverider.Invalid}
	case errors.Is(err, context.Canceled):
		words = refusal{Error: "this side ends the stream; go on when it is back", Kind: waverider.Unavailable}
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) {
		return
	}
	if in.conn.SetWriteDeadline(time.Now().Add(wordsWithin)) != nil {
		return
	}
	if in.out == nil {
		_ = writeLine(in.conn, words)
		return
	}
	_, _ = in.conn.Write(wordsOf(words))
}

func (in *inlet) serve(ctx context.Context) error {
	leave, err := in.r.admit(in.from)
	if err != nil {
		return err
	}
	defer leave()
	h, err := in.hear(ctx)
	if err != nil {
		return err
	}
	t, err := in.place(ctx, h)
	if err != nil {
		return err
	}
	defer context.AfterFunc(t.Life(), func() { in.end(context.Cause(t.Life())) })()
	defer in.r.own(key{t.Name(), in.from.Producer}, in.end)()
	out, err := in.takeOver(ctx, t)
	if err != nil {
		return err
	}
	defer out.Close()
	at := placeOf(out.Last())
	in.epoch, in.known.ends = at.Epoch, map[uint32]uint64{at.Epoch: at.End}
	if err := in.conn.SetWriteDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	a := answer{At: at, As: t.Name(), Window: in.r.Window, Pack: packOf(h)}
	for _, p := range out.Past() {
		a.Past = append(a.Past, placeOf(p))
		in.known.ends[p.Epoch] = p.End
	}
	if err := writeLine(in.conn, a); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if err := in.conn.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	if ctx.Err() != nil { // and the deadlines of its end are taken back
		return context.Cause(ctx)
	}
	in.out = out
	in.meter.as.Store(t.Name())
	in.meter.running.Add(1)
	defer in.meter.running.Add(^uint64(0))
	return in.take(ctx)
}

// hear reads the hello and judges it.
func (in *inlet) hear(ctx context.Context) (h hello, err error) {
	if err := in.conn.SetReadDeadline(time.Now().Add(helloWithin)); err != nil {
		return h, err
	}
	if err := readLine(in.conn, &h); err != nil {
		return h, err
	}
	if err := in.conn.SetReadDeadline(time.Time{}); err != nil {
		return h, err
	}
	if ctx.Err() != nil { // and the deadline of its end is taken back
		return h, context.Cause(ctx)
	}
	name, err := waverider.ParseTopicName(string(h.Topic))
	if err != nil {
		return h, breach("a Topic named %.250q", string(h.Topic))
	}
	in.name = name
	if in.from.Allow != nil {
		if err := in.from.Allow(name); err != nil {
			return h, err
		}
	}
	h.Config.Name, h.Config.ContentType, h.Config.Scope = name, h.ContentType, waverider.ScopeSpace
	if err := h.Config.Validate(); err != nil {
		return h, breach("a Topic that cannot be: %v", err)
	}
	return h, nil
}

// place finds or makes the Topic that the records go to.
func (in *inlet) place(ctx context.Context, h hello) (*topic.Topic, error) {
	cfg := h.Config
	if in.from.Make != nil {
		in.from.Make(&cfg)
	}
	t, err := in.r.store.Topic(cfg.Name)
	if err != nil {
		err = in.r.makes(in.from, func() (made bool, err error) {
			if t, err = in.r.store.Create(ctx, cfg); waverider.KindOf(err) != waverider.Conflict {
				return err == nil, err
			}
			t, err = in.r.store.Ensure(ctx, cfg) // somebody else has just made it
			return false, err
		})
	} else if err = t.Takes(cfg.ContentType); err == nil && t.Config().Durability == waverider.DurabilityMemory {
		err = waverider.Errorf(waverider.Unsupported, "Topic %s is kept in memory here", cfg.Name)
	}
	if waverider.KindOf(err) == waverider.Unsupported {
		t, err = in.park(ctx, cfg, err)
	}
	if err != nil {
		return nil, err
	}
	in.lines = cfg.ContentType == waverider.TypeNDJSON || cfg.ContentType == waverider.TypeTextNDJSON
	in.meter = in.r.meter(in.name, in.from)
	return t, nil
}

// park finds or makes the Topic for records that have no place where they should
// go.
func (in *inlet) park(ctx context.Context, cfg waverider.TopicConfig, why error) (t *topic.Topic, err error) {
	store, from := in.r.store, in.from
	cfg.Scope = waverider.ScopeHub
	park := func() (made bool, err error) {
		t, made, err = store.Park(ctx, cfg, from.Producer, from.Name)
		return made, err
	}
	if store.Parked(cfg.Name, from.Producer) != nil {
		_, err = park()
	} else {
		err = in.r.makes(from, park)
	}
	if err != nil {
		return nil, err
	}
	in.r.Log.Warn("records of a topic are parked", "peer", from.Name, "topic", cfg.Name, "as", t.Name(), "why", why)
	if in.r.OnParked != nil {
		in.r.OnParked(from, cfg.Name, t.Name())
	}
	return t, nil
}

func placeOf(s topic.State) place { return place{s.Epoch, s.End} }

// takeOver waits for room if that is why what was added before is not stored.
func (in *inlet) takeOver(ctx context.Context, t *topic.Topic) (*topic.Writer, error) {
	for {
		w, err := t.TakeOver(ctx, in.from.Producer)
		if waverider.KindOf(err) != waverider.Full {
			return w, err
		}
		if err := pause(ctx, roomEvery); err != nil {
			return nil, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
