package vision_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/secrets"
	"granary/internal/vision"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/builtin"
	"granary/internal/vision/pipeline"
)

func TestPipelineHealth(t *testing.T) {
	t.Parallel()
	b := setup(t, databasetest.Open(t))
	builtIn := definition("zwei")
	builtIn.Default = false
	builtIn.Models = []pipeline.Model{
		{Name: builtin.DetectorName, Engine: "builtin"}, {Name: builtin.ClassifierName, Engine: "builtin"},
	}
	builtIn.Steps = []pipeline.Step{{Kind: pipeline.StepDetect, Model: builtin.DetectorName}, {Kind: pipeline.StepCrop}, {Kind: pipeline.StepClassify, Model: builtin.ClassifierName}}
	missing := definition("drei")
	missing.Default = false
	missing.Models = []pipeline.Model{{Name: "lost", Engine: "nowhere"}}
	missing.Steps = []pipeline.Step{{Kind: pipeline.StepDetect, Model: "lost"}}
	must(t, b.SavePipelines(system(t), []pipeline.Definition{builtIn, missing}, nil))

	if _, err := b.PipelineHealth(b.owner); !fault.Is(err, fault.Forbidden) {
		t.Errorf("PipelineHealth for a member = %v, want it forbidden", err)
	}
	steward := identity.With(t.Context(), b.account(t, "steward@lab.example", identity.Steward))
	got, err := b.PipelineHealth(steward)
	must(t, err)
	want := []vision.ModelHealth{
		{Pipeline: "fake", Model: "detector", Health: engine.Health{State: engine.Unknown, Reason: engine.Untold}},
		{Pipeline: "fake", Model: "classifier", Health: engine.Health{State: engine.Unknown, Reason: engine.Untold}},
		{Pipeline: "drei", Model: "lost", Health: engine.Health{State: engine.Unreachable, Reason: engine.Unopened}},
		{Pipeline: "zwei", Model: builtin.DetectorName, Health: engine.Health{State: engine.Ready, Reason: engine.InProcess}},
		{Pipeline: "zwei", Model: builtin.ClassifierName, Health: engine.Health{State: engine.Ready, Reason: engine.Untrained}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(vision.ModelHealth{}, "CheckedAt", "Detail")); diff != "" {
		t.Errorf("PipelineHealth (-want +got):\n%s", diff)
	}
	again, err := b.PipelineHealth(steward)
	must(t, err)
	if !again[0].CheckedAt.Equal(got[0].CheckedAt) {
		t.Error("a second look at once asked the models again, want it from memory")
	}
	b.clock.advance(11 * time.Second)
	later, err := b.PipelineHealth(steward)
	must(t, err)
	if !later[0].CheckedAt.After(got[0].CheckedAt) {
		t.Error("a look after 11 s came from memory, want a new one")
	}
}

// slowEngine opens models whose health takes until the look's end.
type slowEngine struct {
	fake
	asked atomic.Int64
}

func (s *slowEngine) Open(context.Context, engine.Spec) (engine.Model, error) { return s, nil }

func (s *slowEngine) Health(ctx context.Context) engine.Health {
	s.asked.Add(1)
	<-ctx.Done()
	return engine.Health{State: engine.Unreachable, Reason: engine.Silent}
}

func TestPipelineHealthIsAskedTogetherAndEnds(t *testing.T) {
	t.Parallel()
	slow := &slowEngine{}
	b := setup(t, databasetest.Open(t))
	key, err := secrets.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	must(t, err)
	service := vision.New(vision.Deps{
		DB: b.db, Blobs: b.blobs, Users: b.users, Sealer: key, Log: slog.New(slog.DiscardHandler),
		Engines: map[string]engine.Engine{"fake": slow},
	}, vision.Config{})
	t.Cleanup(func() { must(t, service.Close()) })
	must(t, service.SavePipelines(system(t), []pipeline.Definition{definition("fake")}, nil))
	steward := identity.With(t.Context(), b.account(t, "steward@lab.example", identity.Steward))
	impatient, leave := context.WithCancel(steward)
	leave()
	begin := time.Now()
	rush(4, func(i int) {
		ctx := steward
		if i == 0 {
			ctx = impatient
		}
		health, err := service.PipelineHealth(ctx)
		if err == nil && (len(health) != 2 || health[0].State != engine.Unreachable) {
			t.Errorf("PipelineHealth = %+v, want two models out of reach", health)
		}
		if err != nil && i != 0 {
			t.Errorf("PipelineHealth = %v, want what the first one saw", err)
		}
	})
	if took := time.Since(begin); took > 20*time.Second || slow.asked.Load() != 2 {
		t.Errorf("four looks asked the models %d times in %s, want twice in about 3 s", slow.asked.Load(), took)
	}
}
