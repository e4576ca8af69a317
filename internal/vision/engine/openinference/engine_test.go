package openinference_test

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/enginetest"
	"granary/internal/vision/engine/openinference"
	"granary/internal/vision/engine/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server speaks the Open Inference Protocol for two models, "detector" and
// "classifier", with inputs of 32×16 pixels.
type server struct {
	t      *testing.T
	binary bool
	// notReady makes the health check fail.
	notReady bool
}

type array struct {
	Name       string         `json:"name"`
	Shape      []int          `json:"shape"`
	Datatype   string         `json:"datatype"`
	Parameters map[string]int `json:"parameters,omitempty"`
	Data       []float32      `json:"data,omitempty"`
}

func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(r.URL.Path, "/v2")
	path = "/v2" + path
	switch {
	case path == "/v2/health/ready":
		if s.notReady {
			w.WriteHeader(http.StatusBadRequest)
		}
	case path == "/v2":
		extensions := []string{}
		if s.binary {
			extensions = append(extensions, "binary_tensor_data")
		}
		s.json(w, map[string]any{"name": "test", "extensions": extensions})
	case r.Method == http.MethodGet:
		outputs := []array{{Name: "scores", Datatype: "FP32"}}
		if strings.HasSuffix(path, "detector") {
			outputs = append(outputs, array{Name: "boxes", Datatype: "FP32"}, array{Name: "classes", Datatype: "FP32"})
		}
		s.json(w, map[string]any{"name": "m", "inputs": []array{{Name: "image", Shape: []int{-1, 3, 16, 32}, Datatype: "FP32"}}, "outputs": outputs})
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/infer"):
		s.infer(w, r, strings.Contains(path, "/detector/"))
	default:
		http.NotFound(w, r)
	}
}

func (s server) json(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Errorf("encode answer: %v", err)
	}
}

// infer checks the tensor and answers enginetest's values.
func (s server) infer(w http.ResponseWriter, r *http.Request, detector bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller left
	}
	text, raw := body, []byte(nil)
	if n, err := strconv.Atoi(r.Header.Get("Inference-Header-Content-Length")); err == nil {
		text, raw = body[:n], body[n:]
	}
	var call struct{ Inputs []array }
	if err := json.Unmarshal(text, &call); err != nil || len(call.Inputs) != 1 {
		s.t.Errorf("infer got %d inputs, %v, want 1", len(call.Inputs), err)
		return
	}
	const values = 3 * 16 * 32
	if in := call.Inputs[0]; s.binary && (len(raw) != 4*values || in.Parameters["binary_data_size"] != len(raw)) || !s.binary && len(in.Data) != values {
		s.t.Errorf("infer got %d bytes and %d numbers, want %d values", len(raw), len(in.Data), values)
	}
	var outputs []array
	if detector {
		boxes, scores, classes := array{Name: "boxes"}, array{Name: "scores"}, array{Name: "classes"}
		for _, d := range enginetest.Detections() {
			boxes.Data = append(boxes.Data, float32(d.Box.TopX*32), float32(d.Box.TopY*16), float32(d.Box.BottomX*32), float32(d.Box.BottomY*16))
			scores.Data = append(scores.Data, float32(d.Score))
			classes.Data = append(classes.Data, 1)
		}
		// Below the threshold, and covered by the first one.
		boxes.Data = append(boxes.Data, 0, 0, 9, 9, 4.5, 4, 16, 12)
		scores.Data = append(scores.Data, 0.1, 0.5)
		classes.Data = append(classes.Data, 0, 1)
		boxes.Shape, scores.Shape, classes.Shape = []int{1, 4, 4}, []int{1, 4}, []int{1, 4}
		outputs = []array{boxes, scores, classes}
	} else {
		// Logits whose softmax is 0.25 and 0.75.
		outputs = []array{{Name: "scores", Shape: []int{1, 2}, Data: []float32{0, float32(math.Log(3))}}}
	}
	var tail []byte
	for i := range outputs {
		outputs[i].Datatype = "FP32"
		if s.binary {
			for _, v := range outputs[i].Data {
				tail = binary.LittleEndian.AppendUint32(tail, math.Float32bits(v))
			}
			outputs[i].Parameters = map[string]int{"binary_data_size": 4 * len(outputs[i].Data)}
			outputs[i].Data = nil
		}
	}
	answer, err := json.Marshal(map[string]any{"model_name": "m", "outputs": outputs})
	if err != nil {
		s.t.Errorf("encode answer: %v", err)
	}
	if s.binary {
		w.Header().Set("Inference-Header-Content-Length", strconv.Itoa(len(answer)))
	}
	_, _ = w.Write(append(answer, tail...))
}

