package topic

import (
	"context"

	"waverider/topic/ledger"
)

// lastWords is how far those far producers are that have no record left when
// some segments, and of another the messages before a sequence, are dropped.
// They go on there, however long ago it was: with no place they would begin
// anew, and send all again that they still have.
func (t *Topic) lastWords(ctx context.Context, whole []string, part segment, before uint64) (map[string]ledger.Place, error) {
	var gone map[string]ledger.Place
	for i := range len(whole) + 1 {
		seg := part
		if i < len(whole) {
			seg = segmentOf(t.name, whole[i])
		}
		subjects, err := t.store.bus.Subjects(ctx, seg.stream, seg.filter())
		if err != nil {
			return nil, err
		}
		for _, subject := range subjects {
			id := producerOf(subject)
			if !far(id) {
				continue
			}
			last, err := t.store.lastOf(ctx, seg.stream, subject)
			if err != nil {
				return nil, err
			}
			if last.batch == nil {
				continue
			}
			h := last.batch.Header()
			last.batch.Release()
			if seg == part && last.after >= before {
				delete(gone, id) // it is kept
				continue
			}
			if gone == nil {
				gone = map[string]ledger.Place{}
			}
			gone[id] = ledger.Place{Epoch: h.Epoch, End: h.End} // of the newest segment that goes
		}
	}
	return gone, nil
}

// withPlaces adds those of gone. What is known of others stays: it does no harm
// where newer records tell more.
func withPlaces(known map[string]ledger.Producer, gone map[string]ledger.Place) map[string]ledger.Producer {
	for id, place := range gone {
		known = with(known, id, ledger.Producer{Place: place, Past: known[id].Past})
	}
	return known
}
