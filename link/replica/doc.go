// Package replica brings the records of a Topic from one Store to another, over
// any connection: each once, in order, whatever ends in between.
//
// Who has records sends them (Send, Outbound), from where the receiver says it
// is. The receiver (Receiver) writes them to a Topic of its own as a producer
// that stands for the sender's Store. What is stored tells how far that is, so
// nothing else has to be remembered there: a stream that is cut goes on where
// the stored records end. What is acked is durable at the receiver, and only
// then does the sender's retention let it go. Records that came from the
// receiver are not sent back to it.
//
// The package knows nothing of who the peer is and how the connection came to be.
//
// # A stream
//
// The sender says one line of JSON (hello), the receiver one (answer), which
// says where to begin, or refuses. After that the sender sends frames and the
// receiver acks. Numbers are little endian.
//
//	offset  size  field of a frame
//	     0     1  'D'
//	     1     4  epoch: of the life that gave the numbers, see topic.Topic.Lives; in a stream it never goes back
//	     5     8  number of the first record; not below the end of what came of the epoch before
//	    13     4  count of records, at least 1
//	    17     8  so many records before the first are missing at the sender
//	    25     4  T, bytes of lengths: a uvarint for each record; 0 when all have one length
//	    29     4  D, bytes of data
//	    33     4  CRC-32C of all before and all after it
//	    37     T  lengths
//	  37+T     D  data: the records, one after the other
//
//	offset  size  field of an ack
//	     0     1  'A'
//	     1     4  epoch and
//	     5     8  number after the last record that is durable
//
// Frames may come in packs: 'Z', the size of what follows (4 bytes), and whole
// frames as one block of S2. The sender's hello and the answer agree on that.
//
// A receiver that ends says why, in the place of an ack: 'E', the size of what
// follows (4 bytes), 8 bytes of zeros, and JSON as in a refusal.
package replica
