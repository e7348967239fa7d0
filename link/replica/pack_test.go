package replica_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/s2"

	"waverider/link/replica"
)

func TestPacksAreSmallerWhereTheyCanBe(t *testing.T) {
	lines := bytes.Repeat([]byte(`{"sensor":"north-7","celsius":21.5}`+"\n"), 1000)
	noise := make([]byte, len(lines))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	p := replica.NewPacker()
	if out := p.Pack(lines); len(out) > len(lines)/5 || out[0] != 'Z' {
		t.Errorf("lines: %d bytes of %d", len(out), len(lines))
	}
	if out := p.Pack(noise); !bytes.Equal(out, noise) {
		t.Errorf("noise: %d bytes of %d", len(out), len(noise))
	}
	for i := 0; ; i++ { // it rests, and tries again
		if out := p.Pack(lines); out[0] == 'Z' {
			break
		} else if i > 100 {
			t.Fatal("it never tries again")
		}
	}
}

func TestAPackThatIsNoneIsABreach(t *testing.T) {
	pack := func(body []byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte{'Z'}, uint32(len(body))), body...)
	}
	bomb := s2.Encode(nil, make([]byte, 64<<20))
	for name, in := range map[string][]byte{
		"empty":   pack(nil),
		"noise":   pack([]byte("this is no block")),
		"short":   pack(s2.Encode(nil, []byte("x"))),
		"bomb":    pack(bomb),
		"too big": append(binary.LittleEndian.AppendUint32([]byte{'Z'}, 1<<30), 0),
	} {
		err := replica.ReadHead(bytes.NewReader(in))
		var b *replica.Breach
		if !errors.As(err, &b) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := replica.ReadHead(bytes.NewReader(pack(make([]byte, 100))[:50])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: %v", err)
	}
}
