// Package demo is what `waverider demo` does: it runs a Space of its own with two
// Hubs, one that measures and one that computes, joined by Topics, cuts and heals
// the way between them, and shows in the terminal what flows and that no cut and
// no kill makes it lose, double or reorder a record. The Sequences are in
// sequences/, and are examples of how to write one.
package demo
