package replica_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/link/replica"
	"waverider/topic"
)

// pipe is a connection over TCP.
func pipe(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// serve is one stream to a receiver; the answer of Serve comes on ended.
func serve(t *testing.T, s *site, p replica.Peer) (conn net.Conn, ended chan error) {
	t.Helper()
	near, far := pipe(t)
	if p.Producer == "" {
		p.Producer, p.Name = topic.FarHub+"evil", "evil"
	}
	ended = make(chan error, 1)
	go func() { ended <- s.receiver.Serve(t.Context(), far, p) }()
	return near, ended
}

// greet says hello for a Topic of JSON lines and reads the answer.
func greet(t *testing.T, conn net.Conn, name string) (answer map[string]any, in *bufio.Reader) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, `{"topic":%q,"contentType":"application/x-ndjson","config":{},"epoch":1,"next":1,"oldest":1,"max":1000}`+"\n", name); err != nil {
		t.Fatal(err)
	}
	in = bufio.NewReader(conn)
	line, err := in.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return answer, in
}

type frame struct {
	kind          byte
	epoch         uint32
	first         uint64
	count         uint32
	missed        uint64
	lengths, data []byte
	tableSize     uint32 // if another is told
	dataSize      uint32
	wrong         uint32 // is added to the checksum
}

func (f frame) bytes() []byte {
	le := binary.LittleEndian
	b := []byte{f.kind}
	if f.kind == 0 {
		b[0] = 'D'
	}
	b = le.AppendUint32(b, f.epoch)
	b = le.AppendUint64(b, f.first)
	b = le.AppendUint32(b, f.count)
	b = le.AppendUint64(b, f.missed)
	b = le.AppendUint32(b, max(f.tableSize, uint32(len(f.lengths))))
	b = le.AppendUint32(b, max(f.dataSize, uint32(len(f.data))))
	sum := crc32.Checksum(slices.Concat(b, f.lengths, f.data), crc32.MakeTable(crc32.Castagnoli))
	b = le.AppendUint32(b, sum+f.wrong)
	return slices.Concat(b, f.lengths, f.data)
}

// readAck reads an ack, or the words of a refusal.
func readAck(t *testing.T, in io.Reader) (epoch uint32, end uint64, kind waverider.Kind, words string) {
	t.Helper()
	var b [13]byte
	if _, err := io.ReadFull(in, b[:]); err != nil {
		t.Fatal(err)
	}
	if b[0] == 'A' {
		return binary.LittleEndian.Uint32(b[1:]), binary.LittleEndian.Uint64(b[5:]), "", ""
	}
	text := make([]byte, binary.LittleEndian.Uint32(b[1:]))
	if _, err := io.ReadFull(in, text); err != nil {
		t.Fatal(err)
	}
	var r struct {
		Error string
		Kind  waverider.Kind
	}
	if err := json.Unmarshal(text, &r); err != nil || b[0] != 'E' {
		t.Fatalf("%q %s: %v", b[0], text, err)
	}
	return 0, 0, r.Kind, r.Error
}

