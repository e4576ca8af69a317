package azureml

import (
	"context"
	"net/http"
	"net/url"

	"granary/internal/vision/engine"
	"granary/internal/vision/engine/remote"
)

var _ engine.Healther = (*model)(nil)

// Health looks whether the server of the scoring endpoint answers at all. It
// sends neither the key nor the endpoint's path and query, which may hold one,
// so that looking costs nothing and gives nothing away.
func (m *model) Health(ctx context.Context) engine.Health {
	endpoint, err := url.Parse(m.endpoint)
	if err != nil { // cannot happen: Open has parsed it
		return engine.Health{State: engine.Unknown, Reason: engine.Untold}
	}
	root := url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: "/"}
	return m.client.Probe(ctx, remote.Request{Method: http.MethodHead, URL: root.String()}, remote.AnyAnswer)
}
