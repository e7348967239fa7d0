package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"waverider/internal/testhub"
	"waverider/internal/testnet"
	"waverider/internal/testspace"
)

// mesh is a Space with the Hubs edge and cloud, each in a network of its own
// or behind a proxy. What edge produces cloud reads.
type mesh struct {
	r           *rig
	space       *testspace.Space
	edge, cloud *testspace.Hub
	edgeWay     *testnet.Proxy // from edge to the Space; nil in a lab
	cloudWay    *testnet.Proxy
	edgeNode    *testnet.Node // nil behind a proxy
	edgeURL     string        // of the Space, as edge is told

	perSecond int           // records of the input
	rtt       time.Duration // that was put between edge and the Space
	hold      sync.RWMutex  // locked: the input pauses

	lost    int64 // records, by edge
	topic   *topic
	atSpace *watcher
	atCloud *durable
	pids    map[*testspace.Hub]map[string]testhub.Proc
}

const meshTopic = "readings"

// spacePort is that of the Space in a lab, where it is alone.
const spacePort = "8000"

// meshOptions say what is not as usual.
type meshOptions struct {
	lab     bool   // in network namespaces
	edgeDir string // data dir of edge
	edge    []string
}

// openMesh starts all of it, an Instance on each Hub, and the readers.
func (r *rig) openMesh(ctx context.Context, opt meshOptions) (*mesh, error) {
	m := &mesh{r: r, pids: map[*testspace.Hub]map[string]testhub.Proc{}}
	start := m.behindProxies
	if opt.lab {
		start = m.inLab
	}
	if err := start(ctx, opt); err != nil {
		return nil, err
	}
	r.hub = m.edge.Hub
	for _, h := range []*testspace.Hub{m.edge, m.cloud} {
		if err := m.instance(ctx, h); err != nil {
			return nil, err
		}
	}
	return m, m.startTopic(ctx)
}

// behindProxies puts a proxy between each Hub and the Space.
func (m *mesh) behindProxies(ctx context.Context, opt meshOptions) error {
	if err := m.openSpace(ctx, testhub.Options{}); err != nil {
		return err
	}
	for _, way := range []**testnet.Proxy{&m.edgeWay, &m.cloudWay} {
		p, err := testnet.Open(testnet.Options{To: m.space.Addr(), Seed: m.r.rnd.Uint64()})
		if err != nil {
			return err
		}
		m.r.defers(func() { _ = p.Close() }) // nothing hangs on it any more
		*way = p
	}
	m.edgeURL = "https://" + m.edgeWay.Addr()
	if err := m.join(ctx, &m.edge, "edge", m.edgeURL, testhub.Options{DataDir: opt.edgeDir, Args: opt.edge}); err != nil {
		return err
	}
	return m.join(ctx, &m.cloud, "cloud", "https://"+m.cloudWay.Addr(), testhub.Options{})
}

// inLab puts each into a namespace.
func (m *mesh) inLab(ctx context.Context, opt meshOptions) error {
	lab, err := testnet.OpenLab()
	if errors.Is(err, testnet.ErrUnable) {
		return skipped(err.Error())
	}
	if err != nil {
		return err
	}
	m.r.defers(func() {
		if err := lab.Close(); err != nil {
			m.r.res.failf("end of the namespaces: %v", err)
		}
	})
	nodes := map[string]*testnet.Node{}
	for _, name := range []string{"space", "edge", "cloud"} {
		if nodes[name], err = lab.Add(name); err != nil {
			return err
		}
	}
	m.edgeNode = nodes["edge"]
	at := net.JoinHostPort(nodes["space"].Addr().String(), spacePort)
	if err := m.openSpace(ctx, testhub.Options{Listen: at, Place: nodes["space"]}); err != nil {
		return err
	}
	m.edgeURL = "https://" + at
	if err := m.join(ctx, &m.edge, "edge", m.edgeURL, testhub.Options{Place: m.edgeNode, DataDir: opt.edgeDir, Args: opt.edge}); err != nil {
		return err
	}
	return m.join(ctx, &m.cloud, "cloud", m.edgeURL, testhub.Options{Place: nodes["cloud"]})
}

