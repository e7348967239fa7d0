// Package runtimetest is the one suite that every runtime.Runtime is held to,
// and the programs it runs: a runner in Go that does what the name of its main
// says. A test binary becomes that runner when its TestMain calls Program
// first. What a Runtime does inside is for its own tests.
package runtimetest
