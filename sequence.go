package waverider

import "time"

// SequenceID is the lasting handle of a Sequence, a UUID.
type SequenceID string

// Digest names an immutable package: "sha256:" and 64 hex digits.
type Digest string

// Revision is one immutable package of a Sequence. Replacing a Sequence adds
// a Revision; an Instance records the digest it runs.
type Revision struct {
	Number   int       `json:"number"` // 1, 2, 3, …
	Digest   Digest    `json:"digest"`
	Size     int64     `json:"size"` // bytes of the package as uploaded
	Created  time.Time `json:"created"`
	Manifest Manifest  `json:"manifest"`
}

// Sequence is a program as users know it: a handle with its revisions, oldest
// first. There is always at least one.
type Sequence struct {
	ID        SequenceID `json:"id"`
	Name      string     `json:"name"` // name of the newest manifest
	Created   time.Time  `json:"created"`
	Revisions []Revision `json:"revisions"`
}

// Newest is the revision a start uses when none is named.
func (s *Sequence) Newest() *Revision { return &s.Revisions[len(s.Revisions)-1] }
