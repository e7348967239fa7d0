//go:build race

package replica_test

const slow = true
