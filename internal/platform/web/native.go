package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"granary/internal/platform/fault"
)

// DefaultTypedBody caps the JSON body of a typed operation, in bytes.
const DefaultTypedBody = 1 << 20

// Native is a door in Granary's own wire format: JSON in and out, typed
// operations (Handle) beside plain ones (Add), errors as RFC 9457. Several
// packages may add to one Native before the server is built.
type Native struct {
	name   string
	api    huma.API
	routes []Route
}

var _ Door = (*Native)(nil)

// NewNative returns an empty door.
func NewNative(name string) *Native {
	n := &Native{name: name}
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalGuarded}
	n.api = huma.NewAPI(huma.Config{
		OpenAPI:       &huma.OpenAPI{Info: &huma.Info{Title: name, Version: "1"}},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{shapeProblem},
	}, collector{n})
	return n
}

// Name implements Door.
func (n *Native) Name() string { return n.name }

// Routes implements Door.
func (n *Native) Routes() []Route { return slices.Clone(n.routes) }

// WriteError implements Door with RFC 9457.
func (n *Native) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	WriteProblem(w, r, err)
}

// Add adds plain routes.
func (n *Native) Add(routes ...Route) { n.routes = append(n.routes, routes...) }

// Operation describes a typed operation; see Route for the shared fields.
type Operation struct {
	Method, Path         string
	Access               Access
	Scope                string
	Summary, Description string
	// Status of a success. Defaults to 200, or 204 when the output has no body.
	Status int
	// MaxBody caps the request body in bytes. Defaults to DefaultTypedBody.
	MaxBody int64
	Hidden  bool
}

// Handle adds a typed operation. Input and output structs follow huma's
// conventions: path, query and header tags, a Body field, validation tags;
// unknown fields are refused. An error of package fault is answered as a
// Problem of its kind.
func Handle[I, O any](n *Native, op Operation, handle func(context.Context, *I) (*O, error)) {
	if op.MaxBody <= 0 {
		op.MaxBody = DefaultTypedBody
	}
	huma.Register(n.api, huma.Operation{
		Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		OperationID: operationID(n.name, op.Method, op.Path), Tags: []string{n.name},
		DefaultStatus: op.Status, Hidden: op.Hidden,
		MaxBodyBytes:    -1, // the server's middleware caps every body
		BodyReadTimeout: -1, // and bounds its pauses
		Responses:       map[string]*huma.Response{"default": problemResponse(n.api)},
		Metadata:        map[string]any{operationKey: op},
	}, func(ctx context.Context, input *I) (*O, error) {
		output, err := handle(ctx, input)
		if err == nil {
			return output, nil
		}
		var already huma.StatusError
		if errors.As(err, &already) {
			return nil, err
		}
		LogError(ctx, err)
		return nil, newProblem(ctx, err)
	})
}

// operationKey is where Handle leaves its Operation for the collector.
const operationKey = "granary_operation"

// operationDoc is a typed operation's full description.
type operationDoc struct {
	operation *huma.Operation
	api       huma.API
}

// collector is the huma adapter that turns registrations into routes.
type collector struct{ native *Native }

// Handle implements huma.Adapter.
func (c collector) Handle(h *huma.Operation, handle func(huma.Context)) {
	op, _ := h.Metadata[operationKey].(Operation)
	route := Route{
		Method: op.Method, Path: op.Path, Access: op.Access, Scope: op.Scope,
		Summary: op.Summary, Description: op.Description, MaxBody: op.MaxBody, Hidden: op.Hidden,
		operation: &operationDoc{operation: h, api: c.native.api},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handle(&nativeContext{humaContext: humago.NewContext(h, r, w)})
		}),
	}
	if h.RequestBody != nil {
		route.Consumes = slices.Sorted(maps.Keys(h.RequestBody.Content))
	}
	c.native.Add(route)
}

// ServeHTTP implements huma.Adapter. Requests reach operations through the
// server's router only.
func (c collector) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "not routed", http.StatusNotFound)
}

type humaContext = huma.Context

// nativeContext bends huma to the server: its body errors are faults, an
// invalid request is 400, and read deadlines are the server's business.
type nativeContext struct {
	humaContext
	bodyErr error
}

// BodyReader remembers the error that huma would only call unreadable.
func (c *nativeContext) BodyReader() io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := c.humaContext.BodyReader().Read(p)
		if err != nil && !errors.Is(err, io.EOF) {
			c.bodyErr = err
		}
		return n, err
	})
}

// SetReadDeadline does nothing.
func (c *nativeContext) SetReadDeadline(time.Time) error { return nil }

// SetStatus keeps to the one mapping from kinds to statuses.
func (c *nativeContext) SetStatus(status int) {
	switch {
	case c.bodyErr != nil && status >= http.StatusBadRequest:
		status = StatusOf(c.bodyErr)
	case status == http.StatusUnprocessableEntity:
		status = Status(fault.Invalid)
	}
	c.humaContext.SetStatus(status)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// shapeProblem turns huma's own errors into Problems. Values are left out:
// they may be secrets.
func shapeProblem(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		if _, isProblem := v.(*Problem); isProblem {
			ctx.SetHeader("Cache-Control", "no-store")
		}
		return v, nil
	}
	var err error = fault.New(fault.Invalid, "%s", model.Detail)
	switch c, isNative := ctx.(*nativeContext); {
	case isNative && c.bodyErr != nil:
		err = c.bodyErr
	case model.Status == http.StatusUnsupportedMediaType, model.Status == http.StatusNotAcceptable:
		err = protocolError(model.Status, "%s", model.Detail)
	case model.Status >= http.StatusInternalServerError:
		err = errors.New(model.Detail)
	}
	LogError(ctx.Context(), err)
	p := newProblem(ctx.Context(), err)
	for _, detail := range model.Errors {
		if p.Kind == fault.Invalid.String() {
			p.Errors = append(p.Errors, FieldError{Location: detail.Location, Message: detail.Message})
		}
	}
	for name := range p.header {
		ctx.SetHeader(name, p.header.Get(name))
	}
	ctx.SetHeader("Cache-Control", "no-store")
	return p, nil
}

// unmarshalGuarded is encoding/json under the caps of UnmarshalJSON. Unknown
// fields are refused by the schema, which names all of them at once.
func unmarshalGuarded(data []byte, v any) error {
	if err := guardJSON(data); err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}
