//go:build !linux

package doctor

import (
	"context"
	"runtime"
)

func sandbox(context.Context) []Finding {
	return do(one("sandbox", Warn, "none on %s: programs run with the rights of the Hub, and are ended as a process group", runtime.GOOS),
		"run programs that you don't trust on Linux")
}