func TestFramesThatCannotBeEndTheStream(t *testing.T) {
	s := newSite(t, "s")
	good := frame{epoch: 5, first: 10, count: 2, data: []byte("ab\ncd\n")}
	large := bytes.Repeat([]byte("x"), 1<<20+1)
	large[1<<20] = '\n'
	for what, bad := range map[string]frame{
		"of before":                 {epoch: 5, first: 11, count: 1, data: []byte("x\n")},
		"sent twice":                good,
		"of an older life":          {epoch: 4, first: 1000, count: 1, data: []byte("x\n")},
		"of no life":                {epoch: 0, first: 1000, count: 1, data: []byte("x\n")},
		"numbered 0":                {epoch: 6, first: 0, count: 1, data: []byte("x\n")},
		"beyond the last number":    {epoch: 5, first: 1<<64 - 1, count: 1, data: []byte("x\n")},
		"of no records":             {epoch: 5, first: 12, data: nil},
		"of too many records":       {epoch: 5, first: 12, count: 1<<16 + 1, data: bytes.Repeat([]byte("\n"), 1<<16+1)},
		"with a wrong checksum":     {epoch: 5, first: 12, count: 1, data: []byte("x\n"), wrong: 1},
		"of another kind":           {kind: 'X', epoch: 5, first: 12, count: 1, data: []byte("x\n")},
		"with a record too large":   {epoch: 5, first: 12, count: 1, data: large},
		"that says it is huge":      {epoch: 5, first: 12, count: 1, dataSize: 1<<32 - 1},
		"of huge lengths":           {epoch: 5, first: 12, count: 1, tableSize: 1<<32 - 1, data: []byte("x\n")},
		"with many in much":         {epoch: 5, first: 12, count: 2, data: bytes.Repeat([]byte("x"), 1<<20)},
		"with lengths of more":      {epoch: 5, first: 12, count: 2, lengths: []byte{2, 3}, data: []byte("a\nb\n")},
		"with lengths of less":      {epoch: 5, first: 12, count: 2, lengths: []byte{2}, data: []byte("a\nb\n")},
		"with equal parts that do":  {epoch: 5, first: 12, count: 2, data: []byte("abc\n\n")},
		"with no end of line":       {epoch: 5, first: 12, count: 1, data: []byte("abc")},
		"with two lines in one":     {epoch: 5, first: 12, count: 1, data: []byte("a\nb\n")},
		"with an empty record":      {epoch: 5, first: 12, count: 2, lengths: []byte{2, 0}, data: []byte("a\n")},
		"that lacks what never was": {epoch: 5, first: 13, count: 1, missed: 2, data: []byte("a\n")},
		"that lacks more than all":  {epoch: 6, first: 13, count: 1, missed: 13, data: []byte("a\n")},
	} {
		name := "t-" + strings.ReplaceAll(what, " ", "-")
		reported := make(chan error, 1)
		s.receiver.OnBreach = func(p replica.Peer, topic waverider.TopicName, why error) {
			if p.Name != "evil" || string(topic) != name {
				t.Errorf("reported of %s: %s", p.Name, topic)
			}
			reported <- why
		}
		conn, ended := serve(t, s, replica.Peer{})
		a, in := greet(t, conn, name)
		if a["error"] != nil {
			t.Fatal(a)
		}
		if _, err := conn.Write(good.bytes()); err != nil {
			t.Fatal(err)
		}
		if epoch, end, kind, words := readAck(t, in); epoch != 5 || end != 12 || kind != "" {
			t.Fatalf("ack of %d of %d: %s", end, epoch, words)
		}
		go func() { _, _ = conn.Write(bad.bytes()) }()
		if epoch, end, kind, words := readAck(t, in); kind != waverider.Invalid {
			t.Errorf("a frame %s: ack of %d of %d, %s %s", what, end, epoch, kind, words)
		}
		var b *replica.Breach
		if err := <-ended; !errors.As(err, &b) {
			t.Errorf("a frame %s: %v", what, err)
		}
		if err := <-reported; !errors.As(err, &b) {
			t.Errorf("a frame %s is reported as %v", what, err)
		}
		conn.Close()
		data, n := contents(t, s, waverider.TopicName(name))
		if n != 2 || data != "ab\ncd\n" {
			t.Errorf("after a frame %s there are %d records: %.100q", what, n, data)
		}
		if err := s.store.Delete(t.Context(), waverider.TopicName(name)); err != nil {
			t.Fatal(err)
		}
	}
}

