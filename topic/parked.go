package topic

import (
	"context"
	"slices"

	"waverider"
	"waverider/topic/ledger"
)

// Park is Ensure for records of a producer that have no place in the Topic
// cfg.Name because it is of another type: it finds the Topic that they were parked
// in before, or finds or makes the one that is named after both cfg.Name and from.
func (s *Store) Park(ctx context.Context, cfg waverider.TopicConfig, producer, from string) (t *Topic, made bool, err error) {
	if t = s.Parked(cfg.Name, producer); t == nil {
		cfg.Name = cfg.Name.Parked(from)
		if t, made, err = s.put(ctx, cfg); err != nil {
			return nil, false, err
		}
	}
	if err := t.Takes(cfg.ContentType); err != nil {
		return nil, made, err
	}
	return t, made, t.parks(producer)
}

// Parked finds the Topic in which records of a producer for the Topic name are
// parked, whatever where they are from was called then; nil when there is none.
func (s *Store) Parked(name waverider.TopicName, producer string) *Topic {
	for _, t := range s.Topics() {
		if t.name.ParkedOf() == name && t.parked(producer) {
			return t
		}
	}
	return nil
}

func (t *Topic) parked(producer string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended == nil && !t.meta.Deleting && slices.Contains(t.meta.Parked, producer)
}

// parks writes down that records of a producer are parked in the Topic.
func (t *Topic) parks(producer string) error {
	if t.parked(producer) {
		return nil
	}
	return t.put(func(meta *ledger.Topic) error {
		if !slices.Contains(meta.Parked, producer) {
			meta.Parked = append(slices.Clone(meta.Parked), producer)
		}
		return nil
	})
}
