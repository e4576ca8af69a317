package console

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/identity"
	"granary/internal/platform/jobs"
	"granary/internal/platform/web"
)

// Accounts is what the console needs of identity; *identity.Service is one.
type Accounts interface {
	StartSession(w http.ResponseWriter, r *http.Request, email, password, clientAddr string) (identity.Session, error)
	EndSession(w http.ResponseWriter, r *http.Request) error
	SessionSecret(r *http.Request) (string, bool)
	SignOutEverywhere(ctx context.Context, userID string) error
	ChangePassword(ctx context.Context, current, replacement, keepSecret, clientAddr string) error

	HasAccounts(ctx context.Context) (bool, error)
	CheckSetup(ctx context.Context, token string) error
	CompleteSetup(ctx context.Context, token, email, password string) (identity.User, error)

	CreateUser(ctx context.Context, n identity.NewUser) (identity.User, error)
	List(ctx context.Context, page identity.Page) ([]identity.User, string, error)
	SetRole(ctx context.Context, id string, role identity.Role) error
	Disable(ctx context.Context, id string) error
	Enable(ctx context.Context, id string) error

	CreateToken(ctx context.Context, n identity.NewToken) (identity.Token, error)
	Tokens(ctx context.Context, userID string) ([]identity.Token, error)
	RevokeToken(ctx context.Context, id string) error
}

// Trail is the audit trail; *identity.Audit is one.
type Trail interface {
	List(ctx context.Context, q identity.AuditQuery) ([]identity.Recorded, int64, error)
	VerifyChain(ctx context.Context) (identity.ChainReport, error)
}

// Jobs is what the console needs of the job engine; jobs.Engine is one.
type Jobs interface {
	Get(ctx context.Context, id string) (jobs.Job, error)
	List(ctx context.Context, filter jobs.Filter) (jobs.Page, error)
	Stats(ctx context.Context) ([]jobs.Depth, error)
	Rates(ctx context.Context, since time.Time) ([]jobs.Rate, error)
	Cancel(ctx context.Context, id string) error
	Retry(ctx context.Context, id string) error
}

// Section is a service's part of the console.
type Section interface {
	// Bundle holds the section's templates, messages, scripts and links.
	Bundle() ui.Bundle
	// Routes are the section's pages, rendered with kit, below ui.Root.
	// Handlers answer errors through fail.
	Routes(kit *ui.Kit, fail ui.Fail) []web.Route
	// Search finds the section's objects that the signed-in user may see, the
	// best first and at most a few dozen.
	Search(ctx context.Context, l *ui.Locale, query string) ([]ui.Hit, error)
	// Cards are the section's cards on the home page, for the signed-in user.
	Cards(ctx context.Context, l *ui.Locale) ([]ui.Card, error)
}

