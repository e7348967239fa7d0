package link

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"waverider"
	"waverider/auth"
)

// Versions of the protocol that this program speaks. A change that older peers
// cannot take raises both for one release at most: each release talks with the
// one before.
const (
	Version    = 1
	MinVersion = 1
)

// Path is where a Space takes Links.
const Path = "/api/v1/link"

const (
	versionHeader   = "Waverider-Link"
	challengeHeader = "Waverider-Challenge"
	helloMax        = 64 << 10
	challengeSize   = 32
)

var helloTimeout = 15 * time.Second

// What signatures of the hello are for.
const (
	signSpace = "waverider link space 1"
	signHub   = "waverider link hub 1"
	signTaken = "waverider link taken 1"
)

// Hello is what a Hub says of itself.
type Hello struct {
	Name     string            `json:"name,omitempty"`   // it would like; the Space decides
	Labels   map[string]string `json:"labels,omitempty"` // likewise
	Build    string            `json:"build,omitempty"`  // version of its program
	Join     string            `json:"join,omitempty"`   // secret of a join token, at the first time
	Ticket   string            `json:"ticket,omitempty"` // of the last session, else
	Run      string            `json:"run,omitempty"`    // drawn by its process: who comes by another way is the same, a copy is not
	TLSPin   string            `json:"tlsPin,omitempty"` // of the certificate it saw; empty: none
	Versions [2]int            `json:"versions"`         // of the protocol, from and to
}

// Welcome is what a Space says to a Hub that it takes.
type Welcome struct {
	Session string          `json:"session"` // its id
	Ticket  string          `json:"ticket"`  // for the next; to be kept before it is confirmed
	Space   string          `json:"space"`   // name
	More    json.RawMessage `json:"more,omitempty"`
}

// Applicant is a Hub that has proved to have a key.
type Applicant struct {
	ID     string
	Key    auth.PublicKey
	Hello  Hello
	Remote string // address
	Direct bool   // no other has ended its TLS
}

// Refusal is the answer to a Hub that is not taken. Its kind is Forbidden when
// it will not be taken later either, Conflict when another uses its identity.
type refusal struct {
	Kind    waverider.Kind `json:"kind"`
	Message string         `json:"message"`
}

type spaceHello struct {
	Version   int    `json:"version"`
	Space     string `json:"space"`
	Key       string `json:"key"`
	Challenge []byte `json:"challenge"`
	Build     string `json:"build,omitempty"`
}

type hubHello struct {
	Hello
	Hub string `json:"hub"`
	Key string `json:"key"`
}

type taken struct {
	Welcome *Welcome `json:"welcome,omitempty"`
	Refused *refusal `json:"refused,omitempty"`
}

// letter is a body with a signature of it and of what came before.
type letter struct {
	Body json.RawMessage `json:"body"`
	Sign []byte          `json:"sign"`
}

func newChallenge() []byte {
	c := make([]byte, challengeSize)
	_, _ = rand.Read(c) // never fails
	return c
}

func send(ctx context.Context, ws *socket, key *auth.Key, purpose string, body any, before ...[]byte) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(letter{Body: raw, Sign: key.Sign(purpose, append(before, raw)...)})
	if err != nil {
		return nil, err
	}
	return text, ws.writeText(ctx, text)
}

// receive reads a letter into body. The caller checks the signature: who should
// have made it may stand in the body.
func receive(ctx context.Context, ws *socket, body any) (text []byte, l letter, err error) {
	if text, err = ws.readText(ctx); err != nil {
		return nil, l, err
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, l, fmt.Errorf("hello of the peer: %w", err)
	}
	if err := json.Unmarshal(l.Body, body); err != nil {
		return nil, l, fmt.Errorf("hello of the peer: %w", err)
	}
	return text, l, nil
}

// helloOfSpace is the Space's side; challenge is the Hub's.
func helloOfSpace(ctx context.Context, ws *socket, key *auth.Key, build string, version int, challenge []byte) (Applicant, []byte, error) {
	mine := spaceHello{Version: version, Space: key.ID(), Key: key.PublicKey().String(), Challenge: newChallenge(), Build: build}
	first, err := send(ctx, ws, key, signSpace, mine, challenge)
	if err != nil {
		return Applicant{}, nil, err
	}
	var theirs hubHello
	text, l, err := receive(ctx, ws, &theirs)
	if err != nil {
		return Applicant{}, nil, err
	}
	public, err := auth.ParsePublicKey(theirs.Key)
	if err != nil {
		return Applicant{}, nil, err
	}
	if theirs.Hub != public.ID() || !public.Signed(l.Sign, signHub, first, l.Body) {
		return Applicant{}, nil, waverider.Errorf(waverider.Unauthorized, "the signature is not that of Hub %.40q", theirs.Hub)
	}
	return Applicant{ID: theirs.Hub, Key: public, Hello: theirs.Hello}, text, nil
}

