package web

import (
	"net/http"

	"granary/internal/platform/identity"
)

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

// String returns the level's snake_case name, as documents and tests print it.
func (a Access) String() string {
	switch a {
	case Public:
		return "public"
	case SignedIn:
		return "signed_in"
	case StewardOnly:
		return "steward_only"
	case AdminOnly:
		return "admin_only"
	case ByDoor:
		return "by_door"
	}
	return "unset"
}

// Route is one served operation. The table of all routes feeds the mux, the
// OpenAPI documents, the metrics labels and the authorisation tests.
type Route struct {
	Method string // GET, POST, …; a GET route answers HEAD too
	Path   string // net/http pattern path, such as /api/v1/jobs/{id}
	Access Access
	// Scope is what a scoped API token must hold to call the route. Defaults
	// to admin for StewardOnly and AdminOnly, else read for GET and write for
	// the other methods. Public routes need none.
	Scope string
	// Summary is one line for the OpenAPI document.
	Summary string
	// Description is further text (CommonMark) for the OpenAPI document.
	Description string
	// Query documents query parameters of a plain route.
	Query []Param
	// Request and Response document the bodies of a plain route; nil when
	// there is none to describe.
	Request, Response *Body
	// Consumes lists the media types that a request body may have, such as
	// application/json; a body of another type is answered 415. Empty means
	// that the handler looks itself.
	Consumes []string
	// MaxBody caps the request body in bytes; 0 means the door's default.
	MaxBody int64
	// Hidden keeps pages and assets out of the OpenAPI document.
	Hidden bool
	// Unlimited routes are exempt from the rate and concurrency limits and
	// logged at debug level: health checks must answer when all else refuses.
	Unlimited bool
	// Yields gives way to another door's route with the same method and
	// address instead of refusing to start.
	Yields  bool
	Handler http.Handler

	operation *operationDoc // set by Handle: the full description from types
}

// scope returns Scope or its default.
func (r Route) scope() string {
	switch {
	case r.Access == Public || r.Scope != "":
		return r.Scope
	case r.Access == StewardOnly || r.Access == AdminOnly:
		return identity.ScopeAdmin
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return identity.ScopeRead
	}
	return identity.ScopeWrite
}

// Param documents one query parameter of a plain route.
type Param struct {
	Name, Summary string
	Required      bool
}

// Body documents the body of a plain route.
type Body struct {
	// MediaType defaults to application/json.
	MediaType string
	// Schema is a JSON Schema; nil leaves the shape open.
	Schema map[string]any
	// Example is a value that encoding/json can write.
	Example any
}

// Door is one wire format or the console: routes under one name and one
// error shape.
type Door interface {
	// Name labels the door in configuration, metrics and documents.
	Name() string
	// Routes lists every operation, with paths relative to the door's prefix.
	Routes() []Route
	// WriteError answers an error of the platform (too large, rate limited,
	// not found, wrong method, panic) in the door's own shape. ErrorHeader
	// does what every shape has in common.
	WriteError(w http.ResponseWriter, r *http.Request, err error)
}
