package tty_test

import (
	"bytes"
	"os"
	"testing"

	"waverider/tty"
)

func TestWhatIsNoTerminalGetsPlainText(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, terminal := range map[string]tty.Terminal{"a buffer": tty.Of(&bytes.Buffer{}, false), "a file": tty.Of(file, false)} {
		if terminal.Is() || terminal.Paint(tty.Red, "x") != "x" {
			t.Errorf("%s is taken for a terminal", name)
		}
		if w, h := terminal.Size(); w != 80 || h != 24 {
			t.Errorf("%s has %d columns and %d rows", name, w, h)
		}
	}
}
