package azureml_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/azureml"
	"granary/internal/vision/engine/remote"
)

func TestHealthGivesNothingAway(t *testing.T) {
	t.Parallel()
	status := http.StatusUnauthorized
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead && (r.URL.Path != "/" || r.URL.RawQuery != "" || r.Header.Get("Authorization") != "" || r.Header.Get("X-Model") != "") {
			t.Errorf("the look asked %s %s with %v, want HEAD / without credentials", r.Method, r.URL, r.Header)
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	model, err := azureml.New(remote.Config{BreakAfter: 1, BreakFor: time.Hour}).Open(t.Context(), engine.Spec{
		Name: "swin", Endpoint: server.URL + "/score?code=secret", APIKey: "secret", Deployment: "X-Model", Retries: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	healther, ok := model.(engine.Healther)
	if !ok {
		t.Fatal("the model is no Healther")
	}
	check := func(state engine.HealthState, reason engine.HealthReason) {
		t.Helper()
		if got := healther.Health(t.Context()); got.State != state || got.Reason != reason {
			t.Errorf("Health = %+v, want %s because %s", got, state, reason)
		}
	}
	check(engine.Ready, engine.Answered)
	status = http.StatusServiceUnavailable
	check(engine.Unready, engine.Refused)
	if _, err := model.Detect(t.Context(), picture(t)); err == nil {
		t.Error("Detect of a broken model = nil, want an error")
	}
	check(engine.Unreachable, engine.LeftAlone)
}

func picture(t *testing.T) *raster.Picture {
	t.Helper()
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 64, 64))); err != nil {
		t.Fatal(err)
	}
	opened, err := raster.Gate{}.Open(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func TestHealthOfAServerThatIsGone(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	model, err := azureml.New(remote.Config{}).Open(t.Context(), engine.Spec{Name: "swin", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if got := model.(engine.Healther).Health(t.Context()); got.State != engine.Unreachable || got.Reason != engine.Silent { //nolint:forcetypeassert // a panic is a failure too
		t.Errorf("Health = %+v, want it unreachable and silent", got)
	}
}
