package lastlines

import (
	"net/http"

	"waverider"
	"waverider/wire"
)

// errLagging cuts the answer to a reader that is too slow: it would not be whole.
var errLagging = waverider.Errorf(waverider.Unavailable, "the reader is behind by more than is kept for it")

// Follow sends the lines of a ring, then what comes.
func (l *Ring) Follow(w http.ResponseWriter, r *http.Request) error {
	f := Follower{Ring: l}
	return f.Run(w, r)
}

// Follower sends Lines, then those of Ring numbered At and later.
type Follower struct {
	Ring  *Ring
	Lines [][]byte
	At    int
	Whole bool // rather end with an error than leave lines out
}

// Run goes on with what comes, unless ?follow=false.
func (f *Follower) Run(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	out, err := wire.StreamOut(w, r, "application/octet-stream")
	if err != nil {
		return err
	}
	for {
		more, next, changed := f.Ring.From(f.At)
		if f.Whole && next-len(more) > f.At {
			return errLagging
		}
		for _, line := range append(f.Lines, more...) {
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
		if f.Lines, f.At = nil, next; r.URL.Query().Get("follow") == "false" {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}
