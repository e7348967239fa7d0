package store

import (
	"errors"
	"syscall"

	"waverider"
)

// Limits bound what one package may hold and what all of them may take up.
// A zero field means its default.
type Limits struct {
	Archive  int64 // bytes of an upload; default 512 MiB
	Unpacked int64 // bytes it unpacks to; default 2 GiB
	Entries  int   // files, folders and links in it; default 100,000
	Path     int   // bytes of one path; default 1,024
	Ratio    int64 // unpacked : packed, looked at above 16 MiB; default 200
	Disk     int64 // bytes of all archives and unpacked packages; default none
}

const (
	ratioFloor = 16 << 20 // below this a good ratio is no bomb
	maxDepth   = 100      // folders in each other
	maxNames   = 32 << 20 // bytes of all paths of a package: they are kept in memory
	maxHops    = 40       // links followed for one path, as in the kernel
	maxSteps   = 1 << 20  // folders and links gone through for all links of a package
	maxSegment = 255      // bytes of a file name, as in the kernel
)

func (l Limits) withDefaults() Limits {
	orDefault := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	orDefault(&l.Archive, 512<<20)
	orDefault(&l.Unpacked, 2<<30)
	orDefault(&l.Ratio, 200)
	if l.Entries <= 0 {
		l.Entries = 100_000
	}
	if l.Path <= 0 {
		l.Path = 1024
	}
	return l
}

// badArchive is the answer to bytes that are no package. Its first words are
// those of Scramjet, which tools look for.
func badArchive(format string, args ...any) *waverider.Error {
	return waverider.Errorf(waverider.Unprocessable, "Invalid pkg tar.gz archive: "+format, args...)
}

// badEntry is the answer to an archive with an entry that nobody may unpack.
func badEntry(name, format string, args ...any) *waverider.Error {
	return badArchive("entry %.120q: "+format, append([]any{name}, args...)...)
}

func tooLarge(format string, args ...any) *waverider.Error {
	return waverider.Errorf(waverider.TooLarge, format, args...)
}

// onDisk gives an error of the file system its Kind.
func onDisk(err error) error {
	var known *waverider.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &waverider.Error{
			Kind:    waverider.Full,
			Message: "the disk of this Hub is full; remove Sequences that are not needed or give it room",
			Err:     err,
		}
	}
	return err
}
