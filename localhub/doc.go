// Package localhub runs a Hub or a Space of one's own for a while: a child
// process of this very program, on a free port of the loopback, with a data dir
// that goes with it. `waverider demo` and `waverider dev` stand on it; talking to
// what runs is for client.
package localhub
