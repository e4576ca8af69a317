package openinference

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/remote"
)

// Name is how pipelines name this engine.
const Name = "openinference"

// Engine opens models behind the Open Inference Protocol.
type Engine struct {
	config remote.Config
}

var _ engine.Engine = (*Engine)(nil)

// New returns the engine.
func New(config remote.Config) *Engine { return &Engine{config: config} }

// Open prepares the model without calling it. spec.Endpoint is the server's
// base URL, to which v2/… is added. Errors: fault.Invalid for bad options or a
// bad endpoint.
func (e *Engine) Open(_ context.Context, spec engine.Spec) (engine.Model, error) {
	options, err := parseOptions(spec)
	if err != nil {
		return nil, err
	}
	client, err := remote.New(spec, e.config)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(spec.Endpoint)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the endpoint of model %s is no URL", spec.Name)
	}
	header := http.Header{}
	if spec.APIKey != "" {
		header.Set("Authorization", "Bearer "+spec.APIKey)
	}
	return &model{
		name: spec.Name, options: options, base: base, header: header, client: client,
		preparing: make(chan struct{}, 1),
	}, nil
}

type model struct {
	name    string
	options Options
	base    *url.URL
	header  http.Header
	client  *remote.Client

	// preparing guards what the first call learns from the server.
	preparing chan struct{}
	prepared  *prepared
}

// prepared is what the server says about the model.
type prepared struct {
	input  string
	binary bool
}

// Detect sends the picture as a tensor and reads boxes.
func (m *model) Detect(ctx context.Context, picture *raster.Picture) ([]engine.Detection, error) {
	if m.options.Outputs.Boxes == "" {
		return nil, fault.New(fault.Invalid, "model %s declares no output for boxes", m.name)
	}
	outputs, at, err := m.infer(ctx, picture)
	if err != nil {
		return nil, err
	}
	found, err := m.options.detections(outputs, at)
	return found, m.senseless(err)
}

// Classify sends the crop as a tensor and reads class scores.
func (m *model) Classify(ctx context.Context, crop *raster.Picture) ([]engine.Guess, error) {
	outputs, _, err := m.infer(ctx, crop)
	if err != nil {
		return nil, err
	}
	guesses, err := m.options.guesses(outputs)
	return guesses, m.senseless(err)
}

// Close drops idle connections.
func (m *model) Close() error {
	m.client.Close()
	return nil
}

// senseless gives an error about an answer its kind.
func (m *model) senseless(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Invalid, "the answer of model %s makes no sense: %w", m.name, err)
}

// infer makes one call with one picture.
func (m *model) infer(ctx context.Context, picture *raster.Picture) (map[string]tensor, placement, error) {
	known, err := m.prepare(ctx)
	if err != nil {
		return nil, placement{}, err
	}
	data, at, err := m.options.Input.tensor(picture)
	if err != nil {
		return nil, placement{}, err
	}
	body, header, err := m.request(known, data)
	if err != nil {
		return nil, placement{}, err
	}
	response, err := m.client.Do(ctx, remote.Request{
		Method: http.MethodPost, URL: m.url("infer"), Header: header,
		Body: func() io.Reader { return bytes.NewReader(body) }, Size: int64(len(body)),
	})
	if err != nil {
		return nil, placement{}, err
	}
	outputs, err := parseAnswer(response.Body, response.Header.Get(headerLength))
	return outputs, at, m.senseless(err)
}

// url returns an address below the model's.
func (m *model) url(parts ...string) string {
	path := []string{"v2", "models", m.options.Model}
	if m.options.ModelVersion != "" {
		path = append(path, "versions", m.options.ModelVersion)
	}
	for i, part := range path {
		path[i] = url.PathEscape(part)
	}
	return m.base.JoinPath(append(path, parts...)...).String()
}

