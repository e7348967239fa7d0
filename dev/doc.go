// Package dev is what `waverider dev` does: it watches the folder of a
// Sequence, gives it to a Hub anew at each change, runs it, and shows all that
// the program says. Which Hub it is, the caller knows.
package dev
