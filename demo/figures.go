package demo

import (
	"fmt"
	"math"
)

// figure is a row of the display.
type figure struct {
	pointer string
	label   string
	show    func(float64) string
	full    float64 // the value of a full bar; 0: the largest shown
	spare   bool    // left out where there is no room
}

var figures = []figure{
	{"/cpu/busy", "CPU", percent, 1, false},
	{"/memory/share", "memory", percent, 1, false},
	{"/disk/share", "disk used", percent, 1, true},
	{"/disk/read", "disk read", rate, 0, true},
	{"/disk/written", "disk write", rate, 0, false},
	{"/network/in", "network in", rate, 0, false},
	{"/network/out", "network out", rate, 0, false},
}

// figureOf finds a figure; one that the display has no row for is shown as it is.
func figureOf(pointer string) figure {
	for _, f := range figures {
		if f.pointer == pointer {
			return f
		}
	}
	return figure{pointer: pointer, label: pointer, show: func(v float64) string { return fmt.Sprint(v) }}
}

func percent(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }

func rate(v float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if v < 999.5 || unit == "GB" {
			if unit == "B" {
				return fmt.Sprintf("%.0f B/s", v)
			}
			return fmt.Sprintf("%.1f %s/s", v, unit)
		}
		v /= 1000
	}
	return ""
}

// steps are the bars of a chart, lowest first.
var steps = []rune("▁▂▃▄▅▆▇█")

// chart draws values, oldest first, into width columns: each column is the
// largest of the values it stands for, so that no peak is lost.
func chart(values []float64, full float64, width int) string {
	if width <= 0 || len(values) == 0 {
		return ""
	}
	if full == 0 {
		for _, v := range values {
			full = math.Max(full, v)
		}
	}
	columns := min(width, len(values))
	out := make([]rune, columns)
	for i := range out {
		from, to := i*len(values)/columns, (i+1)*len(values)/columns
		largest := values[from]
		for _, v := range values[from:to] {
			largest = math.Max(largest, v)
		}
		out[i] = step(largest, full)
	}
	return string(out)
}

func step(v, full float64) rune {
	if full <= 0 || v <= 0 || math.IsNaN(v) {
		return steps[0]
	}
	at := int(v / full * float64(len(steps)))
	return steps[min(at, len(steps)-1)]
}
