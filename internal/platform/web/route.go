package web

import "net/http"

// Access says who may call a route before its service decides about the object.
type Access uint8

// The levels. AccessUnset is refused at start, so that nobody forgets.
const (
	AccessUnset Access = iota
	// Public routes answer anyone.
	Public
	// SignedIn routes need a principal of any role.
	SignedIn
	// StewardOnly routes need the steward or admin role.
	StewardOnly
	// AdminOnly routes need the admin role.
	AdminOnly
	// ByDoor routes carry the caller in their own wire format (the user id in
	// a nachet body); the door decides and the service checks ownership.
	ByDoor
)

// Route is one served operation. The table of all routes feeds the mux, the
// OpenAPI documents, the metrics labels and the authorisation tests.
type Route struct {
	Method string // GET, POST, …
	Path   string // net/http pattern path, such as /api/v1/jobs/{id}
	Access Access
	// Summary is one line for the OpenAPI document.
	Summary string
	// MaxBody caps the request body in bytes; 0 means the door's default.
	MaxBody int64
	// Hidden keeps pages and assets out of the OpenAPI document.
	Hidden  bool
	Handler http.Handler
}

// Door is one wire format or the console: routes under one name and one
// error shape.
type Door interface {
	// Name labels the door in configuration, metrics and documents.
	Name() string
	// Routes lists every operation, with paths relative to the door's prefix.
	Routes() []Route
	// WriteError answers an error of the platform (too large, rate limited,
	// not found, wrong method, panic) in the door's own shape.
	WriteError(w http.ResponseWriter, r *http.Request, err error)
}
