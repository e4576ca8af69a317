package vision

import (
	"context"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/builtin"
)

const (
	// healthTimeout bounds one look at all models.
	healthTimeout = 3 * time.Second
	// healthFor is how long a look is good for.
	healthFor = 10 * time.Second
	// healthAtOnce bounds the models that are asked at the same time.
	healthAtOnce = 32
)

// ModelHealth is how one model of a pipeline was at CheckedAt.
type ModelHealth struct {
	Pipeline string
	Model    string
	engine.Health
	// Version is the one that answers now, where the engine says: that of the
	// built-in classifier.
	Version   string
	CheckedAt time.Time
}

// healthWatch remembers the last look. Safe for concurrent use: while one
// caller looks, the others wait for what it sees.
type healthWatch struct {
	looking chan struct{} // holds one token
	seen    []ModelHealth
	at      time.Time
}

func newHealthWatch() *healthWatch { return &healthWatch{looking: make(chan struct{}, 1)} }

// PipelineHealth tells how every model of the active pipelines is, in the
// order of Pipelines. It takes 3 s at most and asks the models once in 10 s at
// most. Stewards and admins only: it says which parts of the lab are down.
func (s *Service) PipelineHealth(ctx context.Context) ([]ModelHealth, error) {
	caller, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := permitSteward(caller); err != nil {
		return nil, err
	}
	select {
	case s.health.looking <- struct{}{}:
		defer func() { <-s.health.looking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if age := s.now().Sub(s.health.at); s.health.seen != nil && age >= 0 && age < healthFor {
		return s.health.seen, nil
	}
	pipelines, err := s.Pipelines(ctx)
	if err != nil {
		return nil, err
	}
	// What is seen is for everyone, so one caller's leaving must not spoil it.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout)
	defer cancel()
	s.health.seen, s.health.at = s.look(limited, pipelines), s.now()
	return s.health.seen, nil
}

func (s *Service) look(ctx context.Context, pipelines []Pipeline) []ModelHealth {
	seen := []ModelHealth{}
	for i := range pipelines {
		for _, m := range pipelines[i].Definition.Models {
			seen = append(seen, ModelHealth{Pipeline: pipelines[i].Name, Model: m.Name})
		}
	}
	var group errgroup.Group
	group.SetLimit(healthAtOnce)
	for i := range seen {
		group.Go(func() error {
			s.lookAt(ctx, &seen[i])
			return nil
		})
	}
	_ = group.Wait() // no look returns an error
	return seen
}

func (s *Service) lookAt(ctx context.Context, m *ModelHealth) {
	opened, err := s.pipelines.get(ctx, m.Pipeline)
	if err == nil {
		m.Health, err = opened.runner.Health(ctx, m.Model)
		opened.release()
	}
	if err != nil {
		m.Health = engine.Health{State: engine.Unreachable, Reason: engine.Unopened}
		if !fault.Is(err, fault.Internal) {
			m.Detail = fault.Message(err)
		}
		s.log.WarnContext(ctx, "a model's health is not known", "pipeline", m.Pipeline, "model", m.Model, "error", err)
	}
	if m.Model == builtin.ClassifierName && m.State == engine.Ready {
		if number, err := s.models.version(ctx); err == nil && number > 0 {
			m.Version = strconv.FormatInt(number, 10)
		}
	}
	m.CheckedAt = s.now()
}
