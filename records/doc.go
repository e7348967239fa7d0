// Package records keeps what a Space has to remember: small JSON values by
// key, in named collections. A change is on disk before it is answered, and a
// change that somebody else has made meanwhile is noticed by the Rev of
// the value.
//
// All values are in memory as well, so reads cost nothing and there is a limit
// to how much may be kept. Only one Store may be open on a Bus at a time. Keys
// appear in errors and logs: a secret is no key.
//
// What the values mean, and how they refer to each other, is left to those who
// store them.
package records
