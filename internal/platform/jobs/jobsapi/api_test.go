package jobsapi_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/identity"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/jobsapi"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/local"
	"granary/internal/platform/web"
	"granary/internal/platform/web/webtest"
)

type task struct {
	Model string `json:"model"`
}

func (task) Kind() string { return "test_task" }

var callers = map[string]identity.Principal{
	"admin":   {UserID: "admin", Role: identity.Admin},
	"owner":   {UserID: "owner", Role: identity.Member},
	"other":   {UserID: "other", Role: identity.Member},
	"steward": {UserID: "steward", Role: identity.Steward},
	"reader":  {UserID: "admin", Role: identity.Admin, Scopes: []string{identity.ScopeRead}},
}

type bundle struct {
	server  *web.Server
	engine  *local.Engine
	journal *journal.Journal
	owned   string // a scheduled job of owner
	house   string // a scheduled job of nobody
}

func setup(t *testing.T) *bundle {
	t.Helper()
	db := databasetest.Open(t, local.Migrations(), journal.Migrations())
	reg := jobs.NewRegistry()
	if err := jobs.Register(reg, jobs.Policy{}, func(context.Context, *jobs.Run, task) error { return nil }); err != nil {
		t.Fatalf("Register: %v", err)
	}
	engine, err := local.New(db, reg, jobs.Config{})
	if err != nil {
		t.Fatalf("local.New: %v", err)
	}
	b := &bundle{engine: engine, journal: journal.New(db, journal.Config{})}
	err = db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) (err error) {
		later := jobs.At(time.Now().Add(time.Hour))
		if b.owned, err = engine.Enqueue(ctx, tx, task{Model: "m1"}, later, jobs.OwnedBy("owner")); err != nil {
			return err
		}
		b.house, err = engine.Enqueue(ctx, tx, task{Model: "m2"}, later)
		return err
	})
	if err != nil {
		t.Fatalf("Enqueue: %v", err)
	}
	door := web.NewNative("platform")
	jobsapi.Register(door, jobs.NewDesk(engine), b.journal)
	b.server, err = web.New(web.Config{Listeners: []web.Listener{{Address: "127.0.0.1:0"}}},
		web.Hooks{Logger: slog.New(slog.DiscardHandler)}, web.Entry{Door: door, Authenticate: authenticate})
	if err != nil {
		t.Fatalf("web.New: %v", err)
	}
	return b
}

func authenticate(r *http.Request) (identity.Principal, bool, error) {
	p, ok := callers[r.Header.Get("Test-Caller")]
	return p, ok, nil
}

func (b *bundle) call(t *testing.T, caller, method, path string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Header.Set("Test-Caller", caller)
	w := httptest.NewRecorder()
	b.server.Handler(0).ServeHTTP(w, r)
	var body map[string]any
	if w.Header().Get("Content-Type") != "application/json" && w.Code == http.StatusOK {
		return w.Code, map[string]any{"text": w.Body.String()}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s %s = %d %q: %v", method, path, w.Code, w.Body, err)
	}
	return w.Code, body
}

func TestDocument(t *testing.T) {
	t.Parallel()
	webtest.CheckDocument(t, setup(t).server)
}

func TestAccess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	list, queues := "/api/v1/jobs", "/api/v1/queues"
	owned, house := list+"/"+b.owned, list+"/"+b.house
	tests := []struct {
		method, path                                   string
		nobody, admin, owner, other, steward, readOnly int
	}{
		{"GET", list, 401, 200, 200, 200, 200, 200},
		{"GET", owned, 401, 200, 200, 404, 404, 404},
		{"GET", house, 401, 200, 404, 404, 404, 404},
		{"GET", list + "/none", 401, 404, 404, 404, 404, 404},
		{"POST", owned + "/retry", 401, 200, 200, 404, 404, 403},
		{"POST", house + "/retry", 401, 200, 404, 404, 404, 403},
		{"POST", owned + "/cancel", 401, 200, 200, 404, 404, 403},
		{"POST", house + "/cancel", 401, 200, 404, 404, 404, 403},
		{"GET", owned + "/logs", 401, 200, 200, 404, 404, 404},
		{"GET", house + "/logs", 401, 200, 404, 404, 404, 404},
		{"GET", house + "/events", 401, 200, 404, 404, 404, 404}, // cancelled above
		{"GET", owned + "/events?after=-1", 401, 400, 400, 400, 400, 400},
		{"GET", queues, 401, 200, 403, 403, 403, 403},
		{"GET", list + "?state=gone", 401, 400, 400, 400, 400, 400},
		{"GET", list + "?limit=201", 401, 400, 400, 400, 400, 400},
	}
	for _, test := range tests {
		want := map[string]int{
			"": test.nobody, "admin": test.admin, "owner": test.owner, "other": test.other,
			"steward": test.steward, "reader": test.readOnly,
		}
		got := map[string]int{}
		for caller := range want {
			got[caller], _ = b.call(t, caller, test.method, test.path)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", test.method, test.path, diff)
		}
	}
}

func TestWire(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, job := b.call(t, "admin", "GET", "/api/v1/jobs/"+b.owned)
	want := map[string]any{
		"id": b.owned, "kind": "test_task", "queue": "default", "state": "scheduled", "priority": 2.0, "owner": "owner",
		"args": map[string]any{"model": "m1"}, "attempt": 0.0, "max_attempts": 5.0,
		"progress": map[string]any{"done": 0.0, "total": 0.0}, "cancel_requested": false,
		"created_at": job["created_at"], "run_at": job["run_at"],
	}
	if diff := cmp.Diff(want, job); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	delete(want, "args") // the service's own affair
	_, mine := b.call(t, "owner", "GET", "/api/v1/jobs")
	if diff := cmp.Diff(map[string]any{"jobs": []any{want}}, mine); diff != "" {
		t.Errorf("the owner's list (-want +got):\n%s", diff)
	}
	_, none := b.call(t, "owner", "GET", "/api/v1/jobs?owner=admin")
	if diff := cmp.Diff(map[string]any{"jobs": []any{}}, none); diff != "" {
		t.Errorf("another's list (-want +got):\n%s", diff)
	}
	_, first := b.call(t, "admin", "GET", "/api/v1/jobs?limit=1&state=queued,scheduled")
	_, second := b.call(t, "admin", "GET", "/api/v1/jobs?limit=1&state=scheduled&cursor="+first["next"].(string))
	if diff := cmp.Diff(map[string]any{"jobs": []any{job}}, second); diff != "" {
		t.Errorf("second page (-want +got):\n%s", diff)
	}
	_, cancelled := b.call(t, "owner", "POST", "/api/v1/jobs/"+b.owned+"/cancel")
	if cancelled["state"] != "cancelled" || cancelled["finished_at"] == nil {
		t.Errorf("cancel = %v, want cancelled", cancelled)
	}
	_, queues := b.call(t, "admin", "GET", "/api/v1/queues")
	wantQueues := map[string]any{"queues": []any{
		map[string]any{"queue": "default", "state": "cancelled", "count": 1.0},
		map[string]any{"queue": "default", "state": "scheduled", "count": 1.0},
	}}
	if diff := cmp.Diff(wantQueues, queues); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
}
