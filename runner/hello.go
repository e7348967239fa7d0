package runner

import (
	"encoding/json"
	"io"
)

// Version of the protocol that this package speaks.
const Version = 1

const (
	maxHello = 64 << 10
	// maxPosition bounds the offsets and numbers a runner may claim, so that
	// adding a window to one cannot overflow.
	maxPosition = 1 << 53
)

// Hello is what a runner says first on every connection; see
// docs/runner-protocol.md.
type Hello struct {
	Version         int           `json:"version"`
	Key             string        `json:"key"`
	Language        string        `json:"language"`
	LanguageVersion string        `json:"languageVersion"`
	PID             int           `json:"pid"`
	Instance        string        `json:"instance"`
	Input           HelloInput    `json:"input"`
	Output          HelloOutput   `json:"output"`
	Messages        HelloMessages `json:"messages"`
}

// HelloInput is where the runner is in its input.
type HelloInput struct {
	Received    uint64 `json:"received"` // bytes it has
	Limit       uint64 `json:"limit"`    // offset the Hub must not pass
	Ended       bool   `json:"ended"`    // it has END
	ContentType string `json:"contentType"`
}

// HelloOutput is where the runner is in its output.
type HelloOutput struct {
	Acked uint64 `json:"acked"` // oldest byte it keeps
	Next  uint64 `json:"next"`  // next byte it will produce
	Ended bool   `json:"ended"`
}

// HelloMessages is where the runner is in the messages of both directions.
type HelloMessages struct {
	Received uint64 `json:"received"` // last number handled
	Next     uint64 `json:"next"`     // oldest it keeps, or the next it will use
}

// Welcome is the Hub's answer to a Hello.
type Welcome struct {
	Version  int             `json:"version"`
	Input    WelcomeInput    `json:"input"`
	Output   WelcomeOutput   `json:"output"`
	Messages WelcomeMessages `json:"messages"`
}

// WelcomeInput is what the Hub knows of the runner's input.
type WelcomeInput struct {
	Acked uint64 `json:"acked"`
}

// WelcomeOutput is where the runner goes on, and how far.
type WelcomeOutput struct {
	Received uint64 `json:"received"`
	Limit    uint64 `json:"limit"`
}

// WelcomeMessages is where both directions of messages go on.
type WelcomeMessages struct {
	Received uint64 `json:"received"`
	Next     uint64 `json:"next"`
}

func (w Welcome) frame() ([]byte, error) {
	body, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	h := Header{Type: FrameWelcome, Length: uint32(len(body))}
	return append(h.Append(make([]byte, 0, HeaderSize+len(body))), body...), nil
}

// readHello reads the first frame of a connection.
func readHello(f *FrameReader) (Hello, error) {
	h, err := f.Next()
	if err != nil {
		return Hello{}, err
	}
	switch {
	case h.Type != FrameHello:
		return Hello{}, violation("first frame is %s, not HELLO", h.Type)
	case h.Stream != StreamControl || h.Number != 0:
		return Hello{}, violation("HELLO on stream %d with number %d", h.Stream, h.Number)
	case h.Length > maxHello:
		return Hello{}, violation("HELLO of %d bytes is over the limit of %d", h.Length, maxHello)
	}
	body, err := io.ReadAll(f)
	if err != nil {
		return Hello{}, err
	}
	var hello Hello
	if err := json.Unmarshal(body, &hello); err != nil {
		return Hello{}, violation("HELLO: %v", err)
	}
	return hello, hello.check()
}

// check finds what is wrong with a Hello whatever Session it is for.
func (h Hello) check() error {
	if h.Version != Version {
		return violation("runner speaks version %d, this Hub speaks %d", h.Version, Version)
	}
	if h.Input.Received > h.Input.Limit || h.Output.Acked > h.Output.Next || h.Messages.Next == 0 {
		return violation("positions of HELLO contradict each other")
	}
	for _, p := range []uint64{h.Input.Received, h.Output.Next, h.Messages.Received, h.Messages.Next} {
		if p > maxPosition {
			return violation("position %d of HELLO is out of range", p)
		}
	}
	return nil
}
