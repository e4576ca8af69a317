package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// PipelineName is the pipeline over the fake endpoint.
const PipelineName = "Bench"

// endpoint answers as a remote detector and classifier do (nachet
// specification, section 4.3), at once, and notes when it was busy.
type endpoint struct {
	server *httptest.Server

	mu    sync.Mutex
	spans []span
}

type span struct{ from, to time.Time }

// threeBoxes is the detector's answer: three objects apart from each other.
const threeBoxes = `{"filename":"picture","boxes":[
{"box":{"topX":0.05,"topY":0.05,"bottomX":0.25,"bottomY":0.3},"label":"seed","score":0.98},
{"box":{"topX":0.4,"topY":0.35,"bottomX":0.62,"bottomY":0.6},"label":"seed","score":0.97},
{"box":{"topX":0.7,"topY":0.7,"bottomX":0.93,"bottomY":0.94},"label":"seed","score":0.96}]}`

// fiveGuesses is the classifier's answer to every crop.
const fiveGuesses = `[{"label":"13 Ambrosia trifida","score":0.75},{"label":"12 Ambrosia artemisiifolia","score":0.18},
{"label":"14 Ambrosia psilostachya","score":0.04},{"label":"0 Brassica napus","score":0.02},{"label":"1 Brassica juncea","score":0.01}]`

func newEndpoint() *endpoint {
	e := &endpoint{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /detect", e.answer(threeBoxes))
	mux.HandleFunc("POST /classify", e.answer(fiveGuesses))
	e.server = httptest.NewServer(mux)
	return e
}

func (e *endpoint) close() { e.server.Close() }

func (e *endpoint) answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := time.Now()
		_, _ = io.Copy(io.Discard, r.Body) // what cannot be read shows as a failed call
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.spans = append(e.spans, span{from, time.Now()})
	}
}

// busy returns for how long at least one call was being answered since the
// last time it was asked.
func (e *endpoint) busy() time.Duration {
	e.mu.Lock()
	spans := e.spans
	e.spans = nil
	e.mu.Unlock()
	return union(spans)
}

// union returns the length of the time that spans cover together.
func union(spans []span) time.Duration {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	var covered time.Duration
	var end time.Time
	for _, s := range spans {
		if s.from.Before(end) {
			s.from = end
		}
		if s.to.After(s.from) {
			covered += s.to.Sub(s.from)
			end = s.to
		}
	}
	return covered
}

// pipelineFile writes the pipeline over the endpoint and returns its path.
func (e *endpoint) pipelineFile(folder string) (string, error) {
	model := func(name, task string) map[string]any {
		return map[string]any{
			"name": name, "version": "1", "engine": "azureml", "task": task,
			"endpoint": e.server.URL + map[string]string{"object-detection": "/detect", "classification": "/classify"}[task],
			"api_key":  "bench",
		}
	}
	text, err := json.Marshal(map[string]any{
		"name":   PipelineName,
		"models": []any{model("bench-detector", "object-detection"), model("bench-classifier", "classification")},
		"steps": []any{
			map[string]any{"kind": "detect", "model": "bench-detector"},
			map[string]any{"kind": "crop"},
			map[string]any{"kind": "classify", "model": "bench-classifier", "drop_number": true},
		},
	})
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "pipeline.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("write pipeline: %w", err)
	}
	return path, nil
}
