package replica_test

import (
	"bytes"
	"io"
	"testing"

	"waverider/link/replica"
)

// FuzzFrames: whatever comes, what is taken of it is what the format says, and
// nothing takes memory that the bytes do not.
func FuzzFrames(f *testing.F) {
	f.Add(frame{epoch: 5, first: 10, count: 2, data: []byte("ab\ncd\n")}.bytes(), false)
	f.Add(frame{epoch: 5, first: 10, count: 2, lengths: []byte{2, 3}, data: []byte("a\nbc\n")}.bytes(), true)
	f.Add(append(frame{epoch: 1, first: 1, count: 1, data: []byte("x\n")}.bytes(), frame{epoch: 2, first: 1, count: 1, missed: 0, data: []byte("y\n")}.bytes()...), true)
	f.Fuzz(func(t *testing.T, p []byte, right bool) {
		if right && len(p) >= 37 { // get past the checksum
			f := frame{kind: 'D', epoch: 1 + uint32(p[1]), first: 1 + uint64(p[5]), count: 1 + uint32(p[13]), missed: uint64(p[17])}
			rest := p[37:]
			n := min(int(p[25]), len(rest))
			f.lengths, f.data = rest[:n], rest[n:]
			p = f.bytes()
		}
		in := bytes.NewReader(p)
		var epoch uint32
		var end uint64
		for {
			got, err := replica.ReadFrame(in, epoch, end)
			if err != nil {
				return
			}
			if got.Epoch < epoch || got.Epoch == epoch && got.First < end {
				t.Fatalf("a frame from %d of %d after %d of %d", got.First, got.Epoch, end, epoch)
			}
			sum := 0
			for _, n := range got.Lengths {
				if n == 0 || got.Data[sum+int(n)-1] != '\n' {
					t.Fatalf("a record of %d bytes is no line", n)
				}
				sum += int(n)
			}
			if sum != len(got.Data) || sum > 1<<20 {
				t.Fatalf("%d records of %d bytes in %d", len(got.Lengths), sum, len(got.Data))
			}
			epoch, end = got.Epoch, got.First+uint64(len(got.Lengths))
		}
	})
}

// FuzzAcks: nothing but an ack or words is taken for one.
func FuzzAcks(f *testing.F) {
	f.Add(ack(1, 2))
	f.Add([]byte("E\x1c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + `{"error":"x","kind":"gone"}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		epoch, end, err := replica.ReadAck(bytes.NewReader(p))
		if err == nil && !bytes.HasPrefix(p, ack(epoch, end)) {
			t.Fatalf("%x is an ack of %d of %d", p, end, epoch)
		}
		if err == io.EOF && len(p) > 0 {
			t.Fatal(err)
		}
	})
}