// prepare asks the server, once it is ready, for what the options leave open
// and checks that they fit the model. Only success is remembered.
func (m *model) prepare(ctx context.Context) (*prepared, error) {
	select {
	case m.preparing <- struct{}{}:
		defer func() { <-m.preparing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if m.prepared != nil {
		return m.prepared, nil
	}
	if _, err := m.get(ctx, m.base.JoinPath("v2", "health", "ready").String()); err != nil {
		return nil, err
	}
	var server struct {
		Extensions []string `json:"extensions"`
	}
	if m.options.Encoding == "auto" {
		body, err := m.get(ctx, m.base.JoinPath("v2").String())
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &server); err != nil {
			return nil, m.senseless(err)
		}
	}
	var about struct {
		Inputs  []wireTensor `json:"inputs"`
		Outputs []wireTensor `json:"outputs"`
	}
	body, err := m.get(ctx, m.url())
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &about); err != nil {
		return nil, m.senseless(err)
	}
	known := &prepared{
		input:  m.options.Input.Name,
		binary: m.options.Encoding == "binary" || slices.Contains(server.Extensions, "binary_tensor_data"),
	}
	if known.input == "" && len(about.Inputs) == 1 {
		known.input = about.Inputs[0].Name
	}
	if err := m.options.fits(known.input, about.Inputs, about.Outputs); err != nil {
		return nil, fault.New(fault.Invalid, "the options of model %s do not fit it: %w", m.name, err)
	}
	m.prepared = known
	return known, nil
}

// fits compares the options with the model's metadata.
func (o Options) fits(input string, inputs, outputs []wireTensor) error {
	i := slices.IndexFunc(inputs, func(t wireTensor) bool { return t.Name == input })
	if i < 0 {
		return fmt.Errorf("it has no input %q", input)
	}
	if got := inputs[i].Datatype; got != o.Input.Datatype {
		return fmt.Errorf("its input is of %.20q, not %s", got, o.Input.Datatype)
	}
	want := o.Input.shape()
	for j, d := range inputs[i].Shape {
		if len(inputs[i].Shape) != len(want) || d > 0 && d != want[j] {
			return fmt.Errorf("its input has the shape %.10v, not %v", inputs[i].Shape, want)
		}
	}
	for _, name := range []string{o.Outputs.Boxes, o.Outputs.Scores, o.Outputs.Classes} {
		if name != "" && !slices.ContainsFunc(outputs, func(t wireTensor) bool { return t.Name == name }) {
			return fmt.Errorf("it has no output %q", name)
		}
	}
	return nil
}

func (m *model) get(ctx context.Context, address string) ([]byte, error) {
	response, err := m.client.Do(ctx, remote.Request{Method: http.MethodGet, URL: address, Header: m.header})
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// request writes the body of an infer call.
func (m *model) request(known *prepared, data []byte) ([]byte, http.Header, error) {
	header := m.header.Clone()
	input := map[string]any{"name": known.input, "shape": m.options.Input.shape(), "datatype": m.options.Input.Datatype}
	call := map[string]any{"inputs": []any{input}}
	if known.binary {
		input["parameters"] = map[string]int{"binary_data_size": len(data)}
		call["parameters"] = map[string]bool{"binary_data_output": true}
	} else {
		input["data"] = json.RawMessage(numbers(m.options.Input.Datatype, data))
	}
	text, err := json.Marshal(call)
	if err != nil {
		return nil, nil, fmt.Errorf("encode call of model %s: %w", m.name, err)
	}
	header.Set("Content-Type", "application/json")
	if known.binary {
		header.Set("Content-Type", "application/octet-stream")
		header.Set(headerLength, strconv.Itoa(len(text)))
		text = append(text, data...)
	}
	return text, header, nil
}

// numbers writes a tensor as a flat JSON array.
func numbers(datatype string, data []byte) []byte {
	size, read := reader(datatype)
	out := make([]byte, 0, len(data)*3)
	out = append(out, '[')
	for i := 0; i < len(data); i += size {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendFloat(out, read(data[i:]), 'g', -1, 32)
	}
	return append(out, ']')
}