// answer ends the Space's side.
func answer(ctx context.Context, ws *socket, key *auth.Key, hello []byte, w *Welcome, refused error) error {
	t := taken{Welcome: w}
	if refused != nil {
		t = taken{Refused: &refusal{Kind: waverider.KindOf(refused), Message: plain(refused)}}
	}
	_, err := send(ctx, ws, key, signTaken, t, hello)
	return err
}

// helloOfHub is the Hub's side. want is the id of the Space, which it must prove
// to be before it hears anything.
func helloOfHub(ctx context.Context, ws *socket, key *auth.Key, want string, h Hello, challenge []byte) (Welcome, auth.PublicKey, error) {
	var theirs spaceHello
	first, l, err := receive(ctx, ws, &theirs)
	if err != nil {
		return Welcome{}, auth.PublicKey{}, err
	}
	space, err := auth.ParsePublicKey(theirs.Key)
	if err != nil {
		return Welcome{}, auth.PublicKey{}, err
	}
	if theirs.Space != want || space.ID() != want || !space.Signed(l.Sign, signSpace, challenge, l.Body) {
		return Welcome{}, auth.PublicKey{}, waverider.Errorf(waverider.Unauthorized,
			"what answers is not Space %s but %.40q: is the address right?", want, theirs.Space)
	}
	mine := hubHello{Hello: h, Hub: key.ID(), Key: key.PublicKey().String()}
	mine.Versions = [2]int{MinVersion, Version}
	text, err := send(ctx, ws, key, signHub, mine, first)
	if err != nil {
		return Welcome{}, auth.PublicKey{}, err
	}
	var t taken
	_, l, err = receive(ctx, ws, &t)
	switch {
	case err != nil:
		return Welcome{}, auth.PublicKey{}, err
	case !space.Signed(l.Sign, signTaken, text, l.Body):
		return Welcome{}, auth.PublicKey{}, waverider.Errorf(waverider.Unauthorized, "the answer is not signed by Space %s", want)
	case t.Refused != nil:
		return Welcome{}, auth.PublicKey{}, &Refused{Kind: t.Refused.Kind, Message: t.Refused.Message}
	case t.Welcome == nil:
		return Welcome{}, auth.PublicKey{}, errors.New("the Space neither takes nor refuses this Hub")
	}
	return *t.Welcome, space, nil
}

// Refused is what a Space answers to a Hub that it does not take.
type Refused struct {
	Kind    waverider.Kind // Forbidden: for good; Conflict: another uses the identity
	Message string
}

func (r *Refused) Error() string { return "the Space refuses this Hub: " + r.Message }

// plain is what may be shown of an error.
func plain(err error) string {
	var e *waverider.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "something went wrong in the Space; its log says what"
}

// versionOf is the newest that both speak, of a header "1-3".
func versionOf(header string) (int, error) {
	low, high, ok := strings.Cut(header, "-")
	from, err1 := strconv.Atoi(low)
	to, err2 := strconv.Atoi(high)
	switch {
	case !ok || err1 != nil || err2 != nil || from < 1 || to < from:
		return 0, waverider.Errorf(waverider.Invalid, "this is where Hubs come in: run \"waverider hub --space URL --join TOKEN\"")
	case from > Version:
		return 0, waverider.Errorf(waverider.Unprocessable, "this Hub is too new for the Space: update the Space first (it speaks Link %d to %d, the Hub %d to %d)", MinVersion, Version, from, to)
	case to < MinVersion:
		return 0, waverider.Errorf(waverider.Unprocessable, "this Hub is too old for the Space: update it (the Space speaks Link %d to %d, the Hub %d to %d)", MinVersion, Version, from, to)
	}
	return min(to, Version), nil
}

func helloHeader(challenge []byte) http.Header {
	return http.Header{
		versionHeader:   {fmt.Sprintf("%d-%d", MinVersion, Version)},
		challengeHeader: {base64.RawURLEncoding.EncodeToString(challenge)},
	}
}