const (
	detectorOptions = `{"model":"detector","input":{"width":32,"height":16},
		"outputs":{"boxes":"boxes","scores":"scores","classes":"classes"},"labels":["dust","seed"],"score_threshold":0.3,"nms":0.6}`
	classifierOptions = `{"model":"classifier","input":{"width":32,"height":16},"labels":["7 Lolium temulentum","13 Ambrosia trifida"],"softmax":true}`
)

func open(t *testing.T, task engine.Task, spec engine.Spec, config remote.Config) engine.Model {
	t.Helper()
	spec.Options = json.RawMessage(detectorOptions)
	if task == engine.Classification {
		spec.Options = json.RawMessage(classifierOptions)
	}
	m, err := openinference.New(config).Open(t.Context(), spec)
	if err != nil {
		t.Fatalf("Open() = %v, want a model", err)
	}
	return m
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, binary := range map[string]bool{"json": false, "binary": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enginetest.Run(t, enginetest.Subject{Good: server{t: t, binary: binary}, Open: open})
		})
	}
}

func TestServerThatDoesNotFit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		server  server
		options string
		kind    fault.Kind
	}{
		"not ready":    {server{notReady: true}, classifierOptions, fault.Unavailable},
		"input name":   {server{}, `{"model":"classifier","input":{"name":"other","width":32,"height":16}}`, fault.Invalid},
		"input size":   {server{}, `{"model":"classifier","input":{"width":33,"height":16}}`, fault.Invalid},
		"input layout": {server{}, `{"model":"classifier","input":{"width":32,"height":16,"layout":"nhwc"}}`, fault.Invalid},
		"datatype":     {server{}, `{"model":"classifier","input":{"width":32,"height":16,"datatype":"UINT8"}}`, fault.Invalid},
		"output name":  {server{}, `{"model":"classifier","input":{"width":32,"height":16},"outputs":{"scores":"other"}}`, fault.Invalid},
		"few labels":   {server{}, `{"model":"classifier","input":{"width":32,"height":16},"labels":["only"],"softmax":true}`, fault.Invalid},
		"raw scores":   {server{}, `{"model":"classifier","input":{"width":32,"height":16}}`, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.server.t = t
			s := httptest.NewServer(tc.server)
			defer s.Close()
			m, err := openinference.New(remote.Config{}).Open(t.Context(), engine.Spec{Name: "m", Endpoint: s.URL, Options: json.RawMessage(tc.options)})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if _, err := m.Classify(t.Context(), enginetest.Picture(t)); !fault.Is(err, tc.kind) {
				t.Errorf("Classify() = %v, want kind %v", err, tc.kind)
			}
			if _, err := m.Detect(t.Context(), enginetest.Picture(t)); !fault.Is(err, fault.Invalid) {
				t.Errorf("Detect() of a classifier = %v, want kind invalid", err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"none":          ``,
		"unknown":       `{"input":{"width":1,"height":1},"colour":1}`,
		"no size":       `{}`,
		"huge size":     `{"input":{"width":100000,"height":1}}`,
		"layout":        `{"input":{"width":1,"height":1,"layout":"chwn"}}`,
		"zero std":      `{"input":{"width":1,"height":1,"std":[1,0,1]}}`,
		"lonely boxes":  `{"input":{"width":1,"height":1},"outputs":{"boxes":"b"}}`,
		"bad threshold": `{"input":{"width":1,"height":1},"score_threshold":2}`,
	} {
		_, err := openinference.New(remote.Config{}).Open(t.Context(), engine.Spec{Endpoint: "http://x/", Options: json.RawMessage(options)})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("Open(%s) = %v, want kind invalid", name, err)
		}
	}
}
