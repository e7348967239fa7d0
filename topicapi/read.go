package topicapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"waverider"
	"waverider/auth"
	"waverider/topic"
	"waverider/wire"
)

// missedHeader, a trailer, counts the records that were to be in an answer
// and are not there any more.
const missedHeader = "Waverider-Missed"

// reading is what the parameters of a request ask for.
type reading struct {
	topic.JoinOptions
	from     bool // From was given: a reader that nobody remembers
	group    string
	limit    uint64 // 0: none
	envelope bool
}

func readingOf(r *http.Request) (reading, error) {
	p := parametersOf(r)
	var q reading
	q.From, q.from = p.from("from")
	q.limit = p.count("limit")
	q.UntilNow = !p.flag("follow", true)
	q.envelope = p.flag("envelope", false)
	q.group = p.group("group")
	q.Expire = p.duration("expire")
	q.AckWait = p.duration("ack-wait")
	switch ack := p.text("ack"); ack {
	case "", "auto":
	case "explicit":
		q.Explicit = true
	default:
		p.refuse("ack", "auto or explicit, not %.100q", ack)
	}
	if q.group == "" && (q.Explicit || q.Expire > 0) {
		p.refuse("group", "a name: ack and expire are of groups")
	}
	if q.AckWait > 0 && !q.Explicit {
		p.refuse("ack", "explicit with ack-wait")
	}
	return q, p.done()
}

// topicToRead finds the Topic of a GET, or makes it for those who may. Without
// a Content-Type any is taken: the answer names it.
func (a *API) topicToRead(r *http.Request) (*topic.Topic, error) {
	kind := ""
	if header := r.Header.Get("Content-Type"); header != "" {
		var err error
		if kind, err = waverider.ParseContentType(header); err != nil {
			return nil, err
		}
	}
	t, err := a.topicNamed(r)
	if waverider.KindOf(err) == waverider.NotFound && wire.IdentityOf(r).Allow(auth.Run) == nil {
		if kind == "" {
			kind = waverider.TypeNDJSON
		}
		return a.ensureTopic(r, kind)
	}
	if err != nil {
		return nil, err
	}
	return t, t.Takes(kind)
}

// ensureTopic finds the Topic of a request, or makes it.
func (a *API) ensureTopic(r *http.Request, contentType string) (*topic.Topic, error) {
	store, name, err := a.named(r)
	if err != nil {
		return nil, err
	}
	return store.Ensure(r.Context(), waverider.TopicConfig{Name: name, ContentType: contentType})
}

// getTopic streams records.
func (a *API) getTopic(w http.ResponseWriter, r *http.Request) error {
	q, err := readingOf(r)
	if err != nil {
		return err
	}
	if q.group != "" { // it holds records until they are acked
		if err := wire.IdentityOf(r).Allow(auth.Run); err != nil {
			return err
		}
	}
	if r.Method == http.MethodHead {
		return a.headTopic(w, r)
	}
	t, err := a.topicToRead(r)
	if err != nil {
		return err
	}
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	src, err := q.open(ctx, t)
	if err != nil {
		return err
	}
	defer src.Close()
	if a.Reads != nil {
		a.Reads(t.Name())
	}
	kind := t.Config().ContentType
	s := sender{api: a, src: src, limit: q.limit, auto: !q.Explicit, at: src.At()}
	if q.envelope {
		s.lines, kind = &envelope{kind: kind, group: q.group != ""}, waverider.TypeNDJSON
	}
	w.Header().Set(wire.CursorHeader, s.at.String())
	w.Header().Set("Trailer", wire.CursorHeader+", "+missedHeader)
	if s.out, err = wire.StreamOut(w, r, kind); err != nil {
		return err
	}
	if err := s.run(ctx); err != nil {
		return err
	}
	w.Header().Set(wire.CursorHeader, s.at.String())
	w.Header().Set(missedHeader, strconv.FormatUint(s.missed, 10))
	if member, ok := src.(*topic.Member); ok {
		member.Leave() // the answer is whole: what it has to ack it may still
	}
	return nil
}

// headTopic answers what a GET would begin with, and changes nothing: no Topic
// is made, no group begun.
func (a *API) headTopic(w http.ResponseWriter, r *http.Request) error {
	t, err := a.topicNamed(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", t.Config().ContentType)
	w.WriteHeader(http.StatusOK)
	return nil
}

// source is who gives the records of an answer.
type source interface {
	At() topic.Cursor
	Next(ctx context.Context, limit uint64) (*topic.Message, error) // limit 0: none
	Close()
}

// single is a Reader as a source.
type single struct{ *topic.Reader }

func (s single) Next(ctx context.Context, limit uint64) (*topic.Message, error) {
	m, err := s.Reader.Next(ctx)
	if err == nil && limit > 0 {
		m.Cut(limit)
	}
	return m, err
}

func (q reading) open(ctx context.Context, t *topic.Topic) (source, error) {
	if q.group != "" {
		m, err := t.Join(ctx, q.group, q.JoinOptions)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	var r *topic.Reader
	var err error
	if q.from {
		r, err = t.Reader(ctx, q.From)
	} else {
		r, err = t.Plain(ctx)
	}
	if err != nil {
		return nil, err
	}
	if q.UntilNow {
		r.UntilNow()
	}
	return single{r}, nil
}

// sender hands records on to a client.
type sender struct {
	api    *API
	src    source
	out    *wire.Stream
	lines  *envelope // nil: the records as they are
	limit  uint64    // records still wanted; 0: no limit
	auto   bool      // the socket has them, so they are acked
	at     topic.Cursor
	missed uint64
}

// run sends until the client leaves, or all it wants is sent.
func (s *sender) run(ctx context.Context) error {
	for {
		m, err := s.src.Next(ctx, s.limit)
		if errors.Is(err, io.EOF) {
			return s.last()
		} else if err != nil {
			return err
		}
		n := m.Count()
		err = s.send(m)
		m.Release()
		if err != nil {
			return err
		}
		if s.auto {
			m.Ack()
		}
		if s.limit == n {
			return nil
		}
		if s.limit > 0 {
			s.limit -= n
		}
	}
}

// last tells what is missing behind the last record: no other brings it.
func (s *sender) last() error {
	r, ok := s.src.(single)
	if !ok || r.Missed() == 0 {
		return nil
	}
	s.missed += r.Missed()
	s.at = r.At()
	if s.lines == nil {
		return nil
	}
	if _, err := fmt.Fprintf(s.out, `{"missed":%d}`+"\n", r.Missed()); err != nil {
		return err
	}
	return s.out.Flush()
}

func (s *sender) send(m *topic.Message) error {
	data := m.Data()
	if s.lines != nil {
		data = s.lines.of(m)
	}
	if _, err := s.out.Write(data); err != nil {
		return err
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	s.at = m.Cursor()
	s.missed += m.Missed
	s.api.sent(m.Count(), len(data))
	return nil
}
