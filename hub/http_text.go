package hub

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"waverider"
	"waverider/hub/journal"
	"waverider/logfile"
	"waverider/wire"
)

// getText streams stdout, stderr or the log of an Instance. Plain readers
// share a cursor; ?from=start, ?from=end or ?from=OFFSET read independently
// of it. ?follow=false ends at what is there now.
func (h *Hub) getText(name string) instanceHandler {
	return func(in *Instance, w http.ResponseWriter, r *http.Request) error {
		q := r.URL.Query()
		follow := q.Get("follow") != "false"
		ctx, cancel := wire.Long(w, r)
		defer cancel()
		l, err := in.text(ctx, name)
		if err != nil {
			return err
		}
		from, err := textStart(q.Get("from"), l)
		if err != nil {
			return err
		}
		shared := q.Get("from") == ""
		var c *cursor
		if shared {
			c, from = in.texts.join(name, l)
			defer in.texts.leave(c)
		}
		t := &textReader{in: in, name: name, log: l, follow: follow, at: from}
		w.Header().Set(wire.OffsetHeader, strconv.FormatInt(max(from, l.Start()), 10))
		out, err := wire.StreamOut(w, r, "application/octet-stream")
		if err != nil {
			return err
		}
		return t.copyTo(ctx, out, func(at int64) {
			if shared {
				in.texts.moved(c, at)
			}
		})
	}
}

// text waits for an Instance that is coming up to have its logs.
func (in *Instance) text(ctx context.Context, name string) (*logfile.Log, error) {
	_, err := in.until(ctx, func(rec journal.Instance) bool {
		return in.proc != nil || rec.Status.Ended() || rec.Epoch > 0 && in.proc == nil && rec.Restarts > 0
	})
	if err != nil {
		return nil, err
	}
	l, err := in.texts.log(name)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, waverider.Errorf(waverider.Unavailable, "Instance %s is between two runs; try again", in.id)
	}
	return l, nil
}

func textStart(from string, l *logfile.Log) (int64, error) {
	switch from {
	case "", "start":
		return l.Start(), nil
	case "end":
		return l.End(), nil
	}
	n, err := strconv.ParseInt(from, 10, 64)
	if err != nil || n < 0 {
		return 0, waverider.Errorf(waverider.Invalid, "from: want start, end or an offset in bytes, not %q", from)
	}
	return n, nil
}

// textReader follows one text over all runs of an Instance.
type textReader struct {
	in     *Instance
	name   string
	log    *logfile.Log
	follow bool
	at     int64
}

const textBuffer = 32 << 10

func (t *textReader) copyTo(ctx context.Context, out *wire.Stream, moved func(int64)) error {
	for {
		err := t.copyRun(ctx, out, moved)
		if err != nil || !t.follow {
			return err
		}
		// The run is over. When another follows, the text goes on where it was.
		before := t.log
		_, err = t.in.until(ctx, func(rec journal.Instance) bool {
			return rec.Status.Ended() || t.in.texts.other(t.name, before)
		})
		if err != nil || !t.in.texts.other(t.name, before) {
			return nil
		}
		if t.log, err = t.in.texts.log(t.name); err != nil {
			return err
		}
	}
}

// copyRun copies until the log of one run ends, or with follow unset until
// there is nothing more now.
func (t *textReader) copyRun(ctx context.Context, out *wire.Stream, moved func(int64)) error {
	r := t.log.NewReader(t.at, t.follow)
	defer r.Close()
	buf := make([]byte, textBuffer)
	for {
		n, err := r.TryRead(buf)
		if n == 0 && err == nil {
			if err := out.Flush(); err != nil || !t.follow {
				return err
			}
			n, err = r.Read(ctx, buf)
		}
		if n > 0 {
			if _, err := out.Write(buf[:n]); err != nil {
				return err
			}
			t.at = r.Offset()
			moved(t.at)
		}
		switch {
		case errors.Is(err, io.EOF):
			return out.Flush()
		case errors.Is(err, context.Canceled):
			return nil
		case err != nil:
			return err
		}
	}
}

// copyStdin writes a body to a program's stdin; a program that has closed it
// is no reason to hang.
func copyStdin(ctx context.Context, stdin io.Writer, body io.Reader) error {
	_, err := io.Copy(stdin, readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return body.Read(p)
	}))
	if err != nil {
		return cutBody(err)
	}
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
