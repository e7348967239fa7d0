//go:build linux

package testnet_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"waverider/internal/testnet"
)

func TestBytesComeWholeAndInOrder(t *testing.T) {
	for name, c := range map[string]testnet.Conditions{
		"well":   {},
		"far":    {Delay: 30 * time.Millisecond},
		"narrow": {Rate: 4 << 20},
		"lossy":  {Loss: 0.02, Delay: time.Millisecond},
		"all":    {Loss: 0.01, Delay: 5 * time.Millisecond, Rate: 2 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			p := open(t, testnet.Options{To: s.Addr().String(), Seed: 1})
			p.SetBoth(c)
			near, far := pair(t, s, p)
			var wg sync.WaitGroup
			for i, ends := range [][2]*net.TCPConn{{near, far}, {far, near}} {
				data := make([]byte, 200_000)
				rnd := rand.NewChaCha8([32]byte{byte(i)})
				_, _ = rnd.Read(data)
				wg.Go(func() {
					for left := data; len(left) > 0; {
						n := 1 + int(rnd.Uint64()%40_000)
						n = min(n, len(left))
						if _, err := ends[0].Write(left[:n]); err != nil {
							t.Error(err)
						}
						left = left[n:]
					}
					_ = ends[0].CloseWrite()
				})
				wg.Go(func() {
					got, err := io.ReadAll(ends[1])
					if err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
						t.Errorf("way %d: %d of %d bytes, %v", i, len(got), len(data), err)
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestDelayIsThatOfEachWay(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	p.Set(testnet.Conditions{Delay: 150 * time.Millisecond}, testnet.Conditions{Delay: 50 * time.Millisecond})
	began := time.Now()
	near, far := pair(t, s, p)
	for _, c := range []struct {
		from, to *net.TCPConn
		takes    time.Duration
	}{{nil, nil, 200 * time.Millisecond}, {near, far, 150 * time.Millisecond}, {far, near, 50 * time.Millisecond}} {
		if c.from != nil {
			began = time.Now()
			send(t, c.from, "x")
			want(t, c.to, "x")
		}
		if took := time.Since(began); took < c.takes || took > c.takes+5*time.Second {
			t.Errorf("took %v, want %v", took, c.takes)
		}
	}
}

func TestDelayDoesNotLimitThroughput(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	p.SetBoth(testnet.Conditions{Delay: 300 * time.Millisecond})
	near, far := pair(t, s, p)
	const size = 48 << 20
	began := time.Now()
	go func() {
		_, _ = near.Write(make([]byte, size)) // what is missing is noticed below
		_ = near.CloseWrite()
	}()
	n, err := io.Copy(io.Discard, far)
	if took := time.Since(began); n != size || err != nil || took > 8*time.Second {
		t.Errorf("%d bytes in %v, %v", n, took, err)
	}
}

func TestDelayThatShrinksReordersNothing(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	near, far := pair(t, s, p)
	p.SetBoth(testnet.Conditions{Delay: 200 * time.Millisecond})
	send(t, near, "one")
	silent(t, far)
	p.SetBoth(testnet.Conditions{})
	send(t, near, "two")
	want(t, far, "onetwo")
}

func TestRateIsSharedByConnections(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	const rate, each = 2 << 20, 400_000
	p.Set(testnet.Conditions{Rate: rate}, testnet.Conditions{})
	began := time.Now()
	var wg sync.WaitGroup
	for range 2 {
		near, far := pair(t, s, p)
		wg.Go(func() { _, _ = near.Write(make([]byte, each)); _ = near.CloseWrite() })
		wg.Go(func() {
			if n, err := io.Copy(io.Discard, far); n != each || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
	wg.Wait()
	least := 2 * each * time.Second / rate
	if took := time.Since(began); took < least || took > least+5*time.Second {
		t.Errorf("took %v, want %v", took, least)
	}
}

func TestLossIsAPause(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String(), Seed: 1})
	near, far := pair(t, s, p)
	p.Set(testnet.Conditions{Loss: 1}, testnet.Conditions{})
	slow := 0
	for range 5 {
		began := time.Now()
		send(t, near, "x")
		want(t, far, "x")
		if time.Since(began) >= 200*time.Millisecond {
			slow++
		}
		if slow > 0 {
			return
		}
	}
	t.Error("none of 5 bytes is late at the greatest loss")
}

func TestCutAndHeal(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	near, far := pair(t, s, p)
	for range 3 {
		p.Cut()
		wantReset(t, near)
		wantReset(t, far)
		if _, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("want a refusal, got %v", err)
		}
		if err := errors.Join(p.Heal(), p.Heal()); err != nil {
			t.Fatal(err)
		}
		near, far = pair(t, s, p)
		send(t, near, "again")
		want(t, far, "again")
	}
}

func TestResetLetsNewConnectionsIn(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	near, _ := pair(t, s, p)
	p.Reset()
	wantReset(t, near)
	near, far := pair(t, s, p)
	send(t, far, "new")
	want(t, near, "new")
}

func TestSilenceHoldsEverything(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	near, far := pair(t, s, p)
	gone, left := pair(t, s, p)
	p.Silence()
	send(t, near, "up")
	send(t, far, "down")
	_ = gone.Close()
	late := dial(t, p.Addr())
	send(t, late, "late")
	for _, c := range []net.Conn{near, far, left, late} {
		silent(t, c)
	}
	if len(s.conns) > 0 {
		t.Error("a connection comes through")
	}
	if err := p.Heal(); err != nil {
		t.Fatal(err)
	}
	want(t, far, "up")
	want(t, near, "down")
	if n, err := left.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%d bytes, %v, want the end", n, err)
	}
	want(t, own(t, <-s.conns), "late")
}

func TestSilenceHoldsBytesWithinBounds(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String(), Hold: 1 << 20})
	near, _ := pair(t, s, p)
	p.Silence()
	_ = near.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	n, err := near.Write(make([]byte, 200<<20))
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() || n > 100<<20 {
		t.Errorf("%d bytes are taken, %v", n, err)
	}
}

func TestHalfOpenIsNoticedByOneEnd(t *testing.T) {
	for _, breakNear := range []bool{true, false} {
		s := serve(t)
		p := open(t, testnet.Options{To: s.Addr().String()})
		broken, other := pair(t, s, p)
		if !breakNear {
			broken, other = other, broken
		}
		p.HalfOpen(breakNear)
		wantReset(t, broken)
		send(t, other, "is anybody there?")
		silent(t, other)
		near, far := pair(t, s, p)
		send(t, near, "new")
		want(t, far, "new")
	}
}

func TestEndsComeThrough(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	near, far := pair(t, s, p)
	send(t, near, "question")
	_ = near.CloseWrite()
	if got, err := io.ReadAll(far); string(got) != "question" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	send(t, far, "answer")
	want(t, near, "answer")
	_ = far.Close()
	if got, err := io.ReadAll(near); len(got) != 0 || err != nil {
		t.Fatalf("%q, %v", got, err)
	}

	near, far = pair(t, s, p)
	_ = far.SetLinger(0)
	_ = far.Close()
	wantReset(t, near)
}

func TestARefusalComesThrough(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	other := serve(t)
	_ = s.Close()
	near, err := net.Dial("tcp", p.Addr())
	if err == nil {
		_, err = own(t, near.(*net.TCPConn)).Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("want a reset, got %v", err)
	}
	p.SetTo(other.Addr().String())
	moved, far := pair(t, other, p)
	send(t, moved, "moved")
	want(t, far, "moved")
}

func TestFlapsFollowASeed(t *testing.T) {
	total := 400 * time.Millisecond
	plan, same, other := testnet.Flaps(5, total, 60*time.Millisecond), testnet.Flaps(5, total, 60*time.Millisecond), testnet.Flaps(6, total, 60*time.Millisecond)
	if len(plan) < 3 || len(plan) != len(same) || plan[1] != same[1] || plan[1] == other[1] {
		t.Errorf("plans %v, %v, %v", plan, same, other)
	}
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	if err := p.Flap(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	near, far := pair(t, s, p)
	send(t, near, "healed")
	want(t, far, "healed")
}

func TestCloseEndsWhatHangs(t *testing.T) {
	s := serve(t)
	p := open(t, testnet.Options{To: s.Addr().String()})
	near, far := pair(t, s, p)
	p.Silence()
	_, _ = near.Write(bytes.Repeat([]byte("x"), 1<<20))
	late := dial(t, p.Addr())
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	wantReset(t, near)
	wantReset(t, far)
	if _, err := late.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("a connection that was never made: %v", err)
	}
}
