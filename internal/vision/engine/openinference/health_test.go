package openinference_test

import (
	"net/http/httptest"
	"testing"

	"granary/internal/vision/engine"
	"granary/internal/vision/engine/openinference"
	"granary/internal/vision/engine/remote"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		server server
		want   engine.Health
	}{
		"ready":     {server{t: t}, engine.Health{State: engine.Ready, Reason: engine.Answered}},
		"not ready": {server{t: t, notReady: true}, engine.Health{State: engine.Unready, Reason: engine.Refused, Detail: "status 400 Bad Request"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(tc.server)
			defer s.Close()
			model, err := openinference.New(remote.Config{}).Open(t.Context(), engine.Spec{Name: "m", Endpoint: s.URL + "/base", Options: []byte(classifierOptions)})
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
