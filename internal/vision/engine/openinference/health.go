package openinference

import (
	"context"
	"net/http"

	"granary/internal/vision/engine"
	"granary/internal/vision/engine/remote"
)

var _ engine.Healther = (*model)(nil)

// Health asks the server whether it is ready (Open Inference Protocol, GET
// v2/health/ready).
func (m *model) Health(ctx context.Context) engine.Health {
	return m.client.Probe(ctx, remote.Request{
		Method: http.MethodGet, URL: m.base.JoinPath("v2", "health", "ready").String(), Header: m.header,
	}, func(int) bool { return false })
}
