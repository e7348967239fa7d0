package ledger

// Life is a stretch of record numbers that one process gave: one that has
// opened the store of the Topic. A store that was put back from a copy goes on
// in another life than the one it was copied from, with the same numbers.
type Life struct {
	Epoch uint32 `json:"epoch"`
	Since uint32 `json:"since"` // it stands for all from this epoch on, if not for one
	First uint64 `json:"first"`
}
