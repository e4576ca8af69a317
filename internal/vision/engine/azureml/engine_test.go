package azureml_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/azureml"
	"granary/internal/vision/engine/enginetest"
	"granary/internal/vision/engine/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// good answers as a detector to the JSON body and as a classifier to base64.
func good(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var answer any
	if len(body) > 0 && body[0] == '{' {
		var boxes []map[string]any
		for _, d := range enginetest.Detections() {
			boxes = append(boxes, map[string]any{
				"box":   map[string]float64{"topX": d.Box.TopX, "topY": d.Box.TopY, "bottomX": d.Box.BottomX, "bottomY": d.Box.BottomY},
				"label": d.Label, "score": d.Score,
			})
		}
		answer = map[string]any{"filename": "x", "boxes": boxes}
	} else {
		var list []map[string]any
		for _, g := range enginetest.Guesses() {
			list = append(list, map[string]any{"label": g.Label, "score": g.Score})
		}
		answer = list
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, enginetest.Subject{
		Good: http.HandlerFunc(good),
		Open: func(t *testing.T, _ engine.Task, spec engine.Spec, config remote.Config) engine.Model {
			t.Helper()
			m, err := azureml.New(config).Open(t.Context(), spec)
			if err != nil {
				t.Fatalf("Open() = %v, want a model", err)
			}
			return m
		},
	})
}

// TestRequests compares the calls with the letter of the nachet specification,
// section 4.3.
func TestRequests(t *testing.T) {
	t.Parallel()
	type call struct{ contentType, authorization, deployment, body string }
	calls := make(chan call, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- call{r.Header.Get("Content-Type"), r.Header.Get("Authorization"), r.Header.Get("azureml-model-deployment"), string(body)}
		if body[0] == '{' {
			_, _ = io.WriteString(w, `[{"filename":"f","boxes":[{"box":{"topX":0,"topY":0,"bottomX":1,"bottomY":1},"label":"a","score":1,"topN":[{"label":"a","score":1}]}]}]`)
			return
		}
		_, _ = io.WriteString(w, `[{"label":"a","score":0.5}]`)
	}))
	defer server.Close()
	m, err := azureml.New(remote.Config{}).Open(t.Context(), engine.Spec{
		Name: "swin", Endpoint: server.URL, APIKey: "key", Content: "text/plain", Deployment: "azureml-model-deployment",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	picture := enginetest.Picture(t)
	file, err := picture.File()
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString(file)
	found, err := m.Detect(t.Context(), picture)
	if err != nil || len(found) != 1 || len(found[0].Guesses) != 1 {
		t.Errorf("Detect(list of one) = %v, %v, want one box with topN", found, err)
	}
	want := call{"text/plain", "Bearer key", "swin", `{"input_data":{"columns":["image"],"index":[0],"data":["` + encoded + `"]}}`}
	if got := <-calls; got != want {
		t.Errorf("Detect() sent %+v, want %+v", got, want)
	}
	if _, err := m.Classify(t.Context(), picture); err != nil {
		t.Errorf("Classify() = %v, want guesses", err)
	}
	want.body = encoded
	if got := <-calls; got != want {
		t.Errorf("Classify() sent %+v, want %+v", got, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]engine.Spec{
		"no endpoint":     {},
		"relative":        {Endpoint: "/score"},
		"other scheme":    {Endpoint: "file:///etc/passwd"},
		"header name":     {Endpoint: "http://x/", Deployment: "a b"},
		"header value":    {Endpoint: "http://x/", APIKey: "a\r\nb: c"},
		"unknown options": {Endpoint: "http://x/", Options: json.RawMessage(`{"a":1}`)},
	} {
		if _, err := azureml.New(remote.Config{}).Open(t.Context(), spec); !fault.Is(err, fault.Invalid) {
			t.Errorf("Open(%s) = %v, want kind invalid", name, err)
		}
	}
}
