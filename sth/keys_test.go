package sth

import (
	"testing"

	"github.com/spf13/pflag"
)

func TestEveryKeyOfAFileHasItsOption(t *testing.T) {
	var o Options
	f := pflag.NewFlagSet("sth", pflag.ContinueOnError)
	o.Register(f)
	for key, option := range keys {
		if option != "" && option != freeMemKey && option != freeSpaceKey && f.Lookup(option) == nil {
			t.Errorf("%s stands for --%s, which is no option", key, option)
		}
	}
	for _, note := range notes {
		for _, option := range note.options {
			if f.Lookup(option) == nil {
				t.Errorf("%q is said of --%s, which is no option", note.text, option)
			}
		}
	}
}
