package main

import (
	"fmt"
	"slices"
	"time"
)

// figure is one measured value with its goals and its limit.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	More  bool    `json:"more"`           // more is better; else less is
	Goal  float64 `json:"goal,omitempty"` // absolute; 0: none

	Limit     float64 `json:"limit,omitempty"`     // the same work without a Hub, measured in the same run
	LimitName string  `json:"limitName,omitempty"` //
	RatioGoal float64 `json:"ratioGoal,omitempty"` // of Value to Limit; 0: none
	Slack     float64 `json:"slack,omitempty"`     // Value may be this much over Limit; 0: no such goal

	Note string `json:"note,omitempty"`
}

func (f figure) ratio() float64 {
	if f.Limit == 0 {
		return 0
	}
	return f.Value / f.Limit
}

type verdict string

const (
	pass  verdict = "PASS"
	short verdict = "SHORT"
	none  verdict = "-"
)

func judge(has, met bool) verdict {
	switch {
	case !has:
		return none
	case met:
		return pass
	}
	return short
}

func (f figure) meets(value, goal float64) bool {
	if f.More {
		return value >= goal
	}
	return value <= goal
}

// absolute is the verdict on the figure itself.
func (f figure) absolute() verdict { return judge(f.Goal != 0, f.meets(f.Value, f.Goal)) }

// relative is the verdict on the figure beside its limit.
func (f figure) relative() verdict {
	if f.Limit == 0 {
		return none
	}
	if f.Slack != 0 {
		return judge(true, f.Value <= f.Limit+f.Slack)
	}
	return judge(f.RatioGoal != 0, f.meets(f.ratio(), f.RatioGoal))
}

// overall lets the ratio decide where there is a goal for it.
func (f figure) overall() verdict {
	if r := f.relative(); r != none {
		return r
	}
	return f.absolute()
}

func (f figure) relativeGoal() string {
	switch {
	case f.Slack != 0:
		return fmt.Sprintf("limit + %s", quantity(f.Slack, f.Unit))
	case f.RatioGoal == 0:
		return ""
	case f.More:
		return fmt.Sprintf(">= %.2f", f.RatioGoal)
	}
	return fmt.Sprintf("<= %.2f", f.RatioGoal)
}

// quantity writes a value with as many digits as it is worth.
func quantity(v float64, unit string) string {
	var text string
	switch {
	case v >= 10000:
		n := int64(v + 0.5)
		for text = fmt.Sprintf("%03d", n%1000); n >= 1000; {
			n /= 1000
			part := fmt.Sprintf("%03d", n%1000)
			if n < 1000 {
				part = fmt.Sprint(n)
			}
			text = part + "," + text
		}
	case v >= 100:
		text = fmt.Sprintf("%.0f", v)
	case v >= 10:
		text = fmt.Sprintf("%.1f", v)
	default:
		text = fmt.Sprintf("%.3f", v)
	}
	if unit == "" {
		return text
	}
	return text + " " + unit
}

// series is a list of timings.
type series []time.Duration

func (s series) median() time.Duration { return s.quantile(0.5) }

func (s series) quantile(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func (s series) note() string {
	return fmt.Sprintf("n=%d, min %.3g, max %.3g ms", len(s), millis(slices.Min(s)), millis(slices.Max(s)))
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// repeat takes n timings.
func repeat(n int, once func() (time.Duration, error)) (series, error) {
	var s series
	for len(s) < n {
		d, err := once()
		if err != nil {
			return s, err
		}
		s = append(s, d)
	}
	return s, nil
}

// inTurn takes n timings of each of two things, one after the other, so that
// what else the machine does hits both.
func inTurn(n int, ours, limit func() (time.Duration, error)) (a, b series, err error) {
	for range n {
		for _, x := range []struct {
			once func() (time.Duration, error)
			to   *series
		}{{ours, &a}, {limit, &b}} {
			d, err := x.once()
			if err != nil {
				return a, b, err
			}
			*x.to = append(*x.to, d)
		}
	}
	return a, b, nil
}

const mega = 1e6

func megabytes(n int64) float64 { return float64(n) / (1 << 20) }
