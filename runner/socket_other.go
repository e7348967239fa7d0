//go:build !unix

package runner

import "io/fs"

func restrict(uintptr) {}

func owner(fs.FileInfo) (int, bool) { return 0, false }
