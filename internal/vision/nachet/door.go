// Package nachet is the door for the unmodified seed-classification front
// end, generation G3: it translates that wire format to calls of the vision
// service and back, and holds no rule of its own.
//
//	JSON body ─► request (long strings hoisted, size budget) ─► vision.Service
//	[text]    ◄─ family and detail of the error               ◄─ error kind
//
// Where it departs from the original is listed in docs/compatibility/nachet.md.
package nachet

import (
	"context"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
	"granary/internal/vision"
)

// Config is what a deployment decides about the door.
type Config struct {
	// Local lets a caller name its e-mail in the body of /get-user-id.
	Local bool
	// FallbackEmail is who a caller without cookie becomes; empty refuses.
	FallbackEmail string
	// ProvisionUsers creates an account for an e-mail seen for the first time.
	ProvisionUsers bool
	// RequireCookieUser refuses a user id that is not the signed-in one.
	RequireCookieUser bool
	// ModernStatus answers failures with their own status instead of 400.
	ModernStatus bool
	// HealthMessage is the body of /health. Defaults to ok.
	HealthMessage string
	// TestPipeline serves /test.
	TestPipeline bool
	// Validation holds the rules of /image-validation.
	Validation Validation
	// RequireValidator lets /inf refuse pictures that were not validated.
	RequireValidator bool
	// SeedDataURL is the base address of seeds/all.json; empty disables
	// refetching.
	SeedDataURL string
	// Version is answered by /version.
	Version string
	// BodyBudget bounds the bytes of request bodies held in memory at once.
	// Defaults to 64 MiB.
	BodyBudget int64
	// MaxBody is the largest body in bytes. Defaults to 16 MiB.
	MaxBody int64
}

// Door serves the wire format. Safe for concurrent use.
type Door struct {
	cfg    Config
	vision *vision.Service
	users  *identity.Service
	budget *semaphore.Weighted
	facts  *factSheets
	// folders keeps what large folder lists are made of.
	folders *packedFolders
	ready   func(context.Context) error
}

var _ web.Door = (*Door)(nil)

// New returns the door. ready reports whether the server can serve.
func New(service *vision.Service, users *identity.Service, ready func(context.Context) error, cfg Config) *Door {
	if cfg.HealthMessage == "" {
		cfg.HealthMessage = "ok"
	}
	if cfg.BodyBudget <= 0 {
		cfg.BodyBudget = 64 << 20
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 16 << 20
	}
	return &Door{
		cfg: cfg, vision: service, users: users, ready: ready,
		budget: semaphore.NewWeighted(cfg.BodyBudget), facts: newFactSheets(service, cfg.SeedDataURL),
		folders: newPackedFolders(),
	}
}

// Name returns "nachet".
func (d *Door) Name() string { return "nachet" }

// operation is one route with the words that its errors use.
type operation struct {
	method, path string
	what         string
	summary      string
	handle       func(ctx context.Context, in *request) (any, error)
}

func (d *Door) operations() []operation {
	post := func(path, what, summary string, handle func(context.Context, *request) (any, error)) operation {
		return operation{http.MethodPost, path, what, summary, handle}
	}
	return []operation{
		post("/get-directories", "retrieving user directories", "Folders of a user with their pictures", d.getDirectories),
		post("/dir", "retrieving user directories", "Folders of a user as a bare list (deprecated)", d.getDirectories),
		post("/create-dir", "creating directory", "Create a folder", d.createDir),
		post("/del", "deleting directory", "Delete a folder by id or name", d.deleteAny),
		post("/delete-request", "requesting deletion of directory", "Tell whether a folder holds validated pictures", d.deleteRequest),
		post("/delete-permanently", "deleting directory", "Delete a folder by id", d.deletePermanently),
		post("/delete-with-archive", "deleting directory", "Delete a folder, archiving its validated pictures", d.deleteWithArchive),
		post("/get-picture", "retrieving the picture", "A picture with its newest inference", d.getPicture),
		post("/image-validation", "validating image", "Check a picture and return its SHA-256", d.validateImage),
		post("/inf", "during classification", "Classify the objects of a picture", d.classify),
		post("/feedback-positive", "giving a positive feedback", "Confirm the best guess of boxes", d.feedbackPositive),
		post("/feedback-negative", "giving a negative feedback", "Correct, reject or add boxes", d.feedbackNegative),
		post("/feedback-new-box", "giving a negative feedback", "Add boxes (alias of /feedback-negative)", d.feedbackNegative),
		post("/new-batch-import", "initiating batch upload", "Open a batch session", d.newBatch),
		post("/upload-picture", "uploading picture", "Upload one labelled picture of a batch", d.uploadPicture),
	}
}

