package jobs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/jobs"
)

type named struct{ kind string }

func (n named) Kind() string { return n.kind }

type (
	alpha struct{}
	beta  struct{}
	gamma struct{}
	shout struct{}
	long  struct{}
)

func (alpha) Kind() string { return "alpha" }
func (beta) Kind() string  { return "beta" }
func (gamma) Kind() string { return "gamma" }
func (shout) Kind() string { return "SHOUT" }
func (long) Kind() string  { return "a" + strings.Repeat("b", 40) }

func ignore[T any](context.Context, *jobs.Run, T) error { return nil }

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*jobs.Registry) error{
		"no name":         func(r *jobs.Registry) error { return jobs.Register(r, jobs.Policy{}, ignore[named]) },
		"upper case":      func(r *jobs.Registry) error { return jobs.Register(r, jobs.Policy{}, ignore[shout]) },
		"long name":       func(r *jobs.Registry) error { return jobs.Register(r, jobs.Policy{}, ignore[long]) },
		"hyphen in queue": func(r *jobs.Registry) error { return jobs.Register(r, jobs.Policy{Queue: "a-b"}, ignore[alpha]) },
		"long queue": func(r *jobs.Registry) error {
			return jobs.Register(r, jobs.Policy{Queue: strings.Repeat("q", 21)}, ignore[alpha])
		},
		"negative attempts": func(r *jobs.Registry) error { return jobs.Register(r, jobs.Policy{MaxAttempts: -1}, ignore[alpha]) },
		"negative timeout":  func(r *jobs.Registry) error { return jobs.Register(r, jobs.Policy{Timeout: -1}, ignore[alpha]) },
		"no such priority":  func(r *jobs.Registry) error { return jobs.Register(r, jobs.Policy{Priority: 5}, ignore[alpha]) },
		"twice": func(r *jobs.Registry) error {
			if err := jobs.Register(r, jobs.Policy{}, ignore[alpha]); err != nil {
				t.Errorf("first Register: %v", err)
			}
			return jobs.Register(r, jobs.Policy{}, ignore[alpha])
		},
	}
	for name, register := range tests {
		if err := register(jobs.NewRegistry()); err == nil {
			t.Errorf("%s: Register = nil, want an error", name)
		}
	}
}

func TestLanes(t *testing.T) {
	t.Parallel()
	reg := jobs.NewRegistry()
	for _, err := range []error{
		jobs.Register(reg, jobs.Policy{}, ignore[gamma]),
		jobs.Register(reg, jobs.Policy{}, ignore[alpha]),
		jobs.Register(reg, jobs.Policy{Queue: "train", Concurrency: 1}, ignore[beta]),
	} {
		if err != nil {
			t.Fatalf("Register: %v", err)
		}
	}
	tests := map[string]struct {
		cfg  jobs.Config
		want []jobs.Lane
	}{
		"all": {jobs.Config{}, []jobs.Lane{
			{Name: "default", Queue: "default", Slots: 4, Kinds: []string{"alpha", "gamma"}},
			{Name: "train-beta", Queue: "train", Slots: 1, Kinds: []string{"beta"}},
		}},
		"one queue": {jobs.Config{Queues: []string{"train"}, Slots: 9}, []jobs.Lane{{Name: "train-beta", Queue: "train", Slots: 1, Kinds: []string{"beta"}}}},
		"none":      {jobs.Config{Queues: []string{"gpu"}}, []jobs.Lane{}},
	}
	for name, test := range tests {
		if diff := cmp.Diff(test.want, reg.Lanes(test.cfg.WithDefaults())); diff != "" {
			t.Errorf("%s: Lanes (-want +got):\n%s", name, diff)
		}
	}
}

func TestDefaultBackoff(t *testing.T) {
	t.Parallel()
	reg := jobs.NewRegistry()
	if err := jobs.Register(reg, jobs.Policy{}, ignore[alpha]); err != nil {
		t.Fatalf("Register: %v", err)
	}
	for attempt, want := range map[int]time.Duration{
		0: 5 * time.Second, 1: 5 * time.Second, 2: 10 * time.Second, 3: 20 * time.Second,
		8: 640 * time.Second, 9: 15 * time.Minute, 1000: 15 * time.Minute,
	} {
		if got := reg.Wait("alpha", attempt); got != want {
			t.Errorf("Wait(%d) = %s, want %s", attempt, got, want)
		}
	}
	if got := reg.Wait("unknown", 3); got != 0 {
		t.Errorf("Wait(unknown kind) = %s, want 0", got)
	}
}
