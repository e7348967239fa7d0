package ledger

// Producer is what is remembered of a far producer beside its records.
type Producer struct {
	Place         // where it was when its last record was dropped
	Past  []Place `json:"past,omitempty"` // how far it came in epochs that it left, the last at the end
}

// Place is how far a producer came in an epoch.
type Place struct {
	Epoch uint32 `json:"epoch"`
	End   uint64 `json:"end"`
}
