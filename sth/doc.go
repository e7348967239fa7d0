// Package sth reads what Scramjet's command sth, also called
// scramjet-transform-hub, is told: its options, its configuration file and its
// startup file, of release 1.0.1. It says what they mean for a Waverider Hub, in
// the names of that Hub's own settings; running one is left to its users. It
// shows log lines in the form that sth has.
package sth
