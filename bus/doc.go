// Package bus keeps messages on disk, in streams, for the Topics of one Hub. It runs nats-server inside the process,
// with no port open, and is the only package that knows it.
//
// A stream stores messages under subjects and gives each a sequence. A message says which sequence its subject ended
// with when it was made; the stream refuses it when that is no longer so. With this a writer finds out whether a
// message of unknown fate was stored, and an old writer cannot write after a new one.
//
// What is in a message, who may read it and how long it is kept is left to package topic. So is the lock on the
// folder: two processes must never open the same one.
package bus
