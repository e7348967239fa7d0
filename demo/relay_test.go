package demo

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// echo answers on a free port with what it is told.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// say sends a word over a connection and wants it back.
func say(c net.Conn, word string) error {
	if _, err := io.WriteString(c, word); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, len(word)))
	return err
}

func TestRelayCutsAndHeals(t *testing.T) {
	r, err := openRelay(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.close() })
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", r.addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	old := dial()
	if err := say(old, "hello"); err != nil {
		t.Fatal(err)
	}
	if !r.set(true) || r.set(true) {
		t.Error("a cut is a change, once")
	}
	if err := say(old, "hello"); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("over a connection that was cut: %v", err)
	}
	if c, err := net.Dial("tcp", r.addr()); err == nil {
		if err := say(c, "hello"); err == nil {
			t.Error("a connection came through while it was cut")
		}
		_ = c.Close()
	}
	if cut, since := r.state(); !cut || since.IsZero() {
		t.Errorf("cut %v since %v", cut, since)
	}
	r.set(false)
	if err := say(dial(), "again"); err != nil {
		t.Errorf("after it was healed: %v", err)
	}
}

func TestRelayResetsWhereNobodyIs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	r, err := openRelay(nobody)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	c, err := net.Dial("tcp", r.addr())
	if err == nil { // the reset may be faster than the greeting
		err = say(c, "hello")
		_ = c.Close()
	}
	if err == nil {
		t.Error("somebody answered")
	}
}