// Config is what the door is made of. All but Callbacks, Sections, Version and Now are
// required.
type Config struct {
	Accounts Accounts
	Trail    Trail
	Jobs     Jobs
	Journal  Journal
	// Callbacks are what jobs told others, by job id; nil where no service
	// tells any.
	Callbacks Callbacks
	Sections  []Section
	// Version is shown in the rail.
	Version string
	Logger  *slog.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Door is the console as a web.Door.
type Door struct {
	cfg Config
	kit *ui.Kit
}

var _ web.Door = (*Door)(nil)

// New parses every template and message; an error means a broken build.
func New(cfg Config) (*Door, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	bundles := make([]ui.Bundle, 0, len(cfg.Sections)+1)
	for _, s := range cfg.Sections {
		bundles = append(bundles, s.Bundle())
	}
	kit, err := ui.New(ui.Config{Logger: cfg.Logger, Version: cfg.Version, Now: cfg.Now}, append(bundles, Bundle())...)
	if err != nil {
		return nil, err
	}
	return &Door{cfg: cfg, kit: kit}, nil
}

// Name is "console".
func (d *Door) Name() string { return "console" }

// maxForm caps the body of a page's form; uploads name their own cap.
const maxForm = 64 << 10

// Routes lists every page and action. None is in the OpenAPI document: what
// they do, the native API does for programs.
func (d *Door) Routes() []web.Route {
	routes := []web.Route{
		d.page("GET /{$}", web.Public, d.front),
		d.page("GET "+ui.Root, web.SignedIn, d.home),
		d.page("GET "+ui.Root+"/setup", web.Public, d.setupPage),
		d.page("POST "+ui.Root+"/setup", web.Public, d.setup),
		d.page("GET "+ui.Root+"/sign-in", web.Public, d.signInPage),
		d.page("POST "+ui.Root+"/sign-in", web.Public, d.signIn),
		d.page("POST "+ui.Root+"/sign-out", web.Public, d.signOut),
		d.page("POST "+ui.Root+"/preferences", web.Public, d.preferences),
		d.page("GET "+ui.Root+"/search", web.SignedIn, d.search),
		d.page("GET "+ui.Root+"/account", web.SignedIn, d.accountPage),
		d.page("POST "+ui.Root+"/account/password", web.SignedIn, d.changePassword),
		d.page("POST "+ui.Root+"/account/sign-out-everywhere", web.SignedIn, d.signOutEverywhere),
		d.page("GET "+ui.Root+"/users", web.AdminOnly, d.usersPage),
		d.page("POST "+ui.Root+"/users", web.AdminOnly, d.createUser),
		d.page("POST "+ui.Root+"/users/{id}/role", web.AdminOnly, d.setRole),
		d.page("POST "+ui.Root+"/users/{id}/enable", web.AdminOnly, d.enableUser),
		d.page("POST "+ui.Root+"/users/{id}/disable", web.AdminOnly, d.disableUser),
		d.page("GET "+ui.Root+"/tokens", web.SignedIn, d.tokensPage),
		d.page("POST "+ui.Root+"/tokens", web.SignedIn, d.createToken),
		d.page("POST "+ui.Root+"/tokens/revoke", web.SignedIn, d.revokeTokens),
		d.page("POST "+ui.Root+"/tokens/{id}/revoke", web.SignedIn, d.revokeToken),
		d.page("GET "+ui.Root+"/jobs", web.StewardOnly, d.jobsPage),
		d.page("GET "+ui.Root+"/jobs/{id}", web.StewardOnly, d.jobPage),
		d.page("GET "+ui.Root+"/jobs/{id}/log", web.StewardOnly, d.jobLog),
		d.stream(d.page("GET "+ui.Root+"/jobs/{id}/events", web.StewardOnly, d.jobEvents)),
		d.page("POST "+ui.Root+"/jobs/{id}/callbacks/{callback}/resend", web.AdminOnly, d.resendCallback),
		d.page("POST "+ui.Root+"/jobs/{id}/cancel", web.AdminOnly, d.cancelJob),
		d.page("POST "+ui.Root+"/jobs/{id}/retry", web.AdminOnly, d.retryJob),
		d.page("GET "+ui.Root+"/audit", web.AdminOnly, d.auditPage),
		{
			Method: http.MethodGet, Path: ui.Root + "/assets/{digest}/{name...}", Access: web.Public,
			Summary: "Style, scripts and pictures of the console", Hidden: true, Handler: d.kit.AssetHandler(),
		},
	}
	for _, s := range d.cfg.Sections {
		routes = append(routes, s.Routes(d.kit, d.WriteError)...)
	}
	return routes
}

// page makes a route of a handler that may fail.
func (d *Door) page(pattern string, access web.Access, h ui.Handler) web.Route {
	return ui.Route(pattern, access, maxForm, h, d.WriteError)
}

// stream exempts a stream of events, which is nearly always idle, from the
// limit on requests at once; the journal bounds how many there are.
func (d *Door) stream(route web.Route) web.Route {
	route.Unlimited = true
	return route
}

// front sends the bare address to the console.
func (d *Door) front(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, ui.Root, http.StatusFound)
	return nil
}

// user returns the signed-in principal; routes above Public always have one.
func user(r *http.Request) identity.Principal {
	p, _ := identity.From(r.Context())
	return p
}
