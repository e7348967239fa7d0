package store

import "testing"

// SetBootID lets a test start the machine anew.
func SetBootID(t *testing.T, id string) {
	old := bootID
	bootID = func() string { return id }
	t.Cleanup(func() { bootID = old })
}
