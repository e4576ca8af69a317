package console_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"granary/internal/console"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/journal"
	"granary/internal/platform/jobs/outbox"
	"granary/internal/platform/web"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// accounts is one administrator with a known password, and a token maker.
type accounts struct {
	console.Accounts // a call that no test expects panics
	ready            bool
	created          []identity.NewUser
}

func (a *accounts) HasAccounts(context.Context) (bool, error) { return a.ready, nil }

func (a *accounts) CheckSetup(_ context.Context, token string) error {
	if token != "good" {
		return fault.New(fault.Forbidden, "this link is not good any more")
	}
	return nil
}

func (a *accounts) CompleteSetup(ctx context.Context, token, _, password string) (identity.User, error) {
	if err := a.CheckSetup(ctx, token); err != nil {
		return identity.User{}, err
	}
	if len(password) < 10 {
		return identity.User{}, fault.New(fault.Invalid, "a password needs 10 characters")
	}
	a.ready = true
	return identity.User{ID: "u1"}, nil
}

func (a *accounts) StartSession(w http.ResponseWriter, _ *http.Request, _, password, _ string) (identity.Session, error) {
	if password != "long enough" {
		return identity.Session{}, fault.New(fault.Unauthenticated, "wrong e-mail or password")
	}
	http.SetCookie(w, &http.Cookie{Name: "granary_session", Value: "s", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
	return identity.Session{}, nil
}

func (a *accounts) List(context.Context, identity.Page) ([]identity.User, string, error) {
	return []identity.User{{ID: "u1", Email: "ada@lab.example", Role: identity.Admin}, {ID: "u2", Email: "<b>eve</b>@x", Role: identity.Member, Disabled: true}}, "more", nil
}

func (a *accounts) CreateUser(_ context.Context, n identity.NewUser) (identity.User, error) {
	if n.Email == "taken@lab.example" {
		return identity.User{}, fault.New(fault.Conflict, "an account with this e-mail address already exists")
	}
	a.created = append(a.created, n)
	return identity.User{}, nil
}

func (a *accounts) Tokens(context.Context, string) ([]identity.Token, error) {
	return []identity.Token{
		{ID: "t1", Name: "alive", Prefix: "gry_aa", CreatedAt: now, ExpiresAt: now.Add(time.Hour)},
		{ID: "t2", Name: "old", Prefix: "gry_bb", CreatedAt: now, ExpiresAt: now.Add(-time.Hour)},
		{ID: "t3", Name: "gone", Prefix: "gry_cc", CreatedAt: now, ExpiresAt: now.Add(time.Hour), RevokedAt: now},
	}, nil
}

func (a *accounts) CreateToken(_ context.Context, n identity.NewToken) (identity.Token, error) {
	return identity.Token{Name: n.Name, Secret: "gry_secret"}, nil
}

func (a *accounts) RevokeToken(_ context.Context, id string) error {
	if id == "none" {
		return fault.New(fault.NotFound, "token not found")
	}
	return nil
}

// engine is a list with one failed and one running job.
type engine struct{ console.Jobs }

func (engine) job(id string, state jobs.State) jobs.Job {
	started := now.Add(-10 * time.Second)
	return jobs.Job{
		ID: id, Kind: "vision_retrain", Queue: "default", State: state, Attempt: 1, MaxAttempts: 3,
		Progress: jobs.Progress{Done: 20, Total: 60, Note: "training"}, CreatedAt: now.Add(-time.Minute), StartedAt: &started,
	}
}

func (e engine) Get(_ context.Context, id string) (jobs.Job, error) {
	switch id {
	case "running":
		return e.job(id, jobs.Running), nil
	case "failed":
		j := e.job(id, jobs.Failed)
		j.Error, j.FinishedAt = "too few verified boxes", &now
		return j, nil
	}
	return jobs.Job{}, jobs.NoSuchJob()
}

func (e engine) List(_ context.Context, f jobs.Filter) (jobs.Page, error) {
	if len(f.States) == 1 && f.States[0] == jobs.Cancelled {
		return jobs.Page{}, nil
	}
	return jobs.Page{Jobs: []jobs.Job{e.job("running", jobs.Running), e.job("failed", jobs.Failed)}}, nil
}

func (engine) Stats(context.Context) ([]jobs.Depth, error) {
	return []jobs.Depth{{Queue: "default", State: jobs.Queued, Count: 1234}, {Queue: "default", State: jobs.Failed, Count: 2}}, nil
}

func (engine) Rates(context.Context, time.Time) ([]jobs.Rate, error) {
	return []jobs.Rate{{Queue: "default", Finished: 60}}, nil
}

// said is the journal of the running job.
type said struct{ console.Journal }

func (said) View(context.Context, string) (journal.View, error) {
	return journal.View{Bars: []jobs.Bar{{Key: "images", Context: "<Images>", Current: 3, Total: 9}, {Key: "pages", Current: 5}}}, nil
}

func (said) History(_ context.Context, job jobs.Job) ([]journal.Event, error) {
	queued := job
	queued.State = jobs.Queued
	return []journal.Event{
		{Type: journal.StateNow, At: job.CreatedAt, Job: &queued},
		{Type: journal.Gap, At: now, Lost: 1500},
		{Seq: 1501, Type: journal.Started, At: now, Attempt: 1},
		{Seq: 1502, Type: journal.Ended, At: now, Attempt: 1, Outcome: journal.OutcomeLost, Text: "its process vanished"},
		{Seq: 1503, Type: journal.Started, At: now, Attempt: 2},
		{Seq: 1504, Type: journal.Info, At: now, Attempt: 2, Text: "page <1>"},
		{Seq: 1505, Type: journal.Warning, At: now, Attempt: 2, Text: "page 2 is blurred"},
	}, nil
}

// told is one callback that nobody took.
type told struct{}

func (told) Deliveries(_ context.Context, stream string) ([]outbox.Delivery, error) {
	if stream != "failed" {
		return nil, nil
	}
	return []outbox.Delivery{{
		ID: "c1", URL: "http://front.example/notify?token=…", State: outbox.Refused, Attempts: 2, Status: 400, Answer: "<h1>Bad</h1>", CreatedAt: now,
	}}, nil
}

func (told) Redeliver(_ context.Context, id string) error {
	if id != "c1" {
		return fault.New(fault.Conflict, "a later callback has left already")
	}
	return nil
}

type trail struct{ broken bool }

func (trail) List(_ context.Context, q identity.AuditQuery) ([]identity.Recorded, int64, error) {
	if q.Before > 0 {
		return nil, 0, nil
	}
	return []identity.Recorded{{Seq: 7, At: now, Actor: "u1", Action: "user_create", Object: "user:u2", Outcome: identity.OutcomeOK, RequestID: "ABCDEFGHIJ"}}, 3, nil
}

func (t trail) VerifyChain(context.Context) (identity.ChainReport, error) {
	if t.broken {
		return identity.ChainReport{BrokenAt: 5, Problem: "entry was changed"}, nil
	}
	return identity.ChainReport{Entries: 7}, nil
}

// site is the door on a mux without the server's middleware: access levels
// are the server's business and tested there.
func site(t *testing.T, a *accounts, tr trail) http.Handler {
	t.Helper()
	door, err := console.New(console.Config{
		Accounts: a, Trail: tr, Jobs: engine{}, Journal: said{}, Callbacks: told{}, Version: "test", Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, route := range door.Routes() {
		if route.Access == web.AccessUnset || !route.Hidden {
			t.Errorf("route %s %s has access %v and hidden %t, want a level and true", route.Method, route.Path, route.Access, route.Hidden)
		}
		mux.Handle(route.Method+" "+route.Path, route.Handler)
	}
	return mux
}

func signedIn(r *http.Request) *http.Request {
	return r.WithContext(identity.With(r.Context(), identity.Principal{UserID: "u1", Email: "ada@lab.example", Role: identity.Admin, Method: "session"}))
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		path     string
		stranger bool
		first    bool // nobody has an account yet
		broken   bool
		status   int
		location string
		want     []string
		unwanted []string
	}{
		{name: "home has a card", path: "/console", status: 200, want: []string{`class="card"`, "Call it from a script"}},
		{name: "the bare address leads to the console", path: "/", status: 302, location: "/console"},
		{name: "sign in before the first run leads to it", path: "/console/sign-in", stranger: true, first: true, status: 303, location: "/console/setup"},
		{name: "sign in when signed in goes on", path: "/console/sign-in?next=/console/jobs", status: 303, location: "/console/jobs"},
		{name: "sign in never leads outside", path: "/console/sign-in?next=//evil.example", status: 303, location: "/console"},
		{name: "sign in asks", path: "/console/sign-in?next=/console/jobs", stranger: true, status: 200, want: []string{`value="/console/jobs"`, `autocomplete="current-password"`}, unwanted: []string{`id="rail"`}},
		{name: "setup without the link explains", path: "/console/setup", stranger: true, first: true, status: 200, want: []string{"one-time link"}, unwanted: []string{"<input id"}},
		{name: "setup with a good link asks", path: "/console/setup?token=good", stranger: true, first: true, status: 200, want: []string{`value="good"`, `autocomplete="new-password"`}},
		{name: "setup with a bad link is refused", path: "/console/setup?token=bad", stranger: true, first: true, status: 403, want: []string{"this link is not good any more"}},
		{name: "setup afterwards offers sign in", path: "/console/setup?token=good", stranger: true, status: 200, want: []string{"/console/sign-in"}, unwanted: []string{"new-password"}},
		{name: "a list sorts and keeps its filters", path: "/console/jobs?kind=vision_retrain&sort=state", status: 200, want: []string{`aria-sort="ascending"`, `href="/console/jobs?kind=vision_retrain&amp;sort=-state"`, "format=csv"}},
		{name: "a list comes as a file", path: "/console/jobs?format=csv", status: 200, want: []string{"kind,state,progress", "vision_retrain,running,training,1,"}, unwanted: []string{"<html"}},
		{name: "the trail comes as a file", path: "/console/audit?format=csv&sort=-seq", status: 200, want: []string{"seq,at,actor", "7,2026-11-21T12:00:00Z,u1,user_create"}},
		{name: "only what can be revoked can be ticked", path: "/console/tokens", status: 200, want: []string{`value="t1" form="picked"`}, unwanted: []string{`value="t2" form="picked"`, `value="t3" form="picked"`}},
		{name: "users are listed and escaped", path: "/console/users", status: 200, want: []string{"ada@lab.example", "&lt;b&gt;eve", "s-disabled", "cursor=more"}, unwanted: []string{"<b>eve", "/users/u1/disable"}},
		{name: "tokens show their state", path: "/console/tokens", status: 200, want: []string{"s-active", "s-expired", "s-revoked", "/tokens/t1/revoke"}, unwanted: []string{"/tokens/t2/revoke", "gry_secret"}},
		{name: "a notice is shown when known", path: "/console/tokens?done=tokens.revoked", status: 200, want: []string{"Token revoked."}},
		{name: "no other notice can be put on a page", path: "/console/tokens?done=setup.done", status: 200, unwanted: []string{"already has its administrator"}},
		{name: "jobs show queues and states", path: "/console/jobs", status: 200, want: []string{"1,234", "12.0 a minute", "s-running", "s-failed", `href="/console/jobs/running"`}},
		{name: "no jobs say how to get some", path: "/console/jobs?state=cancelled", status: 200, want: []string{"No jobs match"}},
		{name: "a running job shows bar, rate, time left and cancel", path: "/console/jobs/running", status: 200, want: []string{`max="60" value="20"`, "2.00 per second", "about 20", "/jobs/running/cancel", `data-events="/console/jobs/running/events" data-after="1505" data-state="running"`, "job.js"}, unwanted: []string{"/retry", "Callbacks"}},
		{name: "a running job shows its attempts, lines and bars", path: "/console/jobs/running", status: 200, want: []string{"Attempt 1 was lost with its process: its process vanished", "Attempt 2 of 3 started", "1,500 older lines are not kept", "page &lt;1&gt;", "<b>Warning</b> page 2 is blurred", "&lt;Images&gt;", `max="9" value="3"`, "3 of 9"}},
		{name: "a job's log is text", path: "/console/jobs/running/log", status: 200, want: []string{"  job queued\n", "  page <1>\n", "  WARNING page 2 is blurred\n"}, unwanted: []string{"<html"}},
		{name: "an unknown job has no log", path: "/console/jobs/none/log", status: 404, want: []string{"no such job"}},
		{name: "a job shows what it told others", path: "/console/jobs/failed", status: 200, want: []string{"http://front.example/notify?token=…", "s-refused", "<b>400</b> &lt;h1&gt;Bad", "/jobs/failed/callbacks/c1/resend"}},
		{name: "jobs are listed by queue and age", path: "/console/jobs?queue=gone&age=day", status: 200, want: []string{`<option value="gone" selected>`, `<option value="day" selected>Last 24 hours`}},
		{name: "a failed job says why and offers to run again", path: "/console/jobs/failed", status: 200, want: []string{"too few verified boxes", "/jobs/failed/retry"}, unwanted: []string{"data-events", "job-bars", "/cancel"}},
		{name: "an unknown job is not found", path: "/console/jobs/none", status: 404, want: []string{"Nothing here", "no such job"}},
		{name: "a sound trail", path: "/console/audit", status: 200, want: []string{"user_create", "cursor=3"}, unwanted: []string{"chain breaks"}},
		{name: "a broken trail says where", path: "/console/audit", broken: true, status: 200, want: []string{"The chain breaks at entry 5: entry was changed."}},
		{name: "a bad cursor", path: "/console/audit?cursor=x", status: 400, want: []string{"the cursor is not one of ours"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			handler := site(t, &accounts{ready: !tc.first}, trail{broken: tc.broken})
			r := httptest.NewRequest(http.MethodGet, tc.path, nil)
			if !tc.stranger {
				r = signedIn(r)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			check(t, w, tc.status, tc.location, tc.want, tc.unwanted)
		})
	}
}

func check(t *testing.T, w *httptest.ResponseRecorder, status int, location string, want, unwanted []string) {
	t.Helper()
	body := w.Body.String()
	if w.Code != status || w.Header().Get("Location") != location {
		t.Errorf("answer = %d to %q, want %d to %q", w.Code, w.Header().Get("Location"), status, location)
	}
	for _, text := range want {
		if !strings.Contains(body, text) {
			t.Errorf("page lacks %q:\n%s", text, body)
		}
	}
	for _, text := range unwanted {
		if strings.Contains(body, text) {
			t.Errorf("page contains %q", text)
		}
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		path     string
		form     url.Values
		stranger bool
		status   int
		location string
		want     []string
		unwanted []string
	}{
		{
			name: "sign in goes where it was asked", path: "/console/sign-in", stranger: true, status: 303, location: "/console/jobs",
			form: url.Values{"email": {"ada@lab.example"}, "password": {"long enough"}, "next": {"/console/jobs"}},
		},
		{
			name: "a wrong password keeps the address, never the password", path: "/console/sign-in", stranger: true, status: 401,
			form: url.Values{"email": {"ada@lab.example"}, "password": {"hunter2hunter2"}}, want: []string{"do not belong together", `value="ada@lab.example"`}, unwanted: []string{"hunter2"},
		},
		{
			name: "setup signs in", path: "/console/setup", stranger: true, status: 303, location: "/console",
			form: url.Values{"token": {"good"}, "email": {"ada@lab.example"}, "password": {"long enough"}},
		},
		{
			name: "setup with a short password asks again", path: "/console/setup", stranger: true, status: 400,
			form: url.Values{"token": {"good"}, "email": {"ada@lab.example"}, "password": {"short"}}, want: []string{"a password needs 10 characters", `value="good"`}, unwanted: []string{`value="short"`},
		},
		{name: "a new user", path: "/console/users", status: 303, location: "/console/users?done=users.changed", form: url.Values{"email": {"new@lab.example"}, "role": {"member"}}},
		{name: "a taken address opens the form again", path: "/console/users", status: 409, form: url.Values{"email": {"taken@lab.example"}}, want: []string{"already exists", "<details class=\"disclose drop\" open>"}},
		{name: "a new token is shown once", path: "/console/tokens", status: 200, form: url.Values{"name": {"script"}, "days": {"30"}}, want: []string{"gry_secret"}},
		{name: "a token cannot live for ever", path: "/console/tokens", status: 400, form: url.Values{"name": {"script"}, "days": {"100000"}}, unwanted: []string{"gry_secret"}},
		{name: "several tokens are revoked", path: "/console/tokens/revoke", status: 303, location: "/console/tokens?count=2&done=tokens.revoked_several", form: url.Values{"id": {"t1", "t2"}}},
		{name: "what was revoked before a failure is told", path: "/console/tokens/revoke", status: 404, form: url.Values{"id": {"t1", "none", "t2"}}, want: []string{"1 of 3 tokens were revoked before this"}},
		{name: "nothing ticked", path: "/console/tokens/revoke", status: 400, want: []string{"tick at least one line", "Nothing was changed"}},
		{name: "a callback is sent again", path: "/console/jobs/failed/callbacks/c1/resend", status: 303, location: "/console/jobs/failed?done=jobs.resent"},
		{name: "a callback that others overtook is not", path: "/console/jobs/failed/callbacks/c0/resend", status: 409, want: []string{"a later callback has left already"}},
		{name: "a preference returns to the page", path: "/console/preferences", status: 303, location: "/console/jobs", form: url.Values{"language": {"fr"}, "next": {"/console/jobs"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			handler := site(t, &accounts{ready: true}, trail{})
			r := httptest.NewRequest(http.MethodPost, tc.path, strings.NewReader(tc.form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if !tc.stranger {
				r = signedIn(r)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			check(t, w, tc.status, tc.location, tc.want, tc.unwanted)
			if got := w.Header().Get("WWW-Authenticate"); got != "" {
				t.Errorf("WWW-Authenticate = %q, want none: a form asks", got)
			}
		})
	}
}

func TestPreferencesTakeOnlyKnownValues(t *testing.T) {
	t.Parallel()
	handler := site(t, &accounts{ready: true}, trail{})
	r := httptest.NewRequest(http.MethodPost, "/console/preferences", strings.NewReader("language=xx&theme=dark"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || cookies[0].Name != "granary_theme" || cookies[0].Value != "dark" {
		t.Errorf("cookies = %v, want only granary_theme=dark", cookies)
	}
}

func TestWriteErrorSendsStrangersToSignIn(t *testing.T) {
	t.Parallel()
	door, err := console.New(console.Config{Accounts: &accounts{}, Trail: trail{}, Jobs: engine{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	refusal := fault.New(fault.Unauthenticated, "sign in first")
	for _, tc := range []struct {
		name, method, path, header, value string
		status                            int
		field, want                       string
	}{
		{"a page comes back afterwards", http.MethodGet, "/console/jobs?state=failed", "", "", 303, "Location", "/console/sign-in?next=%2Fconsole%2Fjobs%3Fstate%3Dfailed"},
		{"an action does not", http.MethodPost, "/console/users", "", "", 303, "Location", "/console/sign-in"},
		{"htmx is told", http.MethodGet, "/console/jobs", "HX-Request", "true", 204, "HX-Redirect", "/console/sign-in"},
		{"a script gets a problem", http.MethodGet, "/console/jobs", "Accept", "application/json", 401, "Content-Type", "application/problem+json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(tc.method, tc.path, nil)
			if tc.header != "" {
				r.Header.Set(tc.header, tc.value)
			}
			w := httptest.NewRecorder()
			door.WriteError(w, r, refusal)
			if w.Code != tc.status || w.Header().Get(tc.field) != tc.want {
				t.Errorf("WriteError = %d %s %q, want %d %q", w.Code, tc.field, w.Header().Get(tc.field), tc.status, tc.want)
			}
		})
	}
	for language, want := range map[string]string{
		"en": `"detail":"the tray is full"`, "fr": `"detail":"La situation a changé entre-temps, ou ne s’y prête pas. (the tray is full)"`,
	} {
		r := signedIn(httptest.NewRequest(http.MethodPost, "/console/jobs", nil))
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Accept-Language", language)
		w := httptest.NewRecorder()
		door.WriteError(w, r, fault.New(fault.Conflict, "the tray is full").After(7*time.Second))
		if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), want) || w.Header().Get("Retry-After") != "7" {
			t.Errorf("WriteError in %s = %d %s with Retry-After %q, want 409 with %s and 7", language, w.Code, w.Body, w.Header().Get("Retry-After"), want)
		}
	}
	secret := httptest.NewRecorder()
	door.WriteError(secret, signedIn(httptest.NewRequest(http.MethodGet, "/console", nil)), context.Canceled)
	if secret.Code != http.StatusInternalServerError || strings.Contains(secret.Body.String(), "canceled") {
		t.Errorf("WriteError of an internal error = %d %q, want 500 without its text", secret.Code, secret.Body)
	}
}
