package ledger

// Producer is how far a producer had come whose records are all dropped.
type Producer struct {
	Epoch uint32 `json:"epoch"`
	End   uint64 `json:"end"`
}
