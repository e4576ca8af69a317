package jobstest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// testSave saves twice, once in vain, and goes on; after a cancel nothing is
// saved any more.
func testSave(t *testing.T, s Store) {
	s.results(t)
	saved, ended := make(chan error, 1), make(chan error, 1)
	reg := registry(t, quick(), func(ctx context.Context, run *jobs.Run, _ Work) error {
		refused := run.Save(ctx, refuse)
		if !fault.Is(refused, fault.Conflict) {
			saved <- errors.New("a save whose function failed was kept")
			return nil
		}
		saved <- run.Save(ctx, record(run))
		<-ctx.Done()
		ended <- run.Save(context.WithoutCancel(ctx), record(run))
		return ctx.Err()
	})
	engine := s.started(t, reg, jobs.Config{})
	id := s.enqueue(t, engine, Work{})
	if err := receive(t, "the save", saved); err != nil {
		t.Fatalf("Save: %v", err)
	}
	if diff := cmp.Diff([]int{1}, s.recorded(t)); diff != "" {
		t.Errorf("saved while running (-want +got):\n%s", diff)
	}
	if err := engine.Cancel(t.Context(), id); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	if err := receive(t, "the save after the cancel", ended); !errors.Is(err, jobs.ErrCancelled) {
		t.Errorf("Save after Cancel = %v, want ErrCancelled", err)
	}
	awaitState(t, engine, id, jobs.Cancelled)
	if diff := cmp.Diff([]int{1}, s.recorded(t)); diff != "" {
		t.Errorf("saved after the cancel (-want +got):\n%s", diff)
	}
}

// refuse is a transaction that comes to nothing.
func refuse(context.Context, database.Tx) error { return fault.New(fault.Conflict, "not now") }
