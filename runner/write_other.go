//go:build !unix

package runner

import "syscall"

func newRawWriter(syscall.RawConn) tryWriter { return blockingWriter{} }
