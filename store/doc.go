// Package store keeps packages by digest on disk: it takes an upload in,
// unpacks it within limits, and hands out a folder that holds exactly what was
// uploaded. What a package is called, which Sequence it belongs to and whether
// it may be removed is left to its users; so is locking the folder against
// another process.
//
// Layout of the folder:
//
//	sha256-<hex>/archive.tar.gz   the upload, byte for byte
//	sha256-<hex>/package/         the unpacked package
//	sha256-<hex>/record           its manifest, and its files with their hashes
//	tmp/                          uploads under way; emptied by Open
//
// The archive stays after unpacking although that takes up disk (Limits.Disk
// counts it): it is the one thing that is fsynced, so that an upload costs the
// same few fsyncs whether it holds two files or ten thousand; everything else
// can be made again from it after a power cut; and only these very bytes have
// the digest when a package is sent on to another machine.
package store