// Routes lists every operation.
func (d *Door) Routes() []web.Route {
	var routes []web.Route
	for _, op := range d.operations() {
		routes = append(routes, web.Route{
			Method: op.method, Path: op.path, Access: web.ByDoor, Summary: op.summary, Handler: d.serve(op),
		})
	}
	get := func(path, summary string, handle http.HandlerFunc) web.Route {
		return web.Route{Method: http.MethodGet, Path: path, Access: web.Public, Summary: summary, Handler: handle}
	}
	// A page on an unlisted origin gets the normal answer, without CORS header.
	whoami := web.Route{
		Method: http.MethodPost, Path: "/get-user-id", Access: web.ByDoor, Summary: "Say who the caller is",
		Handler: http.HandlerFunc(d.getUserID),
	}
	health := get("/health", "Liveness", d.getHealth)
	ready := get("/ready", "Readiness", d.getReady)
	health.Unlimited, ready.Unlimited = true, true
	version := get("/version", "The server's version", d.getVersion)
	version.Yields = true // the platform's own says more
	routes = append(routes,
		whoami, health, ready, version,
		get("/seeds", "Every seed by name", d.getSeeds),
		get("/model-endpoints-metadata", "Every pipeline", d.getPipelines),
		get("/seed-data/{seed_name}", "The fact sheet of a seed", d.getSeedData),
		get("/reload-seed-data", "Fetch the fact sheets again", d.reloadSeedData),
		get("/ping", "A page that says that the server runs", d.getPing))
	if d.cfg.TestPipeline {
		routes = append(routes, get("/test", "Add a pipeline with a fixed answer", d.getTest))
	}
	for i := range routes {
		routes[i].Request, routes[i].Response = documented(routes[i].Path)
	}
	return routes
}

// streamed is an answer too large to be made before it is sent.
type streamed interface {
	writeTo(w io.Writer) error
	// encoding is the content coding that it is written in, "" for none.
	encoding() string
}

// serve runs an operation: it reads the body within the budget, calls the
// handler and writes what it returns with status 200, or its error.
func (d *Door) serve(op operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, release, err := d.read(r)
		if err != nil {
			d.refuse(w, r, op.what, err)
			return
		}
		defer release()
		answer, err := op.handle(r.Context(), in)
		if err != nil {
			d.refuse(w, r, op.what, err)
			return
		}
		if list, ok := answer.(streamed); ok {
			w.Header().Set("Content-Type", "application/json")
			if coding := list.encoding(); coding != "" {
				w.Header().Set("Content-Encoding", coding) // the platform sends it as it is
			}
			list.writeTo(w) //nolint:errcheck // the client has gone; there is nobody to tell
			return
		}
		writeJSON(w, http.StatusOK, answer)
	})
}

// as returns a context that speaks for the user whose id the body names,
// after checking it against the signed-in one where that is demanded.
func (d *Door) as(ctx context.Context, userID string) (context.Context, error) {
	if p, ok := identity.From(ctx); ok {
		if p.UserID == userID {
			return ctx, nil
		}
		if d.cfg.RequireCookieUser && !p.IsAdmin() {
			return nil, fault.New(fault.Forbidden, "signed in as somebody else")
		}
	} else if d.cfg.RequireCookieUser {
		return nil, fault.New(fault.Unauthenticated, "sign in first")
	}
	return identity.With(ctx, identity.Principal{UserID: userID, Role: identity.Member, Method: "body"}), nil
}

// budgetWait is how long a body waits for room before it is refused. Waiting
// costs no memory, since the body is still on the way, and clients set no
// timeout.
const budgetWait = time.Minute
