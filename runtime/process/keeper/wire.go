package keeper

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"waverider"
)

// protocolVersion grows when a change is more than a new field or operation,
// which the other side ignores or answers with an error.
const protocolVersion = 1

const (
	maxMessage = 16 << 20
	maxFiles   = 8
)

// The operations of a request, and the notices of a keeper.
const (
	opAttach   = "attach"
	opSpawn    = "spawn"
	opFiles    = "fds"
	opKill     = "kill"
	opForget   = "forget"
	opAssign   = "assign"
	opStdin    = "close-stdin"
	opShutdown = "shutdown"

	noticeExit   = "exit"
	noticeFenced = "fenced"
)

// message is all that either side says: a request (ID, Op), its reply (Reply
// is that ID) or a keeper's notice (Op alone). Files says which file
// descriptors came along, in their order.
type message struct {
	ID    uint64 `json:"id,omitempty"`
	Reply uint64 `json:"reply,omitempty"`
	Op    string `json:"op,omitempty"`
	Error string `json:"error,omitempty"`
	Code  string `json:"code,omitempty"` // of an error a caller branches on

	Version     int              `json:"version,omitempty"`
	PID         int              `json:"pid,omitempty"` // the keeper's
	OrphanAfter time.Duration    `json:"orphanAfter,omitempty"`
	Trees       []Kind           `json:"trees,omitempty"`
	Child       string           `json:"child,omitempty"`
	Label       string           `json:"label,omitempty"`
	Kill        bool             `json:"kill,omitempty"`
	Limits      waverider.Limits `json:"limits,omitzero"`
	Spawn       *Spec            `json:"spawn,omitempty"`
	Children    []Child          `json:"children,omitempty"`
	Report      *Report          `json:"report,omitempty"`
	Files       []string         `json:"files,omitempty"`

	fds []int
}

const codeUnknown = "unknown"

// conn carries messages and file descriptors over a Unix socket: 4 bytes of
// length, then JSON. Descriptors ride on the first byte of their message.
type conn struct {
	socket *net.UnixConn

	buf []byte // read but not yet a message
	fds []int  // received but not yet claimed by a message

	mu sync.Mutex // one message at a time; held over the write on purpose
}

func newConn(socket *net.UnixConn) *conn { return &conn{socket: socket} }

// send writes one message. A peer that takes nothing for a while is given up,
// so that nobody waits for a stopped process.
func (c *conn) send(m *message, patience time.Duration) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(body) > maxMessage {
		return fmt.Errorf("message of %d bytes is too long", len(body))
	}
	frame := append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body))), body...)
	var rights []byte
	if len(m.fds) > 0 {
		rights = syscall.UnixRights(m.fds...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.socket.SetWriteDeadline(time.Now().Add(patience))
	for sent := 0; sent < len(frame); {
		n, _, err := c.socket.WriteMsgUnix(frame[sent:], rights, nil)
		if n > 0 {
			sent, rights = sent+n, nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// receive waits for the next message. Its fds belong to the caller.
func (c *conn) receive() (*message, error) {
	for {
		m, err := c.next()
		if m != nil || err != nil {
			return m, err
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// next takes a whole message out of the buffer, nil when there is none.
func (c *conn) next() (*message, error) {
	if len(c.buf) < 4 {
		return nil, nil
	}
	n := int(binary.BigEndian.Uint32(c.buf))
	if n > maxMessage {
		return nil, fmt.Errorf("message of %d bytes is too long", n)
	}
	if len(c.buf) < 4+n {
		return nil, nil
	}
	var m message
	if err := json.Unmarshal(c.buf[4:4+n], &m); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	c.buf = c.buf[:copy(c.buf, c.buf[4+n:])]
	if cap(c.buf) > 64<<10 && len(c.buf) == 0 {
		c.buf = nil
	}
	if len(m.Files) > len(c.fds) {
		return nil, errors.New("message without its files")
	}
	m.fds, c.fds = c.fds[:len(m.Files):len(m.Files)], c.fds[len(m.Files):]
	return &m, nil
}

func (c *conn) fill() error {
	if cap(c.buf)-len(c.buf) < 2048 {
		c.buf = append(make([]byte, 0, max(4096, 2*cap(c.buf))), c.buf...)
	}
	var oob [64]byte // room for maxFiles descriptors and the header
	n, on, flags, _, err := c.socket.ReadMsgUnix(c.buf[len(c.buf):cap(c.buf)], oob[:])
	if on > 0 {
		if err := c.claim(oob[:on]); err != nil {
			return err
		}
	}
	if flags&syscall.MSG_CTRUNC != 0 {
		return errors.New("too many files at once")
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return io.EOF
	}
	c.buf = c.buf[:len(c.buf)+n]
	return nil
}

func (c *conn) claim(oob []byte) error {
	msgs, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	for i := range msgs {
		fds, err := syscall.ParseUnixRights(&msgs[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
		}
		c.fds = append(c.fds, fds...)
	}
	return nil
}

func (c *conn) close() error { return c.socket.Close() }

// drop closes descriptors that came and were not claimed; only the reader may
// call it, after its last receive.
func (c *conn) drop() {
	closeAll(c.fds)
	c.fds = nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			syscall.Close(fd)
		}
	}
}

// asFile makes a pollable file of a pipe end, for deadlines and cancelled
// reads. It changes our end only: the program's own stays blocking.
func asFile(fd int, name string) *os.File {
	syscall.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), name)
}
