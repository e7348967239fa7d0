// Package rawlink is a Hub's end of a Link for tests, step by step, so that each
// step can be a wrong one. It knows the protocol by itself and shares only keys
// with the product.
package rawlink

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/libp2p/go-yamux/v5"

	"waverider/auth"
)

// Conn is a websocket to a Space.
type Conn struct {
	WS        *websocket.Conn
	Net       net.Conn // below TLS
	Challenge []byte   // that this side has sent
	first     []byte   // what the Space has said
}

// Space is what a Space says of itself.
type Space struct {
	Version   int    `json:"version"`
	Space     string `json:"space"`
	Key       string `json:"key"`
	Challenge []byte `json:"challenge"`
}

// Result is the Space's decision.
type Result struct {
	Welcome *struct {
		Session string          `json:"session"`
		Ticket  string          `json:"ticket"`
		Space   string          `json:"space"`
		More    json.RawMessage `json:"more"`
	} `json:"welcome"`
	Refused *struct {
		Kind    json.RawMessage `json:"kind"`
		Message string          `json:"message"`
	} `json:"refused"`
}

// Letter is a body and a signature of it and of what came before.
type Letter struct {
	Body json.RawMessage `json:"body"`
	Sign []byte          `json:"sign"`
}

// Open opens the websocket at the address of a Space, https://HOST:PORT.
// versions is the header, "" for "1-1".
func Open(ctx context.Context, url, versions string) (*Conn, error) {
	if versions == "" {
		versions = "1-1"
	}
	c := &Conn{Challenge: make([]byte, 32)}
	_, _ = rand.Read(c.Challenge)
	d := websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, HandshakeTimeout: 10 * time.Second,
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			var nd net.Dialer
			var err error
			c.Net, err = nd.DialContext(ctx, network, addr)
			return c.Net, err
		}}
	ws, resp, err := d.DialContext(ctx, "ws"+strings.TrimPrefix(url, "http")+"/api/v1/link", http.Header{
		"Waverider-Link": {versions}, "Waverider-Challenge": {base64.RawURLEncoding.EncodeToString(c.Challenge)}})
	if err != nil {
		if resp != nil {
			text, _ := io.ReadAll(resp.Body)
			return nil, fmt.Errorf("%s: %s", resp.Status, text)
		}
		return nil, err
	}
	c.WS = ws
	return c, nil
}

// Hear reads what the Space says of itself.
func (c *Conn) Hear() (s Space, l Letter, err error) {
	if _, c.first, err = c.WS.ReadMessage(); err != nil {
		return s, l, err
	}
	if err = json.Unmarshal(c.first, &l); err == nil {
		err = json.Unmarshal(l.Body, &s)
	}
	return s, l, err
}

// Hello is what is said by default, as a map to be changed.
func Hello(key *auth.Key) map[string]any {
	return map[string]any{"hub": key.ID(), "key": key.PublicKey().String(), "name": "raw", "versions": [2]int{1, 1}}
}

// Sign makes the letter of the Hub's hello as it should be.
func (c *Conn) Sign(key *auth.Key, hello map[string]any) Letter {
	body, err := json.Marshal(hello)
	if err != nil {
		panic(err)
	}
	return Letter{Body: body, Sign: key.Sign("waverider link hub 1", c.first, body)}
}

// Say sends a letter and reads the decision.
func (c *Conn) Say(l Letter) (r Result, err error) {
	if err := c.WS.WriteJSON(l); err != nil {
		return r, err
	}
	var answer Letter
	if err := c.WS.ReadJSON(&answer); err != nil {
		return r, err
	}
	return r, json.Unmarshal(answer.Body, &r)
}

// Enter does all of it as it should be done.
func Enter(ctx context.Context, url string, key *auth.Key, more map[string]any) (*Conn, Result, error) {
	c, err := Open(ctx, url, "")
	if err != nil {
		return nil, Result{}, err
	}
	if _, _, err = c.Hear(); err == nil {
		hello := Hello(key)
		for k, v := range more {
			hello[k] = v
		}
		var r Result
		if r, err = c.Say(c.Sign(key, hello)); err == nil {
			return c, r, nil
		}
	}
	_ = c.WS.Close()
	return nil, Result{}, err
}

// Bytes is the websocket as a stream of bytes, as sessions use it.
func (c *Conn) Bytes() net.Conn { return &stream{Conn: c.WS.NetConn(), ws: c.WS} }

// Session runs streams on it. No control stream is opened.
func (c *Conn) Session() (*yamux.Session, error) {
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	cfg.EnableKeepAlive = false
	return yamux.Client(c.Bytes(), cfg, nil)
}

type stream struct {
	net.Conn
	ws      *websocket.Conn
	reader  io.Reader
	writing sync.Mutex
}

func (s *stream) Read(p []byte) (int, error) {
	for {
		if s.reader == nil {
			_, r, err := s.ws.NextReader()
			if err != nil {
				return 0, err
			}
			s.reader = r
		}
		n, err := s.reader.Read(p)
		if err == io.EOF {
			s.reader, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (s *stream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.ws.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Frame is the head of a frame of yamux, and what follows it.
func Frame(kind byte, flags uint16, stream uint32, length uint32, data []byte) []byte {
	head := []byte{0, kind, byte(flags >> 8), byte(flags), byte(stream >> 24), byte(stream >> 16), byte(stream >> 8), byte(stream),
		byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}
	return append(head, data...)
}
