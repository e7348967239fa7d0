// Package cli is the commands a user types, one file per noun. It speaks to
// Hubs through client only, and shows: results on stdout, everything else on
// stderr. Running a Hub is wired in cmd/waverider.
package cli