func (m *mesh) openSpace(ctx context.Context, opt testhub.Options) (err error) {
	opt.Binary = m.r.binary
	if m.space, err = testspace.Open(ctx, opt); err != nil {
		return err
	}
	m.r.defers(func() { m.close("Space", m.space) })
	return nil
}

func (m *mesh) join(ctx context.Context, h **testspace.Hub, name, url string, opt testhub.Options) (err error) {
	opt.Binary, opt.Args = m.r.binary, append(opt.Args, "--warm-pool", "0")
	if *h, err = m.space.Join(ctx, url, name, opt); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	m.r.defers(func() { m.close(name, *h) })
	return nil
}

// role is a Space or a Hub at its end.
type role interface {
	LogTail(lines int) string
	Close() error
}

// close ends a role; where harm was done its last words are told. Those of edge
// the rig tells.
func (m *mesh) close(name string, role role) {
	if len(m.r.res.failures) > 0 && name != "edge" {
		m.r.res.failf("last words of %s:\n%s", name, role.LogTail(20))
	}
	if err := role.Close(); err != nil {
		m.r.res.failf("end of %s: %v", name, err)
	}
}

// instance starts a program on a Hub that has to be left alone.
func (m *mesh) instance(ctx context.Context, h *testspace.Hub) error {
	pkg, err := pack("identity", m.r.language)
	if err != nil {
		return err
	}
	seq, err := h.Upload(ctx, pkg)
	if err != nil {
		return err
	}
	if _, err := h.StartInstance(ctx, seq, testhub.Start{}); err != nil {
		return err
	}
	m.pids[h], err = pidsAt(ctx, h.API)
	return err
}

// startTopic makes the Topic where it is written and where it is read, and
// waits until the first record is through.
func (m *mesh) startTopic(ctx context.Context) (err error) {
	if m.topic, err = m.r.newTopic(ctx, testhub.Topic{ID: meshTopic}); err != nil {
		return err
	}
	if err := m.cloud.CreateTopic(ctx, testhub.Topic{ID: meshTopic, ContentType: testhub.NDJSON}); err != nil {
		var status *testhub.StatusError
		if !errors.As(err, &status) || status.Status != 409 {
			return err
		}
	}
	m.atSpace = m.topic.watch(ctx, "Space", m.space.API)
	m.atCloud = m.topic.durably(ctx, "cloud", m.cloud.API)
	return nil
}

// flows waits until records come to both ends.
func (m *mesh) flows(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitFlow)
	defer cancel()
	_, err := m.first(ctx)
	return err
}

// ends are where the records have to come.
func (m *mesh) ends() []*arrivals { return []*arrivals{&m.atSpace.arrivals, &m.atCloud.arrivals} }

// mark makes first wait for what comes from now on, of what was sent since the
// fault began: what was on its way then is no proof.
func (m *mesh) mark(sent map[int]int64) {
	for _, a := range m.ends() {
		a.mark(sent)
	}
}

// first waits until such records have come to the Space and to cloud, and answers
// when the later one did.
func (m *mesh) first(ctx context.Context) (time.Time, error) {
	at, err := m.atSpace.after(ctx)
	if err != nil {
		return at, err
	}
	there, err := m.atCloud.after(ctx)
	if there.After(at) {
		at = there
	}
	return at, err
}

// restartSpace starts it after its end, where the Hubs find it.
func (m *mesh) restartSpace(ctx context.Context) error {
	err := m.space.Start(ctx)
	if err == nil && m.edgeWay != nil {
		m.edgeWay.SetTo(m.space.Addr())
		m.cloudWay.SetTo(m.space.Addr())
	}
	return err
}
