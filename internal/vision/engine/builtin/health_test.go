package builtin_test

import (
	"context"
	"errors"
	"testing"

	"granary/internal/vision/engine"
	"granary/internal/vision/engine/builtin"
)

// source answers one classifier, or an error.
type source struct {
	active *builtin.Classifier
	err    error
}

func (s source) Active(context.Context) (*builtin.Classifier, error) { return s.active, s.err }

func TestHealth(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		model  string
		source source
		want   engine.Health
	}{
		"the detector":            {builtin.DetectorName, source{}, engine.Health{State: engine.Ready, Reason: engine.InProcess}},
		"an untrained classifier": {builtin.ClassifierName, source{}, engine.Health{State: engine.Ready, Reason: engine.Untrained}},
		"a trained classifier":    {builtin.ClassifierName, source{active: &builtin.Classifier{}}, engine.Health{State: engine.Ready, Reason: engine.InProcess}},
		"a lost version":          {builtin.ClassifierName, source{err: errors.New("disk on fire")}, engine.Health{State: engine.Unreachable, Reason: engine.Unopened}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			model, err := builtin.New(tc.source).Open(t.Context(), engine.Spec{Name: tc.model})
			if err != nil {
				t.Fatal(err)
			}
			defer model.Close()
			if got := model.(engine.Healther).Health(t.Context()); got != tc.want { //nolint:forcetypeassert // a panic is a failure too
				t.Errorf("Health = %+v, want %+v", got, tc.want)
			}
		})
	}
}