func contents(t *testing.T, s *site, name waverider.TopicName) (data string, records int) {
	t.Helper()
	top, err := s.store.Topic(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := top.Reader(t.Context(), topic.From{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.UntilNow()
	for {
		m, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return data, records
		} else if err != nil {
			t.Fatal(err)
		}
		data += string(m.Data())
		records += int(m.Count())
		m.Release()
	}
}

func TestHellosThatCannotBe(t *testing.T) {
	s := newSite(t, "s")
	for what, hello := range map[string]string{
		"no JSON":                 "hello\n",
		"a line without an end":   strings.Repeat("x", 65<<10),
		"a name that cannot be":   `{"topic":"a b","contentType":"text/plain"}` + "\n",
		"a name of another":       `{"topic":"a@b","contentType":"text/plain"}` + "\n",
		"no type":                 `{"topic":"a"}` + "\n",
		"memory":                  `{"topic":"a","contentType":"text/plain","config":{"durability":"memory"}}` + "\n",
		"limits that cannot be":   `{"topic":"a","contentType":"text/plain","config":{"maxBytes":-1}}` + "\n",
		"more than was asked":     `{"topic":"a","contentType":"text/plain"}` + "\nD",
		"a number that is a text": `{"topic":7}` + "\n",
	} {
		conn, ended := serve(t, s, replica.Peer{})
		if _, err := conn.Write([]byte(hello)); err != nil {
			t.Fatal(err)
		}
		var b *replica.Breach
		if err := <-ended; !errors.As(err, &b) {
			t.Errorf("%s: %v", what, err)
		}
		conn.Close()
	}
	if all := s.store.Topics(); len(all) > 0 {
		t.Errorf("Topics were made: %v", all[0].Name())
	}
}

func TestPeerMayWriteOnlyWhatIsAllowed(t *testing.T) {
	s := newSite(t, "s")
	allow := func(name waverider.TopicName) error {
		if name != "mine" {
			return waverider.Errorf(waverider.Forbidden, "Topic %s is not yours", name)
		}
		return nil
	}
	p := replica.Peer{Producer: topic.FarHub + "a", Name: "a", Allow: allow}
	conn, ended := serve(t, s, p)
	if a, _ := greet(t, conn, "other"); a["kind"] != "forbidden" || a["error"] != "Topic other is not yours" {
		t.Errorf("answer %v", a)
	}
	if err := <-ended; waverider.KindOf(err) != waverider.Forbidden {
		t.Error(err)
	}
	if _, err := s.store.Topic("other"); err == nil {
		t.Error("the Topic was made all the same")
	}
	conn, _ = serve(t, s, p)
	if a, _ := greet(t, conn, "mine"); a["error"] != nil || a["as"] != "mine" {
		t.Errorf("answer %v", a)
	}
}

func TestFloodsAreRefused(t *testing.T) {
	s := newSite(t, "s")
	s.o = replica.ReceiverOptions{Streams: 3, Topics: 2}
	s.restart()
	var open []net.Conn
	for range 3 {
		conn, _ := serve(t, s, replica.Peer{})
		if a, _ := greet(t, conn, "t"+fmt.Sprint(len(open)%2)); a["error"] != nil {
			t.Fatal(a)
		}
		open = append(open, conn)
		if len(open) == 3 { // the first was replaced by it
			wait(t, "the replaced stream has ended", func() bool {
				_ = open[0].SetReadDeadline(time.Now().Add(time.Second))
				_, err := open[0].Read(make([]byte, 1000))
				return errors.Is(err, io.EOF)
			})
		}
	}
	conn, _ := serve(t, s, replica.Peer{})
	if a, _ := greet(t, conn, "t2"); a["kind"] != "overloaded" {
		t.Errorf("a third Topic: %v", a)
	}
	var silent []chan error
	for { // streams that say nothing count too
		conn, ended := serve(t, s, replica.Peer{})
		select {
		case err := <-ended:
			if waverider.KindOf(err) != waverider.Overloaded {
				t.Error(err)
			}
			conn.Close()
		case <-time.After(100 * time.Millisecond):
			silent = append(silent, ended)
			if len(silent) > 3 {
				t.Fatal("any number of streams is taken")
			}
			open = append(open, conn)
			continue
		}
		break
	}
	// Another peer is not touched.
	conn, _ = serve(t, s, replica.Peer{Producer: topic.FarHub + "good", Name: "good"})
	if a, _ := greet(t, conn, "t5"); a["error"] != nil {
		t.Errorf("another peer: %v", a)
	}
	for _, conn := range open {
		conn.Close()
	}
	for _, ended := range silent {
		<-ended
	}
}

// Many say hello for the same Topic at once: one is left, and knows all that was
// stored.
func TestFloodOfHellosForOneTopic(t *testing.T) {
	s := newSite(t, "s")
	p := replica.Peer{Producer: topic.FarHub + "a", Name: "a"}
	type stream struct {
		conn  net.Conn
		ended chan error
	}
	var all []stream
	for range 50 {
		conn, ended := serve(t, s, p)
		if _, err := fmt.Fprintln(conn, `{"topic":"t","contentType":"application/x-ndjson"}`); err != nil {
			t.Fatal(err)
		}
		all = append(all, stream{conn, ended})
	}
	last, _ := serve(t, s, p)
	wait(t, "all but one have ended", func() bool {
		n := 0
		for _, st := range all {
			if len(st.ended) > 0 {
				n++
			}
		}
		return n >= 49
	})
	a, in := greet(t, last, "t")
	if a["error"] != nil {
		t.Fatal(a)
	}
	if _, err := last.Write(frame{epoch: 1, first: 1, count: 1, data: []byte("x\n")}.bytes()); err != nil {
		t.Fatal(err)
	}
	if _, end, _, words := readAck(t, in); end != 2 {
		t.Errorf("ack of %d: %s", end, words)
	}
}

// fakeReceiver answers a sender as a test wants.
func fakeReceiver(t *testing.T, top *topic.Topic, o replica.SendOptions, answer string) (conn net.Conn, ended chan error) {
	t.Helper()
	near, far := pipe(t)
	if o.Reader == "" {
		o.Reader, o.Skip = topic.FarSpace, topic.FarSpace
	}
	ended = make(chan error, 1)
	go func() { ended <- replica.Send(t.Context(), near, top, o) }()
	if _, err := bufio.NewReader(far).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(far, answer); err != nil {
		t.Fatal(err)
	}
	return far, ended
}

func ack(epoch uint32, end uint64) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{'A'}, epoch)
	return binary.LittleEndian.AppendUint64(b, end)
}

