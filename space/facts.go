package space

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"

	"waverider"
	"waverider/link"
	"waverider/topic"
)

// factsBytes is about how much one message says of Topics.
const factsBytes = 256 << 10

var factsSeed = maphash.MakeSeed()

// topicFacts are the facts of a Topic here.
type topicFacts struct{ link.TopicFacts }

func factsOf(t *topic.Topic) topicFacts {
	cfg := t.Config()
	return topicFacts{link.TopicFacts{ContentType: cfg.ContentType, TopicFacts: cfg.Facts()}}
}

// text is for the audit.
func (f topicFacts) text() string {
	text, _ := json.Marshal(f.TopicFacts.TopicFacts) // texts
	return string(text)
}

// shareFacts tells the Hub what the Space has decided about the Topics that both
// have, now and whenever it changes, until the session ends.
func (c *session) shareFacts(ctx context.Context) {
	for {
		changes := c.member.space.cfg.Topics.Changes()
		if err := c.tellFacts(""); err != nil {
			return // the end of the session tells more
		}
		select {
		case <-changes:
		case <-c.listed:
		case <-ctx.Done():
			return
		}
	}
}

// tellFacts tells of those Topics of the Hub that it was not told of as they are
// now, and of the one named, which it has too. Who speaks later says the newer.
func (c *session) tellFacts(also string) error {
	c.facting.Lock()
	defer c.facting.Unlock()
	m := c.member
	m.mu.Lock()
	raw := m.entities.Topics
	m.mu.Unlock()
	var names []string
	_ = json.Unmarshal(raw, &names) // what is no list of names names none
	if also != "" {
		names = append(names, also)
	}
	news, size := map[string]link.TopicFacts{}, 0
	flush := func() error {
		if len(news) == 0 {
			return nil
		}
		err := c.Send(link.MessageFacts, link.Facts{Topics: news})
		news, size = map[string]link.TopicFacts{}, 0
		return err
	}
	told := make(map[string]uint64, len(names))
	for _, name := range names {
		t, err := m.space.cfg.Topics.Topic(waverider.TopicName(name))
		if err != nil || m.may(t.Name()) != nil {
			continue
		}
		f := factsOf(t)
		text := f.text()
		sum := maphash.String(factsSeed, f.ContentType+"\x00"+text)
		if told[name] = sum; c.told[name] == sum {
			continue
		}
		news[name] = f.TopicFacts
		if size += len(name) + len(text); size > factsBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	c.told = told
	return nil
}

// deletes refuses to remove a Topic that Hubs have too: they would bring it back.
func (s *Space) deletes(ctx context.Context, t *topic.Topic, force bool) (note string, err error) {
	if force {
		return " from the Space", nil
	}
	var have []string
	for _, m := range s.list() {
		has, err := m.has(ctx, t)
		if err != nil {
			return "", err
		}
		if has {
			have = append(have, m.Record().Name)
		}
	}
	if len(have) > 0 {
		return "", waverider.Errorf(waverider.Conflict, "Hubs have Topic %s too, and would bring it back: %s. Delete it there first, or here alone with force", t.Name(), strings.Join(have, ", "))
	}
	return " from the Space", nil
}

// has tells whether the Hub has the Topic too. Of one that has said nothing since
// the Space was started it is taken from what is on disk: that it reads the Topic,
// or has written to it.
func (m *member) has(ctx context.Context, t *topic.Topic) (bool, error) {
	if m.may(t.Name()) != nil {
		return false, nil
	}
	m.mu.Lock()
	raw, reads := m.entities.Topics, m.rec.Reads
	m.mu.Unlock()
	if _, wants := slices.BinarySearch(reads, string(t.Name())); wants {
		return true, nil
	}
	if raw != nil {
		var names []string
		_ = json.Unmarshal(raw, &names)
		return slices.Contains(names, string(t.Name())), nil
	}
	w, err := t.Writer(ctx, m.far())
	if err != nil {
		return false, err
	}
	defer w.Close()
	return w.Last() != (topic.State{}), nil
}
