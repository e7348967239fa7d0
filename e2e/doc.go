// Package e2e drives the built program from outside, as users do: the scripts
// in testdata/cli are shell sessions with what they must print.
package e2e
