package testspace_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"waverider/internal/testbin"
	"waverider/internal/testhub"
	"waverider/internal/testnet"
	"waverider/internal/testspace"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testbin.Remove()
	os.Exit(code)
}

func TestAHubJoinsAndComesBack(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	binary := testbin.Path(t)
	s, err := testspace.Open(ctx, testhub.Options{Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s) })
	way, err := testnet.Open(testnet.Options{To: s.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, way) })
	h, err := s.Join(ctx, "https://"+way.Addr(), "edge", testhub.Options{Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, h) })
	if err := s.AwaitHub(ctx, "edge", true); err != nil {
		t.Fatal(err)
	}
	var version struct{ Service string }
	if err := s.Hub("edge").JSON(ctx, "GET", "/version", nil, &version); err != nil || version.Service == "" {
		t.Errorf("the Hub through the Space: %+v, %v", version, err)
	}

	for name, end := range map[string]func() error{
		"cut":    func() error { way.Cut(); return nil },
		"killed": func() error { return s.End(ctx, syscall.SIGKILL) },
	} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := h.AwaitLink(ctx, false); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.PID() == 0 {
			if err := s.Start(ctx); err != nil {
				t.Fatal(err)
			}
			way.SetTo(s.Addr())
		}
		if err := way.Heal(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(h.AwaitLink(ctx, true), s.AwaitHub(ctx, "edge", true)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// TestAHubLivesElsewhere has its Hub in another network.
func TestAHubLivesElsewhere(t *testing.T) {
	lab, err := testnet.OpenLab()
	if errors.Is(err, testnet.ErrUnable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, lab) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node, err := lab.Add("edge")
	if err != nil {
		t.Fatal(err)
	}
	h, err := testhub.Open(ctx, testhub.Options{Binary: testbin.Path(t), Place: node})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, h) })
	if _, err := h.Topics(ctx); err != nil {
		t.Error(err)
	}
	if _, err := testhub.At(h.Addr()).Topics(ctx); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("it is reached from here: %v", err)
	}
}

func closed(t *testing.T, c interface{ Close() error }) {
	var exit *exec.ExitError
	if err := c.Close(); err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
}
