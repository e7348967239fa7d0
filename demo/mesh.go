package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"waverider"
	"waverider/client"
	"waverider/localhub"
)

// server is a Hub or a Space that runs. Its methods never block but Close, which
// leaves nothing of it.
type server interface {
	URL() string
	PID() int              // 0 while there is none
	Done() <-chan struct{} // closed when it will not come back; Err says why
	Err() error
	Close() error
}

// place is where something happens: one of the three processes.
type place struct {
	server
	name string
	api  *client.Client
}

// The places, in the order in which records go through them.
const (
	edge = iota
	space
	cloud
	allPlaces
)

var placeNames = [allPlaces]string{"edge", "Space", "cloud"}

// mesh is a Space and the two Hubs that joined it, edge by a way that can be cut.
type mesh struct {
	dir    string // of files that are of no place
	places [allPlaces]*place
	way    *relay
}

// startMesh starts all and returns when both Hubs have their Space.
func startMesh(ctx context.Context, binary string) (_ *mesh, err error) {
	m := &mesh{}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	if m.dir, err = os.MkdirTemp("", "waverider-"); err != nil {
		return nil, fmt.Errorf("make a folder for the demo: %w", err)
	}
	if err := m.startSpace(ctx, binary); err != nil {
		return nil, err
	}
	address, err := url.Parse(m.places[space].URL())
	if err != nil {
		return nil, fmt.Errorf("the Space's address: %w", err)
	}
	if m.way, err = openRelay(address.Host); err != nil {
		return nil, err
	}
	// One beside the other: a start waits for the machine most of the time.
	started := make(chan error, 2)
	go func() { started <- m.startHub(ctx, binary, edge, m.way.addr()) }()
	go func() { started <- m.startHub(ctx, binary, cloud, address.Host) }()
	return m, errors.Join(<-started, <-started)
}

// startSpace starts it, and writes a file for the shells of who wants to look closer.
func (m *mesh) startSpace(ctx context.Context, binary string) error {
	s, err := localhub.StartSpace(ctx, localhub.Config{Binary: binary, Restart: true, Args: []string{"--name", "demo"}})
	if err != nil {
		return err
	}
	m.places[space] = &place{server: s, name: placeNames[space]}
	env := fmt.Sprintf("export WAVERIDER_URL=%s\nexport WAVERIDER_TOKEN_FILE='%s'\nexport WAVERIDER_CA='%s'\n", address(s.URL()), s.TokenFile(), s.CAFile())
	if err := os.WriteFile(m.envFile(), []byte(env), 0o600); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	m.places[space].api, err = client.New(client.Config{URL: s.URL(), TokenFile: s.TokenFile(), CA: s.CAFile(), Space: true})
	return err
}

// startHub starts a Hub that joins the Space, which it finds at an address.
func (m *mesh) startHub(ctx context.Context, binary string, which int, address string) error {
	name := placeNames[which]
	token, err := m.places[space].api.CreateJoinToken(ctx, client.JoinTokenRequest{Name: name})
	if err != nil {
		return fmt.Errorf("join token: %w", err)
	}
	file := filepath.Join(m.dir, name+".token")
	if err := os.WriteFile(file, []byte(token.Token), 0o600); err != nil {
		return fmt.Errorf("write join token: %w", err)
	}
	h, err := localhub.Start(ctx, localhub.Config{Binary: binary, Restart: true, Args: []string{"--space", "https://" + address, "--join", "@" + file}})
	if err != nil {
		return err
	}
	p := &place{server: h, name: name}
	m.places[which] = p
	if p.api, err = client.New(client.Config{URL: h.URL()}); err != nil {
		return err
	}
	return awaitLink(ctx, p)
}

// joinPatience is for a Hub to reach its Space the first time.
const joinPatience = 20 * time.Second

// awaitLink waits until a Hub has joined: Topics that it makes before stay its own.
func awaitLink(ctx context.Context, p *place) error {
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	for {
		l, err := linkOf(ctx, p.api)
		if err != nil {
			return err
		}
		if l.State == linkUp {
			return nil
		}
		select {
		case <-time.After(retryFirst):
		case <-ctx.Done():
			return waverider.Errorf(waverider.Timeout, "%s did not reach the Space within %s (%s)", p.name, joinPatience, l.Problem)
		}
	}
}

// linkUp is the state of a Link that is there.
const linkUp = "connected"

// hubLink is what a Hub says of its Link.
type hubLink struct {
	State   string    `json:"state"`
	Since   time.Time `json:"since"`
	Problem string    `json:"problem"`
}

func linkOf(ctx context.Context, c *client.Client) (hubLink, error) {
	raw, err := c.HubStatus(ctx)
	if err != nil {
		return hubLink{}, err
	}
	var status struct{ Space hubLink }
	err = json.Unmarshal(raw, &status)
	return status.Space, err
}

// envFile has the settings with which commands find the Space.
func (m *mesh) envFile() string { return filepath.Join(m.dir, "env") }

// close leaves nothing: no process, no file. The Hubs end first.
func (m *mesh) close() error {
	errs := make(chan error, 2)
	for _, p := range []*place{m.places[edge], m.places[cloud]} {
		go func() { errs <- p.close() }()
	}
	err := errors.Join(<-errs, <-errs, m.places[space].close())
	if m.way != nil {
		err = errors.Join(err, m.way.close())
	}
	if m.dir != "" {
		err = errors.Join(err, os.RemoveAll(m.dir))
	}
	return err
}

func (p *place) close() error {
	if p == nil {
		return nil
	}
	if p.api != nil {
		p.api.Close()
	}
	return p.Close()
}
