// Package topic keeps Topics: named, ordered streams of records that outlive
// the programs and the Hub that write and read them.
//
// A Store has all Topics of one Hub. Records go in through a Writer, which
// gathers them into batches and knows when they are durable, and come out
// through a Reader, from memory while it keeps up and from the disk otherwise.
// Numbers of records are contiguous and never used twice; what a damaged disk
// takes is noticed and said.
//
// The package knows nothing of HTTP and of Instances.
package topic
