package waverider

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Content types a Topic can have.
const (
	TypeNDJSON     = "application/x-ndjson"
	TypeTextNDJSON = "text/x-ndjson"
	TypeText       = "text/plain"
	TypeBytes      = "application/octet-stream"
)

// ParseContentType answers the one of the four that s is, parameters and case
// aside. Its error is of Kind Unsupported.
func ParseContentType(s string) (string, error) {
	name, _, _ := strings.Cut(s, ";")
	switch name = strings.ToLower(strings.TrimSpace(name)); name {
	case TypeNDJSON, TypeTextNDJSON, TypeText, TypeBytes:
		return name, nil
	}
	return "", Errorf(Unsupported, "Unsupported content-type %.100q: want %s, %s, %s or %s", s, TypeNDJSON, TypeTextNDJSON, TypeText, TypeBytes)
}

// Durability says what has happened to a record when its producer is told that
// the Topic has it.
type Durability string

const (
	DurabilitySync   Durability = "sync"   // it is on disk
	DurabilityAsync  Durability = "async"  // it will be on disk soon; a crash may lose about the last second
	DurabilityMemory Durability = "memory" // it is in memory and ends with the Hub
)

// Discard says what a full Topic does with records that a reader still needs.
type Discard string

const (
	DiscardWait Discard = ""    // keeps them: producers wait
	DiscardOld  Discard = "old" // drops the oldest: readers miss them
)

// Scope says how far a Topic reaches.
type Scope string

const (
	ScopeHub   Scope = "hub"   // it is of one Hub, and known there only
	ScopeSpace Scope = "space" // it is of the Space: what its Hubs produce is there, and comes to those that read it
)

// What zero stands for in a TopicConfig.
const (
	DefaultMaxBytes       = 1 << 30
	DefaultMemoryMaxBytes = 16 << 20 // of a Topic in memory
	DefaultMaxRecord      = 1 << 20  // also the most it can be
)

const (
	maxDescription = 1024
	maxOwner       = 256
)

// TopicConfig is what users choose about a Topic.
type TopicConfig struct {
	Name        TopicName  `json:"name"`
	ContentType string     `json:"contentType"`
	Description string     `json:"description,omitempty"`
	Owner       string     `json:"owner,omitempty"`
	Durability  Durability `json:"durability,omitempty"` // "" is sync
	Discard     Discard    `json:"discard,omitempty"`
	Scope       Scope      `json:"scope,omitempty"`     // "" is hub
	MaxBytes    int64      `json:"maxBytes,omitempty"`  // 0 is the default of its durability
	MaxAge      Age        `json:"maxAge,omitempty"`    // 0 is no limit
	MaxRecord   int        `json:"maxRecord,omitempty"` // bytes of one record; 0 is 1 MiB
}

// WithDefaults is c with what the zeros in it stand for. No record may be larger
// than the Topic.
func (c TopicConfig) WithDefaults() TopicConfig {
	if c.Durability == "" {
		c.Durability = DurabilitySync
	}
	if c.Scope == "" {
		c.Scope = ScopeHub
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
		if c.Durability == DurabilityMemory {
			c.MaxBytes = DefaultMemoryMaxBytes
		}
	}
	if c.MaxRecord == 0 {
		c.MaxRecord = DefaultMaxRecord
	}
	c.MaxRecord = int(min(int64(c.MaxRecord), c.MaxBytes))
	return c
}

// Validate names the first field that cannot be and says what it has to be. Its
// error is of Kind Invalid, or Unsupported for the content type.
func (c TopicConfig) Validate() error {
	if _, err := ParseTopicRef(string(c.Name)); err != nil {
		return err
	}
	if kind, err := ParseContentType(c.ContentType); err != nil {
		return err
	} else if kind != c.ContentType {
		return Errorf(Invalid, "contentType: want %s, not %.100q", kind, c.ContentType)
	}
	if field, want := c.problem(); field != "" {
		return Errorf(Invalid, "%s: want %s", field, want)
	}
	return nil
}

func (c TopicConfig) problem() (field, want string) {
	switch c.Durability {
	case "", DurabilitySync, DurabilityAsync, DurabilityMemory:
	default:
		return "durability", fmt.Sprintf("sync, async or memory, not %.100q", string(c.Durability))
	}
	switch c.Discard {
	case DiscardWait, DiscardOld:
	default:
		return "discard", fmt.Sprintf("old, or nothing to let producers wait, not %.100q", string(c.Discard))
	}
	switch c.Scope {
	case "", ScopeHub, ScopeSpace:
	default:
		return "scope", fmt.Sprintf("hub or space, not %.100q", string(c.Scope))
	}
	switch {
	case c.Scope == ScopeSpace && c.Durability == DurabilityMemory:
		return "scope", "hub where the durability is memory: a Space is sent what is kept until it has it, and memory keeps nothing for anybody"
	case !text(c.Description, maxDescription):
		return "description", fmt.Sprintf("at most %d bytes of UTF-8 on one line", maxDescription)
	case !text(c.Owner, maxOwner):
		return "owner", fmt.Sprintf("at most %d bytes of UTF-8 on one line", maxOwner)
	case c.MaxBytes < 0:
		return "maxBytes", "a number of bytes, or 0 for the default"
	case c.MaxAge < 0:
		return "maxAge", `a time such as "36h" or "7d", or 0 for no limit`
	case c.MaxRecord < 0 || c.MaxRecord > DefaultMaxRecord:
		return "maxRecord", fmt.Sprintf("a number of bytes up to %d, or 0 for that", DefaultMaxRecord)
	}
	return "", ""
}

func text(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// Age is a time.Duration that is text in JSON: "36h", or whole days, "7d". It is
// a type of its own because a MarshalJSON of TopicConfig would hide the fields of
// every struct that embeds one.
type Age time.Duration

func (a Age) String() string { return time.Duration(a).String() }

// MarshalText is the text that UnmarshalText reads.
func (a Age) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what ParseAge does.
func (a *Age) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAge(string(text))
	return err
}

// ParseAge reads a duration as Go writes it, or a whole number of days: "7d".
// Its error is of Kind Invalid.
func ParseAge(s string) (Age, error) {
	const day, maxDays = 24 * time.Hour, 36500
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= maxDays {
			return Age(n) * Age(day), nil
		}
	} else if d, err := time.ParseDuration(s); err == nil {
		return Age(d), nil
	}
	return 0, Errorf(Invalid, `%.100q is not a time such as "90s", "36h" or "7d"`, s)
}
