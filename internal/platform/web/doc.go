// Package web serves every door of Granary over HTTP.
//
// It owns the listeners and their TLS, the router that is built from the
// doors' route tables, the middleware that every request passes, the one
// mapping from error kinds to statuses, the JSON helpers for plain handlers,
// and the OpenAPI documents with their page. It does not own any operation:
// doors bring routes, services decide about objects, and package identity
// says who is calling.
//
// A request flows through
//
//	accept → TLS → [one per server]   recover, request id, proxies, log, metrics
//	             → router (net/http patterns of the listener's doors)
//	             → [one per route]    CORS, concurrency, authenticate, rate,
//	                                  access, cross-site check, body, compression
//	             → the door's handler
//
// and whatever refuses it on the way is answered by Door.WriteError, so that
// each client sees the error shape of its own wire format.
package web
