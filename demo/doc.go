// Package demo is what `waverider demo` does: it runs a Hub of its own with
// three Sequences in a row, joined by Topics, and shows in the terminal what
// flows through them and that no kill makes it lose or double a record. The
// Sequences are in sequences/, and are examples of how to write one.
package demo
