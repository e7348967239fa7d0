package runnertest

import (
	"encoding/binary"
	"io"
	"net"

	"waverider/runner"
)

// Raw is a channel on which a test sends any frames it likes, also wrong ones.
type Raw struct {
	Conn    net.Conn
	Frames  *runner.FrameReader
	Welcome runner.Welcome
}

// DialRaw connects to path and says hello; a zero hello besides its key
// becomes that of a new runner. It fails when the Hub does not welcome it.
func DialRaw(path string, hello runner.Hello) (*Raw, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	if hello.Version == 0 {
		hello.Version = runner.Version
	}
	if hello.Messages.Next == 0 {
		hello.Messages.Next = 1
	}
	if hello.Input.Limit == 0 {
		hello.Input.Limit = 4 << 20
	}
	raw := &Raw{Conn: conn, Frames: runner.NewFrameReader(conn)}
	if raw.Welcome, err = greet(conn, raw.Frames, hello); err != nil {
		raw.Close()
		return nil, err
	}
	return raw, nil
}

// Send sends one frame; its length is that of the payload.
func (r *Raw) Send(typ runner.FrameType, stream uint16, number uint64, payload []byte) error {
	h := runner.Header{Type: typ, Stream: stream, Length: uint32(len(payload)), Number: number}
	_, err := r.Conn.Write(append(h.Append(nil), payload...))
	return err
}

// Window sends a WINDOW for the input.
func (r *Raw) Window(acked, limit uint64) error {
	return r.Send(runner.FrameWindow, runner.StreamInput, acked, binary.BigEndian.AppendUint64(nil, limit))
}

// Next reads one frame with its payload.
func (r *Raw) Next() (runner.Header, []byte, error) {
	h, err := r.Frames.Next()
	if err != nil {
		return h, nil, err
	}
	body, err := io.ReadAll(r.Frames)
	return h, body, err
}

// Close closes the connection.
func (r *Raw) Close() error { return r.Conn.Close() }
