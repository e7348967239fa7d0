package topic_test

import (
	"testing"

	"waverider"
	"waverider/topic"
)

func TestParkedTopicsAreUsedByNameAndMadeByNobody(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	cfg := waverider.TopicConfig{Name: "a@edge", ContentType: waverider.TypeNDJSON}
	for what, made := range map[string]func() error{
		"created": func() error { _, err := s.Create(t.Context(), cfg); return err },
		"ensured": func() error { _, err := s.Ensure(t.Context(), cfg); return err },
	} {
		if err := made(); waverider.KindOf(err) != waverider.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	cfg.Name = "a"
	top, made, err := s.Park(t.Context(), cfg, "hub-1", "edge")
	if err != nil || !made || top.Name() != "a@edge" {
		t.Fatalf("%v, %v", top, err)
	}
	write(t, top, 0, 10, 50)
	if again, made, err := s.Park(t.Context(), cfg, "hub-1", "edge"); again != top || made || err != nil {
		t.Errorf("parked twice: %v, %v", again, err)
	}
	other := cfg
	other.ContentType = waverider.TypeText
	if _, _, err := s.Park(t.Context(), other, "hub-1", "edge"); waverider.KindOf(err) != waverider.Unsupported {
		t.Errorf("parked as another type: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if top, err = s.Ensure(t.Context(), waverider.TopicConfig{Name: "a@edge"}); err != nil {
		t.Fatal(err)
	}
	if err := top.Remember(t.Context(), "group:g", 0); err != nil {
		t.Error(err)
	}
	text := "parked"
	if err := top.Update(t.Context(), topic.Change{Description: &text}); err != nil {
		t.Error(err)
	}
	if _, n := readAll(t, top, topic.From{}); n != 10 {
		t.Errorf("%d records", n)
	}
	if err := s.Delete(t.Context(), "a@edge"); err != nil {
		t.Error(err)
	}
}

// Where records are parked goes by their producer, and not by what it is called.
func TestARenamedProducerGoesOnWhereItWasParked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	park := func(producer, from string) waverider.TopicName {
		top, _, err := s.Park(t.Context(), waverider.TopicConfig{Name: "a", ContentType: waverider.TypeNDJSON}, producer, from)
		if err != nil {
			t.Fatal(err)
		}
		return top.Name()
	}
	parked := func(what string) {
		if a, b, c := park("hub-1", "new"), park("hub-2", "edge"), park("hub-3", "third"); a != "a@edge" || b != "a@edge" || c != "a@third" {
			t.Errorf("%s: %s, %s and %s", what, a, b, c)
		}
	}
	park("hub-1", "edge")
	park("hub-2", "edge") // which was free again
	parked("renamed")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	parked("after a restart")
	if err := s.Delete(t.Context(), "a@edge"); err != nil {
		t.Fatal(err)
	}
	if got := park("hub-1", "new"); got != "a@new" || s.Parked("a", "hub-2") != nil {
		t.Errorf("after it was deleted: %s", got)
	}
}