// readFrame reads one and answers its epoch, first number and count.
func readFrame(in io.Reader) (epoch uint32, first uint64, count uint32, size int, err error) {
	var b [37]byte
	if _, err = io.ReadFull(in, b[:]); err != nil {
		return
	}
	le := binary.LittleEndian
	size = int(le.Uint32(b[25:])) + int(le.Uint32(b[29:]))
	_, err = io.CopyN(io.Discard, in, int64(size))
	return le.Uint32(b[1:]), le.Uint64(b[5:]), le.Uint32(b[13:]), size + len(b), err
}

func TestAcksThatCannotBeEndTheStream(t *testing.T) {
	a := newSite(t, "a")
	a.produce("t", 0, 100)
	for what, bad := range map[string]func(epoch uint32) []byte{
		"of what was not sent":   func(e uint32) []byte { return ack(e, 102) },
		"of another life":        func(e uint32) []byte { return ack(e+1, 50) },
		"back":                   func(e uint32) []byte { return append(ack(e, 101), ack(e, 100)...) },
		"of another kind":        func(uint32) []byte { return append([]byte("X"), make([]byte, 12)...) },
		"with words of any size": func(uint32) []byte { return append([]byte("E\xff\xff\xff\x7f"), make([]byte, 8)...) },
		"with words of no sense": func(uint32) []byte { return append(append([]byte("E\x01\x00\x00\x00"), make([]byte, 8)...), '{') },
	} {
		conn, ended := fakeReceiver(t, a.topic("t"), replica.SendOptions{Reader: topic.FarHub + "x" + fmt.Sprint(len(what))}, `{"at":{"epoch":0,"end":0}}`)
		epoch, _, _, _, err := readFrame(conn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(bad(epoch)); err != nil {
			t.Fatal(err)
		}
		var b *replica.Breach
		if err := <-ended; !errors.As(err, &b) {
			t.Errorf("an ack %s: %v", what, err)
		}
	}
}

func TestSenderStopsAtItsWindow(t *testing.T) {
	a := newSite(t, "a")
	a.produce("t", 0, 20_000)
	const window = 300_000
	for _, by := range []string{"sender", "receiver"} {
		o, answer := replica.SendOptions{Window: window, Meter: &replica.Meter{}}, `{"at":{"epoch":0,"end":0},"window":1000000000}`
		if by == "receiver" {
			o.Window, answer = 0, `{"at":{"epoch":0,"end":0},"window":300000}`
		}
		conn, ended := fakeReceiver(t, a.topic("t"), o, answer)
		var sent, end uint64
		var epoch uint32
		next := func() bool {
			_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			e, first, count, size, err := readFrame(conn)
			if err != nil {
				return false
			}
			sent += uint64(size)
			epoch, end = e, first+uint64(count)
			return true
		}
		for next() {
		}
		if sent > window || sent < window/2 {
			t.Errorf("%s: %d bytes were sent without an ack", by, sent)
		}
		before := sent
		if _, err := conn.Write(ack(epoch, end)); err != nil {
			t.Fatal(err)
		}
		for next() {
		}
		if more := sent - before; more > window || more < window/2 {
			t.Errorf("%s: %d bytes were sent after an ack", by, more)
		}
		if o.Meter.Stats().Waits == 0 {
			t.Errorf("%s: waits are not counted", by)
		}
		conn.Close()
		<-ended
	}
}

func TestStreamsEndWithTheirContext(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 1000)
	top := a.topic("t")
	send := func(conn net.Conn, rest time.Duration) (func(), chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		o := replica.SendOptions{Reader: topic.FarSpace, Skip: topic.FarSpace, Window: 1 << 20}
		o.Rest(rest)
		ended := make(chan error, 1)
		go func() { ended <- replica.Send(ctx, conn, top, o) }()
		return cancel, ended
	}
	take := func(conn net.Conn) (func(), chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- s.receiver.Serve(ctx, conn, replica.Peer{Producer: topic.FarHub + "a", Name: "a"})
		}()
		return cancel, ended
	}
	for what, begin := range map[string]func() (func(), chan error){
		"no answer": func() (func(), chan error) { near, _ := net.Pipe(); return send(near, time.Hour) },
		"no hello":  func() (func(), chan error) { _, far := net.Pipe(); return take(far) },
		"no answer is read": func() (func(), chan error) {
			near, far := net.Pipe()
			go fmt.Fprintln(near, `{"topic":"x","contentType":"text/plain"}`)
			return take(far)
		},
		"nothing is read": func() (func(), chan error) {
			near, far := net.Pipe()
			go fmt.Fprintln(far, `{"at":{"epoch":0,"end":0}}`)
			go func() { _, _ = far.Read(make([]byte, 64<<10)) }()
			return send(near, time.Hour)
		},
		"no frames": func() (func(), chan error) {
			near, far := net.Pipe()
			go func() {
				fmt.Fprintln(near, `{"topic":"x","contentType":"text/plain"}`)
				_, _ = near.Read(make([]byte, 64<<10))
			}()
			return take(far)
		},
		"half a frame": func() (func(), chan error) {
			near, far := net.Pipe()
			go func() {
				fmt.Fprintln(near, `{"topic":"x","contentType":"text/plain"}`)
				_, _ = near.Read(make([]byte, 64<<10))
				_, _ = near.Write([]byte("D123"))
			}()
			return take(far)
		},
		"rest": func() (func(), chan error) {
			near, far := pipe(t)
			_, _ = take(far)
			cancel, ended := send(near, time.Millisecond)
			s.holds("t", map[string]int{"a": 1000})
			return cancel, ended
		},
	} {
		cancel, ended := begin()
		select {
		case err := <-ended:
			t.Errorf("%s: ended with %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: it goes on", what)
		}
	}
}

// The gate is asked before anything is written, and what it says holds.
func TestGateIsAskedBeforeEachFrame(t *testing.T) {
	a := newSite(t, "a")
	a.produce("t", 0, 3000)
	var passed int
	shut := errors.New("shut")
	o := replica.SendOptions{Gate: func(_ context.Context, n int) error {
		if passed > 100_000 {
			return shut
		}
		passed += n
		return nil
	}}
	conn, ended := fakeReceiver(t, a.topic("t"), o, `{"at":{"epoch":0,"end":0}}`)
	n, err := io.Copy(io.Discard, conn)
	if err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, shut) {
		t.Error(err)
	}
	if n != int64(passed) || n < 100_000 {
		t.Errorf("%d bytes were written, %d were let pass", n, passed)
	}
}
