package pump

import (
	"context"
	"time"

	"waverider"
	"waverider/topic"
)

// flush waits until everything is durable, also through a full disk.
func (d *drain) flush(ctx context.Context) error {
	for {
		_, err := d.w.Flush(ctx)
		switch waverider.KindOf(err) {
		case waverider.Full:
		case waverider.Gone: // it was deleted, and with it what was on its way there
			return nil
		default:
			return err
		}
		if err := awaitDisk(ctx); err != nil {
			return err
		}
	}
}

// open finds or makes the Topic, and waits for room to make it.
func (o *Output) open(ctx context.Context) (*topic.Topic, error) {
	for {
		t, err := o.Topic(ctx)
		if waverider.KindOf(err) != waverider.Full {
			return t, err
		}
		if err := awaitDisk(ctx); err != nil {
			return nil, err
		}
	}
}

// awaitDisk waits a moment for room on the disk.
func awaitDisk(ctx context.Context) error {
	select {
	case <-time.After(retryFull):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const retryFull = 250 * time.Millisecond

// append waits while the disk is full, and makes the Topic anew when it was
// deleted.
func (d *drain) append(ctx context.Context, records []byte, lengths []uint32, s topic.State) error {
	for {
		err := d.w.Append(ctx, records, lengths, s)
		if err == nil && len(lengths) > 0 {
			d.mu.Lock()
			d.appended = s.End
			d.mu.Unlock()
		}
		switch waverider.KindOf(err) {
		case waverider.Full:
			if err := awaitDisk(ctx); err != nil {
				return err
			}
		case waverider.Gone:
			t, err := d.open(ctx)
			if err != nil {
				return err
			}
			d.detach()
			if err := d.attach(ctx, t); err != nil {
				return err
			}
		default:
			return err
		}
	}
}
