package jobstest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/jobs"
)

// configured registers kinds of the type Configured, each in its own queue.
func configured(t *testing.T, policies map[string]jobs.Policy, fn func(context.Context, *jobs.Run, Configured) error) *jobs.Registry {
	t.Helper()
	reg := jobs.NewRegistry()
	for kind, policy := range policies {
		policy.Queue = kind
		if err := jobs.RegisterKind(reg, kind, policy, fn); err != nil {
			t.Fatalf("RegisterKind(%s): %v", kind, err)
		}
	}
	return reg
}

// testDevices runs jobs of two GPU queues on two devices and, meanwhile, one
// that needs none.
func testDevices(t *testing.T, s Store) {
	var mu sync.Mutex
	inside := map[string]int{}
	crowded, seen := false, map[string]bool{}
	leave, entered, cpu := make(chan struct{}), make(chan struct{}, 10), make(chan string, 1)
	reg := configured(t, map[string]jobs.Policy{
		"gpu_a": {Device: jobs.DeviceGPU}, "gpu_b": {Device: jobs.DeviceGPU, Concurrency: 2}, "cpu": {},
	}, func(_ context.Context, run *jobs.Run, args Configured) error {
		if args.Name == "cpu" {
			cpu <- run.Device()
			return nil
		}
		mu.Lock()
		inside[run.Device()]++
		crowded = crowded || inside[run.Device()] > 1
		seen[run.Device()] = true
		mu.Unlock()
		entered <- struct{}{}
		<-leave
		mu.Lock()
		inside[run.Device()]--
		mu.Unlock()
		return nil
	})
	engine := s.engine(t, reg, jobs.Config{Devices: []string{"0", "2"}, Slots: 8})
	var ids []string
	for range 3 {
		ids = append(ids, s.enqueue(t, engine, Configured{kind: "gpu_a"}), s.enqueue(t, engine, Configured{kind: "gpu_b"}))
	}
	start(t, engine)
	receive(t, "the first GPU job", entered)
	receive(t, "the second GPU job", entered)
	s.enqueue(t, engine, Configured{Name: "cpu", kind: "cpu"})
	if device := receive(t, "the job without a device", cpu); device != "" {
		t.Errorf("Device of a job without one = %q, want none", device)
	}
	if len(entered) > 0 {
		t.Error("a third GPU job began while both devices were taken")
	}
	close(leave)
	for _, id := range ids {
		awaitState(t, engine, id, jobs.Succeeded)
	}
	mu.Lock()
	defer mu.Unlock()
	if crowded {
		t.Error("two jobs shared a device")
	}
	if diff := cmp.Diff(map[string]bool{"0": true, "2": true}, seen); diff != "" {
		t.Errorf("devices used (-want +got):\n%s", diff)
	}
}

func testNoDevice(t *testing.T, s Store) {
	reg := configured(t, map[string]jobs.Policy{"gpu": {Device: jobs.DeviceGPU}, "cpu": {}},
		func(context.Context, *jobs.Run, Configured) error { return nil })
	engine := s.started(t, reg, jobs.Config{})
	waits := s.enqueue(t, engine, Configured{kind: "gpu"})
	awaitState(t, engine, s.enqueue(t, engine, Configured{kind: "cpu"}), jobs.Succeeded)
	if got := get(t, engine, waits).State; got != jobs.Queued {
		t.Errorf("state of a GPU job without a GPU = %s, want queued", got)
	}
}

// testWeights fills three queues before anything runs, with one share for
// all: the order is that of the weights, and nobody starves.
func testWeights(t *testing.T, s Store) {
	order := make(chan string, 24)
	reg := configured(t, map[string]jobs.Policy{"heavy": {}, "light": {}, "plain": {}},
		func(_ context.Context, _ *jobs.Run, args Configured) error {
			order <- args.Name
			return nil
		})
	engine := s.engine(t, reg, jobs.Config{CPUShares: 1, Weights: map[string]int{"heavy": 4, "light": 1, "plain": 1}})
	for _, kind := range []string{"heavy", "light", "plain"} {
		for range 8 {
			s.enqueue(t, engine, Configured{Name: kind, kind: kind})
		}
	}
	start(t, engine)
	got := map[string]int{}
	for range 12 {
		got[receive(t, "a job", order)]++
	}
	if diff := cmp.Diff(map[string]int{"heavy": 8, "light": 2, "plain": 2}, got); diff != "" {
		t.Errorf("first twelve jobs (-want +got):\n%s", diff)
	}
	for range 12 {
		receive(t, "the others", order)
	}
}

// testQueueInTurn keeps a queue to one job after another, first come first
// served, beside a queue with slots for all.
func testQueueInTurn(t *testing.T, s Store) {
	var inside gauge
	order := make(chan string, 5)
	engine := s.engine(t, registry(t, jobs.Policy{Queue: "turns"}, func(_ context.Context, _ *jobs.Run, w Work) error {
		inside.enter()
		defer inside.leave()
		order <- w.Name
		return nil
	}), jobs.Config{QueueSlots: map[string]int{"turns": 1}})
	want := []string{"a", "b", "c", "d", "e"}
	for _, name := range want {
		s.enqueue(t, engine, Work{Name: name})
	}
	start(t, engine)
	got := []string{}
	for range want {
		got = append(got, receive(t, "a job", order))
	}
	if diff := cmp.Diff(want, got); diff != "" || inside.most.Load() != 1 {
		t.Errorf("at most %d at once, order (-want +got):\n%s", inside.most.Load(), diff)
	}
}

// testCancelSoon cancels from another process and expects the handler to hear
// of it at the engine's default settings.
func testCancelSoon(t *testing.T, s Store) {
	entered, heard := make(chan struct{}), make(chan time.Time, 1)
	reg := registry(t, jobs.Policy{}, func(ctx context.Context, _ *jobs.Run, _ Work) error {
		close(entered)
		<-ctx.Done()
		heard <- time.Now()
		return ctx.Err()
	})
	server := s.started(t, reg, jobs.Config{Poll: jobs.Config{}.WithDefaults().Poll})
	command := s.engine(t, reg, jobs.Config{})
	id := s.enqueue(t, server, Work{})
	receive(t, "the job", entered)
	asked := time.Now()
	if err := command.Cancel(t.Context(), id); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	if took := receive(t, "the cancellation", heard).Sub(asked); took > cancelPatience {
		t.Errorf("the handler heard of the cancellation after %s, want at most %s", took, cancelPatience)
	}
	awaitState(t, server, id, jobs.Cancelled)
}

// cancelPatience is what users are promised, doubled for busy machines.
const cancelPatience = 2 * time.Second
