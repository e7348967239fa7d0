// Package runnertest is a small runner in Go for tests: it speaks the runner's
// side of the protocol (docs/runner-protocol.md) without running any user code,
// echoes, generates, loses its connection and breaks the rules on demand. It
// shares only the frames with package runner, so that one checks the other.
package runnertest
