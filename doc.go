// Package waverider holds the nouns of the mesh: Manifest, Sequence, Instance,
// Hub, Error and the named types of their ids. It imports the standard library
// only and does nothing by itself; each part of the system lives in its own
// folder and speaks in these words.
package waverider
