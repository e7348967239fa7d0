package keeper

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// accept takes connections until the listener closes.
func (k *server) accept(listener *net.UnixListener, done <-chan struct{}) {
	for {
		socket, err := listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond): // out of descriptors
				continue
			}
		}
		c := newConn(socket)
		if !trusted(socket) || !k.post(event{from: c, new: true}, done) {
			c.close()
			continue
		}
		k.readers.Go(func() { k.read(c, done) })
	}
}

// read passes on what the other end says, and then that it has ended.
func (k *server) read(c *conn, done <-chan struct{}) {
	defer c.drop()
	for {
		m, err := c.receive()
		if err != nil {
			k.post(event{from: c}, done)
			return
		}
		closeAll(m.fds) // nobody has to send us any
		if !k.post(event{from: c, msg: m}, done) {
			return
		}
	}
}

func (k *server) post(e event, done <-chan struct{}) bool {
	select {
	case k.events <- e:
		return true
	case <-done:
		return false
	}
}

// trusted lets in only who may do all this anyway.
func trusted(socket *net.UnixConn) bool {
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	ok := false
	raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		ok = err == nil && (cred.Uid == 0 || int(cred.Uid) == os.Geteuid())
	})
	return ok
}

func (k *server) handle(e event) {
	switch {
	case e.new:
		k.came++
		k.conns[e.from] = k.came
	case e.msg == nil:
		k.disconnected(e.from)
	case e.msg.Op == opAttach:
		k.attach(e.from, e.msg)
	case e.from != k.hub:
		k.answer(e.from, e.msg, &message{Error: "attach first"})
	default:
		k.request(e.msg)
	}
}

func (k *server) answer(to *conn, request, reply *message) {
	reply.Reply = request.ID
	if err := to.send(reply, patience); err != nil {
		k.log.Warn("Hub does not listen", "err", err)
		to.close()
	}
}

// disconnected leaves assigned children alone. The others have nobody who
// knows them any more.
func (k *server) disconnected(c *conn) {
	delete(k.conns, c)
	c.close()
	if c != k.hub {
		return
	}
	k.log.Info("Hub is gone", "children", len(k.children))
	k.hub, k.alone = nil, time.Now()
	k.dropUnassigned()
}

func (k *server) dropUnassigned() {
	for _, ch := range k.children {
		if ch.Assigned {
			continue
		}
		if ch.Exit != nil {
			k.forget(ch)
			continue
		}
		ch.dropped = true
		k.kill(ch)
	}
}

// attach makes c the Hub's connection, the only one that is listened to.
func (k *server) attach(c *conn, m *message) {
	if k.ending {
		k.answer(c, m, &message{Error: "the keeper is ending"})
		c.close()
		return
	}
	// A Hub that was killed may have asked before the one that is attached now,
	// and only be heard after it. A living one comes later than any other.
	if k.conns[c] < k.last {
		k.answer(c, m, &message{Error: "a later Hub has attached"})
		c.close()
		return
	}
	k.last = k.conns[c]
	if old := k.hub; old != nil && old != c {
		old.send(&message{Op: noticeFenced}, patience)
		old.close() // its reader reports the end of a connection nobody cares for
		k.dropUnassigned()
	}
	if k.grounds == nil {
		k.grounds = survey(hubMark(k.dir), m.Trees)
		if err := k.grounds.clean(cleanTime); err != nil {
			k.log.Warn("an earlier keeper's children do not end", "err", err)
		}
		k.log.Info("ways to hold process trees together", "kinds", k.grounds.kinds)
	}
	if m.OrphanAfter > 0 {
		k.orphanAfter = m.OrphanAfter
	}
	k.hub = c
	reply := &message{Version: protocolVersion, PID: os.Getpid()}
	for _, ch := range k.children {
		if !ch.dropped {
			reply.Children = append(reply.Children, ch.Child)
		}
	}
	k.log.Info("Hub attached", "children", len(reply.Children))
	k.answer(c, m, reply)
}

