// Package runner is the runner protocol (docs/runner-protocol.md): its frames,
// the Hub's end of a channel, and the embedded runners of each language, which
// are other people's process to us. It knows nothing of how that process came
// to be, nor what its bytes mean.
package runner
