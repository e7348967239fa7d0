// Package batch is the form in which the records of a Topic are stored, and
// the cutting of byte streams into records. It works on bytes only: where
// batches are kept, who reads them and which numbers they get is decided
// elsewhere.
//
// A [Splitter] turns what a producer sends into records, a [Builder] gathers
// records in one piece of memory, and Seal makes of it a [Batch], whose bytes
// are stored as they are. [Decode] is the way back.
//
// # Format, version 1
//
// Numbers are little endian. Times are milliseconds since 1970.
//
//	offset  size  field
//	     0     2  magic, "WB"
//	     2     1  version, 1
//	     3     1  codec of data and table: 0, as they are
//	     4     4  flags: which optional parts there are
//	                1  lengths in the table; else all records have one length
//	                2  times in the table; else all records have the base time
//	                4  keys in the table; else no record has a key
//	                8  cause in the header; else its three fields are 0
//	     8     8  origin: which Hub numbered the records
//	    16     4  incarnation of the Topic at its origin
//	    20     4  count of records, at most 65,536
//	    24     8  number of the first record
//	    32     8  bytes of data of the Topic before this batch
//	    40     8  base time, signed: that of the first record
//	    48     8  end: the producer's own position after this batch
//	    56     4  epoch of the producer
//	    60     4  cause: incarnation of the input
//	    64     8  cause: number of the last input record that was finished
//	    72     8  cause: units of output since
//	    80     4  D, bytes of data: at most 524,288, for a single record 1,048,576
//	    84     4  T, bytes of the table
//	    88     D  data: the records, one after the other, nothing in between
//	  88+D     T  table
//	88+D+T     4  CRC-32C (Castagnoli) of all bytes before
//
// The table is what its flags say, in this order:
//
//	lengths  a uvarint for each record
//	times    runs of records with one time: its distance to the base time
//	keys     runs of records with (1) and without (0) a key,
//	         then the hash, 4 bytes, of each record that has one
//
// A run is two uvarints: how many records, and the value they share. Runs
// cover all records, neighbours differ, and a batch has at most 4,096 of a
// kind. Times never go back within a batch, so their distances grow, from 0.
// A uvarint is that of encoding/binary in its shortest form. A part that says
// nothing is left out: lengths that are all the same, times that are all the
// base time, keys of no record. So a batch has exactly one encoding.
//
// A batch of no records is allowed: it tells a producer's position.
//
// A reader refuses with [ErrVersion] what a later version may have written:
// another version, codec or flag. Everything else that differs from the above
// is [ErrCorrupt].
package batch
