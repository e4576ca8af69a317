package harness

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Call is one call that a server made to a model.
type Call struct {
	// Model is the last part of the path: detector or classifier in the
	// pipelines of this package.
	Model  string
	Header http.Header
	Body   []byte
}

// Picture returns the file that the call carries, in either of its forms.
func (c Call) Picture() ([]byte, error) {
	text := string(c.Body)
	if strings.HasPrefix(text, "{") {
		var body struct {
			Input struct {
				Columns []string `json:"columns"`
				Index   []int    `json:"index"`
				Data    []string `json:"data"`
			} `json:"input_data"`
		}
		if err := json.Unmarshal(c.Body, &body); err != nil {
			return nil, err
		}
		text = strings.Join(body.Input.Data, "")
	}
	return base64.StdEncoding.DecodeString(text)
}

// Reply is what a model answers. The zero value is an empty 200.
type Reply struct {
	Status int
	Header map[string]string
	Body   string
	// Hang keeps the answer back until the caller has gone.
	Hang bool
}

// Models plays the model endpoints of a deployment (specification nachet,
// section 4.3). Safe for concurrent use.
type Models struct {
	URL string

	mu     sync.Mutex
	answer func(Call) Reply
	calls  []Call
	left   chan Call
}

// NewModels starts the endpoints; they find and name three seeds instantly
// until Answer says otherwise.
func NewModels(t testing.TB) *Models {
	t.Helper()
	m := &Models{answer: Seeds, left: make(chan Call, 64)}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	m.URL = server.URL
	return m
}

// ServeHTTP records the call and answers it.
func (m *Models) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller left while sending
	}
	call := Call{Model: r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], Header: r.Header, Body: body}
	m.mu.Lock()
	m.calls = append(m.calls, call)
	answer := m.answer
	m.mu.Unlock()
	reply := answer(call)
	if reply.Hang {
		<-r.Context().Done()
		m.left <- call
		return
	}
	for name, value := range reply.Header {
		w.Header().Set(name, value)
	}
	if reply.Status != 0 {
		w.WriteHeader(reply.Status)
	}
	_, _ = io.WriteString(w, reply.Body) // a caller that left needs no answer
}

// Answer replaces how calls are answered.
func (m *Models) Answer(answer func(Call) Reply) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = answer
}

// Calls returns the calls so far, those of one model when it is named.
func (m *Models) Calls(model string) []Call {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Call
	for _, c := range m.calls {
		if model == "" || c.Model == model {
			found = append(found, c)
		}
	}
	return found
}

// Left delivers each hanging call whose caller has gone.
func (m *Models) Left() <-chan Call { return m.left }

// The answers of instant models. The classifier names every crop alike, with
// five guesses, best first.
const (
	ThreeBoxes = `{"filename":"x","boxes":[` +
		`{"box":{"topX":0.1,"topY":0.1,"bottomX":0.4,"bottomY":0.4},"label":"seed","score":0.9},` +
		`{"box":{"topX":0.5,"topY":0.5,"bottomX":0.7,"bottomY":0.8},"label":"seed","score":0.8},` +
		`{"box":{"topX":0.75,"topY":0.1,"bottomX":0.95,"bottomY":0.3},"label":"seed","score":0.7}]}`
	OneBox   = `[{"filename":"x","boxes":[{"box":{"topX":0.1,"topY":0.1,"bottomX":0.4,"bottomY":0.4},"label":"seed","score":0.9}]}]`
	NoBoxes  = `{"filename":"x","boxes":[]}`
	Ambrosia = `[{"label":"13 Ambrosia trifida","score":0.75},{"label":"12 Ambrosia artemisiifolia","score":0.18},` +
		`{"label":"14 Ambrosia psilostachya","score":0.04},{"label":"0 Brassica napus","score":0.02},{"label":"1 Brassica juncea","score":0.01}]`
)

// Seeds finds three boxes and names each.
func Seeds(c Call) Reply { return Finds(ThreeBoxes, Ambrosia)(c) }

// Finds answers the detector and the classifier with fixed bodies.
func Finds(boxes, names string) func(Call) Reply {
	return func(c Call) Reply {
		if c.Model == "detector" {
			return Reply{Body: boxes}
		}
		return Reply{Body: names}
	}
}

// LegacyFile returns a pipeline file in the original's form (specification
// nachet, section 4.1) with one pipeline over a detector and a classifier of
// these endpoints. Secret turns the values that the original encrypts into
// what the file holds; nil leaves them plain.
func (m *Models) LegacyFile(t testing.TB, pipeline, apiKey string, secret func(string) string) []byte {
	t.Helper()
	if secret == nil {
		secret = func(s string) string { return s }
	}
	about := func(fields map[string]any) map[string]any {
		for name, value := range map[string]any{
			"created_by": "Avery", "creation_date": "2024-03-18", "version": 1, "description": "desc", "job_name": "job", "accuracy": 0.9,
		} {
			fields[name] = value
		}
		return fields
	}
	model := func(name, task, path string) map[string]any {
		return about(map[string]any{
			"task": task, "endpoint": secret(m.URL + "/" + path), "api_key": secret(apiKey), "content_type": "application/json",
			"deployment_platform": "azureml-model-deployment", "endpoint_name": path, "model_name": name, "dataset": "ds",
		})
	}
	data, err := json.MarshalIndent(map[string]any{
		"version": "0.1.4", "date": "2024-03-18",
		"models": []any{
			model("seed-detector-1", "object-detection", "detector"),
			model("swinv1-base-dataaugv2-1", "classification", "classifier"),
		},
		"pipelines": []any{about(map[string]any{
			"models": []string{"seed-detector-1", "swinv1-base-dataaugv2-1"}, "pipeline_name": pipeline,
			"dataset_description": "ds", "default": true,
		})},
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return data
}
