// Package client is the Go client of a Hub's API: one file per noun, streams
// that end with their context, errors as waverider.Error. It keeps no state
// but its connections; choosing what to show is for cli.
package client
