package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// ledgerCut cuts the file that everything hangs on. The Hub has to refuse with
// words, unless only room was cut that nothing stands in, and to be whole again
// once the file is.
func (s *damageSet) ledgerCut(ctx context.Context) error {
	for _, keep := range []float64{gone, 0, 0.3, 0.9} {
		var path string
		err := s.on(ctx, "stopped", func(dir string) error {
			path = filepath.Join(dir, "topics", "topics.db")
			if keep == gone {
				return os.Remove(path)
			}
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, int64(float64(info.Size())*keep))
		}, func() error { return s.allThere(ctx, "topics.db cut where it is empty") })
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && keep < 0.5:
			s.r.res.failf("%.0f %% left of topics.db: the Hub starts", max(keep, 0)*100)
		case err == nil:
		case !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "damaged") && !strings.Contains(err.Error(), "missing"):
			s.r.res.failf("%.0f %% left of topics.db: the refusal does not say what is wrong: %v", max(keep, 0)*100, err)
		}
		s.r.res.round()
	}
	return s.on(ctx, "stopped", func(string) error { return nil }, func() error { return s.allThere(ctx, "topics.db as it was") })
}

const gone = -1 // instead of a part that is left

func (s *damageSet) allThere(ctx context.Context, what string) error {
	for _, t := range append(s.victims, s.others...) {
		if _, err := s.look(ctx, t, what, false); err != nil {
			return err
		}
	}
	return nil
}
