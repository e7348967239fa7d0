package link

// Breach is what no peer does that keeps to the protocol: its session ends.
type Breach struct{ What string }

func (b *Breach) Error() string { return "the peer broke the rules of the Link: " + b.What }
