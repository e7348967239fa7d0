package cli

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waverider"
)

// shortTypes are the names that users say of content types.
var shortTypes = map[string]string{
	"ndjson": waverider.TypeNDJSON,
	"json":   waverider.TypeNDJSON,
	"text":   waverider.TypeText,
	"binary": waverider.TypeBytes,
	"bytes":  waverider.TypeBytes,
}

var completeTypes = cobra.FixedCompletions([]string{"ndjson\tone JSON value a line", "text", "binary"}, cobra.ShellCompDirectiveNoFileComp)

// contentType is the full name of a flag's type; empty stays empty.
func contentType(flag, word string) (string, error) {
	if full, ok := shortTypes[strings.ToLower(word)]; ok || word == "" {
		return full, nil
	}
	full, err := waverider.ParseContentType(word)
	if err != nil {
		return "", usage("%s %q: want ndjson, text or binary, or the content type in full, such as %s", flag, word, waverider.TypeNDJSON)
	}
	return full, nil
}

// longType is the full name of a type; what it does not know it leaves to the Hub.
func longType(word string) string {
	if full, ok := shortTypes[strings.ToLower(word)]; ok {
		return full
	}
	return word
}

// byteSize is a flag that is a number of bytes, with a unit or without.
type byteSize int64

func (*byteSize) Type() string { return "size" }

func (b *byteSize) String() string { return strconv.FormatInt(int64(*b), 10) }

// units of sizes. A lone letter is the binary unit, as most tools have it.
var units = map[string]float64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// Set reads "1048576", "2GiB", "1.5 GB".
func (b *byteSize) Set(text string) error {
	number := strings.TrimRight(text, "bBkKmMgGtTiI ")
	unit, ok := units[strings.ToLower(strings.TrimSpace(text[len(number):]))]
	n, err := strconv.ParseFloat(number, 64)
	if n *= unit; !ok || err != nil || !(n >= 0 && n < math.MaxInt64) {
		return errors.New("want a number of bytes, or one with a unit: 500MB, 2GiB")
	}
	*b = byteSize(n)
	return nil
}

// ageFlag is a flag that is a time in hours or days.
type ageFlag waverider.Age

func (*ageFlag) Type() string { return "age" }

func (f *ageFlag) String() string { return days(waverider.Age(*f)) }

func (f *ageFlag) Set(text string) error {
	age, err := waverider.ParseAge(text)
	*f = ageFlag(age)
	return err
}

// days is an age as ParseAge reads it and people say it; empty for none.
func days(a waverider.Age) string {
	const day = 24 * time.Hour
	d := time.Duration(a)
	if d == 0 {
		return ""
	}
	if d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} { // 1h30m0s, 36h0m0s
		if rest, ok := strings.CutSuffix(text, zero); ok {
			text = rest + zero[:1]
		}
	}
	return text
}

// topicFlags are the flags of what can be chosen and changed of a Topic.
type topicFlags struct {
	description, owner, discard string
	maxSize, maxRecord          byteSize
	maxAge                      ageFlag
}

func (f *topicFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.description, "description", "", "what it is for, in one line")
	fs.StringVar(&f.owner, "owner", "", "who answers for it")
	fs.Var(&f.maxSize, "max-size", "what it may keep, such as 500MB or 2GiB; 0 is the default: 1GiB, in memory 16MiB")
	fs.Var(&f.maxAge, "max-age", "drop records after this time, such as 36h or 7d; 0 is never")
	fs.StringVar(&f.discard, "discard", "wait", "when it is full and a reader still needs the records: wait|old")
	_ = cmd.RegisterFlagCompletionFunc("discard", cobra.FixedCompletions(
		[]string{"wait\tproducers wait for the readers", "old\tdrop the oldest records"}, cobra.ShellCompDirectiveNoFileComp))
}

// discarding is the value of --discard.
func (f *topicFlags) discarding() (waverider.Discard, error) {
	switch f.discard {
	case "wait":
		return waverider.DiscardWait, nil
	case "old":
		return waverider.DiscardOld, nil
	}
	return "", usage("--discard %q: want wait or old", f.discard)
}

func (a *app) topicCreate() *cobra.Command {
	var f topicFlags
	var kind, durability, scope string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a Topic",
		Long: `Create a Topic. Its content type and durability stay for its life; the rest can be
changed with "topic set", and its scope with "topic promote".

Records of ndjson are lines; text and binary are kept as the bytes that came.
Durability says what has happened when a producer is told that a record is stored:

  sync     it is on disk (the default)
  async    it will be on disk soon: a crash or a power cut may lose about the last second
  memory   it is in memory, and ends with the Hub

Scope says how far it reaches: of scope hub it is of this Hub alone; of scope space, its
records come to every Hub of the Space that reads it. Without --scope it is space on a
Hub that has joined a Space, but for Topics in memory, else hub.

A full Topic drops what all its readers have had, oldest first. Records that a group or
an Instance still needs are kept, and producers wait; with --discard old they are
dropped.`,
		Example: `  waverider topic create prices
  waverider topic create camera --type binary --durability memory --max-size 64MiB
  waverider topic create clicks --durability async --max-size 2GiB --max-age 7d --discard old
  waverider topic create scratch --scope hub
  waverider topic create orders --owner shop@example.org --description "every order, once"`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, list []string) error {
			cfg := waverider.TopicConfig{Name: waverider.TopicName(list[0]), Durability: waverider.Durability(durability),
				Description: f.description, Owner: f.owner, MaxBytes: int64(f.maxSize), MaxAge: waverider.Age(f.maxAge), MaxRecord: int(f.maxRecord), Scope: waverider.Scope(scope)}
			var err error
			if cfg.ContentType, err = contentType("--type", kind); err != nil {
				return err
			}
			if cfg.Discard, err = f.discarding(); err != nil {
				return err
			}
			if err := cfg.Validate(); err != nil {
				return usage("%s", err)
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if err := c.CreateTopic(cmd.Context(), cfg); err != nil {
				return topicExists(err, list[0])
			}
			a.rememberTopic(c, list[0])
			return a.id(list[0])
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&kind, "type", "t", "ndjson", "content type: ndjson|text|binary, or in full")
	fs.StringVar(&durability, "durability", string(waverider.DurabilitySync), "what is sure when a record is acked: sync|async|memory")
	fs.StringVar(&scope, "scope", "", "how far it reaches: hub|space (default: space on a Hub that has joined one)")
	fs.Var(&f.maxRecord, "max-record", "the largest record, at most 1MiB; 0 is that")
	f.register(cmd)
	alsoCalled(cmd, map[string]string{"content-type": "type"})
	_ = cmd.RegisterFlagCompletionFunc("type", completeTypes)
	_ = cmd.RegisterFlagCompletionFunc("durability", cobra.FixedCompletions(
		[]string{"sync\ton disk", "async\ton disk soon", "memory\tin memory"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("scope", cobra.FixedCompletions(
		[]string{"hub\tthis Hub alone", "space\tevery Hub of the Space"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// topicExists says what to do about a name that is taken.
func topicExists(err error, name string) error {
	if waverider.KindOf(err) == waverider.Conflict {
		return &hinted{err, "waverider topic set " + name + " changes it, waverider topic info " + name + " shows it"}
	}
	return err
}
