// Package demo is what `waverider demo` does: it runs a Hub of its own with two
// Sequences, hands the output of one to the input of the other, and shows the
// result in the terminal. The Sequences are in sequences/, and are examples of
// how to write one.
package demo
