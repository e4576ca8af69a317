// Package telemetry is what an operator sees of a running server: the log,
// the metrics, the health of its dependencies and what build it is. It owns
// the form of each and the registry of metrics; it measures nothing itself.
// Other packages are told of it through small hooks, so that none of them
// imports a metrics library.
//
//	request ─► Tag(ctx, RequestID, …) ─► logger.InfoContext(ctx, …)  one handler adds the ids
//	web.Hooks.Observe ─► Metrics.Observe ┐
//	queue, store ─► Metrics.Samples ─────┴─► /metrics
//	Health.Add("database", db.Ping) ─► /readyz, by name
package telemetry
