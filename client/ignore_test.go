package client_test

import (
	"testing"

	"waverider/client"
)

func TestUnwatchedIsWhatNobodyWrites(t *testing.T) {
	dir := folderOf(t, map[string]string{
		".gitignore": "dist/\n*.log\n", ".waveriderignore": "/src/\n", ".siignore": "docs\n",
	})
	for _, c := range []struct {
		name          string
		folder        bool
		plain, asMade bool // unwatched without a build, with one
	}{
		{name: "index.js"},
		{name: "package.json"},
		{name: ".gitignore"},
		{name: ".waveriderignore"},
		{name: "node_modules", folder: true, plain: true, asMade: true},
		{name: "lib/node_modules", folder: true, plain: true, asMade: true},
		{name: ".git", folder: true, plain: true, asMade: true},
		{name: "dist", folder: true, plain: true, asMade: true},
		{name: "a.log", plain: true, asMade: true},
		{name: "src", folder: true, plain: true},
		{name: "docs", folder: true, plain: true},
	} {
		for built, want := range map[bool]bool{false: c.plain, true: c.asMade} {
			skips, err := client.Unwatched(dir, built)
			if err != nil {
				t.Fatal(err)
			}
			if got := skips(c.name, c.folder); got != want {
				t.Errorf("%s, built %v: unwatched %v, want %v", c.name, built, got, want)
			}
		}
	}
}
