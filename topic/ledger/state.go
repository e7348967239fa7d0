package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// A state is a bucket of its own under the key of its cursor, so that writing one
// rewrites no other: its length, and pieces. bbolt wants a run of free pages for
// each value, two of which it keeps together; whole states would leave gaps that
// no other fits in, and the file would grow to many times what is in it.

// stateSize is before the pieces, which have four bytes each.
var stateSize = []byte("\x00")

const pieceSize = 16<<10 - 64 // two fill 32 KiB with what bbolt and seal add

func pieceKey(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(1+n)) }

func putState(tx *bolt.Tx, key, state []byte) error {
	if err := deleteState(tx, key); err != nil {
		return err
	}
	own, err := tx.Bucket(states).CreateBucket(key)
	if err != nil {
		return err
	}
	size := binary.AppendUvarint(nil, uint64(len(state)))
	if err := own.Put(stateSize, seal(key, size)); err != nil {
		return err
	}
	for n := 0; len(state) > 0; n++ {
		piece := state[:min(pieceSize, len(state))]
		state = state[len(piece):]
		if err := own.Put(pieceKey(n), seal(append(pieceKey(n), key...), piece)); err != nil {
			return err
		}
	}
	return nil
}

// readState answers nil when there is none.
func readState(tx *bolt.Tx, key []byte) ([]byte, error) {
	own := tx.Bucket(states).Bucket(key)
	if own == nil {
		return nil, nil
	}
	body, err := unseal(states, key, own.Get(stateSize))
	if err != nil {
		return nil, err
	}
	f := fields{rest: body}
	size := f.unsigned()
	if err := f.done(states, key); err != nil || size > MaxState {
		return nil, errors.Join(err, fmt.Errorf("%w (the state of %q has %d bytes)", errDamaged, key, size))
	}
	state := make([]byte, 0, size)
	for n := 0; uint64(len(state)) < size; n++ {
		piece, err := unseal(states, append(pieceKey(n), key...), own.Get(pieceKey(n)))
		if err != nil {
			return nil, err
		}
		state = append(state, piece...)
	}
	return state, nil
}

func deleteState(tx *bolt.Tx, key []byte) error {
	if err := tx.Bucket(states).DeleteBucket(key); err != nil && !errors.Is(err, bolterrors.ErrBucketNotFound) {
		return err
	}
	return nil
}
