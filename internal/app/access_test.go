package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"granary/internal/platform/config"
	"granary/internal/platform/identity"
	"granary/internal/vision"
	"granary/internal/vision/pipeline"
)

// actor is somebody who knocks.
type actor int

const (
	anonymous actor = iota
	other           // a member to whom the object does not belong
	owner
	steward
	admin
	actors
)

func (a actor) String() string {
	return [...]string{"anonymous", "other user", "owner", "steward", "admin"}[a]
}

// lab is a server with an account and a token for every actor.
type lab struct {
	core    *Core
	handler http.Handler
	ids     [actors]string
	tokens  [actors]string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	cfg, _, err := config.Load(config.Options{Environ: []string{}, Dir: t.TempDir(), Flags: map[string]string{
		"data": t.TempDir(), "listen": "127.0.0.1:0", "web.rate_burst": "100000",
		"vision.nachet.dev_user_email": "actor-4@lab.example", "vision.nachet.test_pipeline": "true",
	}})
	if err != nil {
		t.Fatal(err)
	}
	core, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := core.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	server, _, err := newServer(t.Context(), core, "test")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{core: core, handler: server.Handler(0)}
	ctx := identity.With(t.Context(), identity.System())
	for a := other; a < actors; a++ {
		role := map[actor]identity.Role{steward: identity.Steward, admin: identity.Admin}[a]
		l.ids[a], l.tokens[a] = l.account(t, "actor-"+string(rune('0'+a))+"@lab.example", role)
	}
	l.ids[anonymous] = uuid.NewString() // of nobody
	definition := pipeline.Definition{
		Name: "fixed", Models: []pipeline.Model{{Name: "fixed", Version: "1", Engine: "fixed", Task: "object-detection"}},
		Steps: []pipeline.Step{{Kind: pipeline.StepDetect, Model: "fixed"}},
	}
	if err := core.Vision.SavePipelines(ctx, []pipeline.Definition{definition}, nil); err != nil {
		t.Fatal(err)
	}
	return l
}

// account adds an account and returns its id and a token.
func (l *lab) account(t *testing.T, email string, role identity.Role) (id, token string) {
	t.Helper()
	ctx := identity.With(t.Context(), identity.System())
	user, err := l.core.Vision.CreateAccount(ctx, identity.NewUser{Email: email, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	made, err := l.core.Users.CreateToken(ctx, identity.NewToken{UserID: user.ID, Name: "matrix"})
	if err != nil {
		t.Fatal(err)
	}
	return user.ID, made.Secret
}

// as is a context that speaks for an actor.
func (l *lab) as(t *testing.T, a actor) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Principal{UserID: l.ids[a], Role: identity.Member})
}

// Objects of the owner, fresh for every call, by the name of the wildcard.

func (l *lab) owner(*testing.T) string { return l.ids[owner] }

func (l *lab) folder(t *testing.T) string {
	t.Helper()
	set, err := l.core.Vision.CreateSet(l.as(t, owner), uuid.NewString())
	if err != nil {
		t.Fatal(err)
	}
	return set.ID
}

func (l *lab) inference(t *testing.T) vision.Inference {
	t.Helper()
	found, err := l.core.Vision.Classify(l.as(t, owner), vision.Classification{Pipeline: "fixed", Folder: "General", Data: square(t)})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (l *lab) batch(t *testing.T) string {
	t.Helper()
	set, err := l.core.Vision.StartBatch(l.as(t, owner), "", 3)
	if err != nil {
		t.Fatal(err)
	}
	return set.ID
}

// job queues a training that belongs to the owner; no worker runs.
func (l *lab) job(t *testing.T) string {
	t.Helper()
	ctx := identity.With(t.Context(), identity.Principal{UserID: l.ids[owner], Role: identity.Steward})
	id, err := l.core.Vision.Retrain(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// endedJob is a job that nobody can wait for.
func (l *lab) endedJob(t *testing.T) string {
	t.Helper()
	id := l.job(t)
	if err := l.core.Jobs.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return id
}

func (l *lab) token(t *testing.T) string {
	t.Helper()
	made, err := l.core.Users.CreateToken(identity.With(t.Context(), identity.System()), identity.NewToken{UserID: l.ids[owner], Name: "object"})
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func (l *lab) user(t *testing.T) string {
	t.Helper()
	id, _ := l.account(t, uuid.NewString()+"@lab.example", identity.Member)
	return id
}

// knock sends one request as an actor.
func (l *lab) knock(t *testing.T, a actor, method string, call request) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, call.path, strings.NewReader(call.body))
	if l.tokens[a] != "" {
		r.Header.Set("Authorization", "Bearer "+l.tokens[a])
	}
	if call.body != "" {
		r.Header.Set("Content-Type", call.mediaType)
	}
	w := httptest.NewRecorder()
	l.handler.ServeHTTP(w, r)
	return w
}

// TestAccess holds every route that is served against who may call it. The
// table of routes is the server's own: a route without a row fails, and so
// does a row without a route.
func TestAccess(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	server, _, err := newServer(t.Context(), l.core, "test")
	if err != nil {
		t.Fatal(err)
	}
	rows := allRows(t)
	for _, served := range server.Table() {
		if served.Prefix != "" {
			continue // the same handler under another address
		}
		key := served.Route.Method + " " + served.Route.Path
		row, ok := rows[key]
		if !ok {
			t.Errorf("no row says who may call %s of the %s door", key, served.Door)
			continue
		}
		delete(rows, key)
		for a := range actors {
			call := row.call(t, l, a, served.Route.Path)
			got := l.knock(t, a, served.Route.Method, call)
			if got.Code != row.want[a] {
				t.Errorf("%s as %s = %d %.300s, want %d", key, a, got.Code, got.Body, row.want[a])
			}
		}
	}
	for key := range rows {
		t.Errorf("a row speaks of %s, which is not served", key)
	}
}
