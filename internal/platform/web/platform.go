package web

import "net/http"

// PlatformHandlers are the operations that telemetry brings. All required.
type PlatformHandlers struct {
	Health, Ready, Version, Metrics http.Handler
}

// PlatformDoor returns the door named "platform" with /healthz, /readyz,
// /version and /metrics. Users, tokens, jobs and the like add their
// operations to it.
func PlatformDoor(h PlatformHandlers) *Native {
	n := NewNative("platform")
	add := func(path, summary, mediaType string, handler http.Handler) {
		n.Add(Route{
			Method: http.MethodGet, Path: path, Access: Public, Summary: summary, Unlimited: true,
			Response: &Body{MediaType: mediaType}, Handler: handler,
		})
	}
	add("/healthz", "Whether the process lives", "application/json", h.Health)
	add("/readyz", "Whether every dependency answers, by name", "application/json", h.Ready)
	add("/version", "What is running", "application/json", h.Version)
	add("/metrics", "Prometheus metrics", "text/plain", h.Metrics)
	return n
}