// request does what the Hub asks.
func (k *server) request(m *message) {
	if m.Op == opSpawn {
		k.answerSpawn(m)
		return
	}
	if m.Op == opShutdown {
		k.leave = &message{Reply: m.ID}
		k.endAll("shutdown")
		return
	}
	c := k.children[m.Child]
	if c == nil || c.dropped {
		k.answer(k.hub, m, &message{Error: ErrUnknown.Error(), Code: codeUnknown})
		return
	}
	reply := &message{}
	switch m.Op {
	case opFiles:
		reply.Children = []Child{c.Child}
		for _, name := range fileNames {
			if fd, ok := c.fds[name]; ok {
				reply.Files = append(reply.Files, name)
				reply.fds = append(reply.fds, fd)
			}
		}
	case opKill:
		if c.Exit == nil {
			k.kill(c)
		}
	case opStdin:
		c.closeFile("stdin")
	case opAssign:
		k.assign(c, m, reply)
	case opForget:
		if c.Exit == nil {
			c.dropped = true
			k.kill(c)
		} else {
			k.forget(c)
		}
	default:
		reply.Error = "unknown operation " + m.Op
	}
	k.answer(k.hub, m, reply)
}

func (k *server) answerSpawn(m *message) {
	switch {
	case m.Spawn == nil || !validID(m.Spawn.ID):
		k.answer(k.hub, m, &message{Error: "spawn needs an id of letters, digits and -"})
		return
	case k.children[m.Spawn.ID] != nil:
		k.answer(k.hub, m, &message{Error: "child " + m.Spawn.ID + " exists"})
		return
	case k.ending:
		k.answer(k.hub, m, &message{Error: "the keeper is ending"})
		return
	}
	c, report, reportFD, err := k.spawn(m.Spawn)
	if err != nil {
		k.answer(k.hub, m, &message{Error: err.Error()})
		return
	}
	k.children[c.ID], k.byPID[c.PID] = c, c
	reply := &message{Children: []Child{c.Child}, Report: &report}
	for _, name := range fileNames {
		reply.Files = append(reply.Files, name)
		reply.fds = append(reply.fds, c.fds[name])
	}
	reply.Files, reply.fds = append(reply.Files, "report"), append(reply.fds, reportFD)
	k.answer(k.hub, m, reply)
	closeAll([]int{reportFD})
}

// assign makes a waiting child somebody's program, with its limits.
func (k *server) assign(c *child, m *message, reply *message) {
	// It may have died this moment, and its other threads be still at it.
	now, err := statProcess(c.PID)
	if err != nil || now.state == 'Z' || !c.doomed.IsZero() || c.Exit != nil {
		reply.Error = "child has ended"
		return
	}
	report := applyLimits(c.Tree, m.Limits)
	if m.Limits.Files > 0 {
		lowerFiles(c, uint64(m.Limits.Files), &report)
	}
	c.Assigned, c.Label = true, m.Label
	reply.Children, reply.Report = []Child{c.Child}, &report
}

// lowerFiles sets the file limit of a child that runs, and of the program
// behind it when the child is the first process of a namespace.
func lowerFiles(c *child, files uint64, r *Report) {
	pids := []int{c.PID}
	if c.Tree.Kind == PIDNamespace {
		pids = closure(processes(), map[int]bool{c.PID: true})
	}
	for _, pid := range pids {
		var now unix.Rlimit
		err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &now)
		if files > now.Max {
			err = fmt.Errorf("this machine allows %d", now.Max)
		}
		if err == nil {
			err = unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}, nil)
		}
		if err != nil {
			r.Missing = append(r.Missing, fmt.Sprintf("open file limit %d: %v", files, err))
			return
		}
	}
	r.Layers = append(r.Layers, fmt.Sprintf("open file limit %d", files))
}

func validID(id string) bool {
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return id != "" && len(id) <= 64
}
