package azureml

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"strings"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/remote"
)

// Name is how pipelines name this engine.
const Name = "azureml"

// Engine opens models behind scoring endpoints.
type Engine struct {
	config remote.Config
}

var _ engine.Engine = (*Engine)(nil)

// New returns the engine.
func New(config remote.Config) *Engine { return &Engine{config: config} }

// Open prepares the model without calling it. It takes no options. Errors:
// fault.Invalid for an endpoint, a header name or a key that cannot be sent.
func (e *Engine) Open(_ context.Context, spec engine.Spec) (engine.Model, error) {
	header := http.Header{}
	header.Set("Content-Type", cmp.Or(spec.Content, "application/json"))
	if spec.APIKey != "" {
		header.Set("Authorization", "Bearer "+spec.APIKey)
	}
	if spec.Deployment != "" {
		header.Set(spec.Deployment, spec.Name)
	}
	for name, values := range header {
		if !isToken(name) || strings.ContainsAny(values[0], "\r\n\x00") {
			return nil, fault.New(fault.Invalid, "the headers of model %s cannot be sent", spec.Name)
		}
	}
	if len(spec.Options) > 0 && string(spec.Options) != "null" && string(spec.Options) != "{}" {
		return nil, fault.New(fault.Invalid, "model %s: the azureml engine takes no options", spec.Name)
	}
	client, err := remote.New(spec, e.config)
	if err != nil {
		return nil, err
	}
	return &model{name: spec.Name, endpoint: spec.Endpoint, header: header, client: client}, nil
}

// isToken reports whether s can be the name of a header (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}) < 0
}

type model struct {
	name     string
	endpoint string
	header   http.Header
	client   *remote.Client
}

// Detect sends the picture's file and returns the boxes of the answer.
func (m *model) Detect(ctx context.Context, picture *raster.Picture) ([]engine.Detection, error) {
	file, err := picture.File()
	if err != nil {
		return nil, err
	}
	const head, tail = `{"input_data":{"columns":["image"],"index":[0],"data":["`, `"]}}`
	response, err := m.post(ctx, head, file, tail)
	if err != nil {
		return nil, err
	}
	return parseDetections(m.name, response)
}

// Classify sends the crop's file as bare base64 and returns the guesses.
func (m *model) Classify(ctx context.Context, crop *raster.Picture) ([]engine.Guess, error) {
	file, err := crop.File()
	if err != nil {
		return nil, err
	}
	response, err := m.post(ctx, "", file, "")
	if err != nil {
		return nil, err
	}
	return parseGuesses(m.name, response)
}

// Close drops idle connections.
func (m *model) Close() error {
	m.client.Close()
	return nil
}

// post sends the file as base64 between head and tail.
func (m *model) post(ctx context.Context, head string, file []byte, tail string) ([]byte, error) {
	response, err := m.client.Do(ctx, remote.Request{
		Method: http.MethodPost, URL: m.endpoint, Header: m.header,
		Body: func() io.Reader {
			return io.MultiReader(strings.NewReader(head), raster.NewBase64Reader(file), strings.NewReader(tail))
		},
		Size: int64(len(head) + raster.Base64Size(len(file)) + len(tail)),
	})
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}
