// Package uplink is the Hub's end of its Link: it joins a Space, remembers it,
// comes back to it, answers what it asks, tells it how the Hub is, and lets the
// Topics that both share flow. A Hub works the same without: nothing here holds
// up what is local.
package uplink
