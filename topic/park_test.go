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
	top, err := s.Park(t.Context(), cfg, "edge")
	if err != nil || top.Name() != "a@edge" {
		t.Fatalf("%v, %v", top, err)
	}
	write(t, top, 0, 10, 50)
	if again, err := s.Park(t.Context(), cfg, "edge"); again != top || err != nil {
		t.Errorf("parked twice: %v, %v", again, err)
	}
	other := cfg
	other.ContentType = waverider.TypeText
	if _, err := s.Park(t.Context(), other, "edge"); waverider.KindOf(err) != waverider.Unsupported {
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
