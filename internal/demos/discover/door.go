// Package discover is the door for the front ends of the demos: three
// generations of one wire format at once. It translates requests to calls of
// the demos service and back, and holds no rule of its own.
//
//	JSON, form or multipart ─► envelope ─► demos.Service
//	application/json, exactly ◄─ answers in the members that front ends read
//
// The routes come from the installed apps' manifests; a further app brings its
// own. Where the door departs from the original is listed in
// docs/compatibility/discover.md.
package discover

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"golang.org/x/sync/semaphore"

	"granary/internal/demos"
	"granary/internal/demos/manifest"
	"granary/internal/platform/fault"
	"granary/internal/platform/web"
)

// Config is what a deployment decides about the door.
type Config struct {
	// MaxBody is the largest start request in bytes. Defaults to 256 MiB.
	MaxBody int64
	// BodyBudget bounds the bytes of request bodies held in memory at once.
	// Defaults to MaxBody.
	BodyBudget int64
	// Token must be in the header Authorization (Bearer) or the query
	// parameter token of every request; empty asks for none.
	Token string
	// AccelPrefix hands files to nginx: the prefix of its internal locations,
	// such as /media. Empty sends the bytes.
	AccelPrefix string
	// Accelerate puts a published file where nginx finds it and returns its
	// path below the data folder.
	Accelerate func(ctx context.Context, content demos.Content) (string, error)
}

// Door serves the wire format. Safe for concurrent use.
type Door struct {
	cfg    Config
	demos  *demos.Service
	budget *semaphore.Weighted
}

var _ web.Door = (*Door)(nil)

// New returns the door.
func New(service *demos.Service, cfg Config) *Door {
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 256 << 20
	}
	cfg.BodyBudget = max(cfg.BodyBudget, cfg.MaxBody)
	return &Door{cfg: cfg, demos: service, budget: semaphore.NewWeighted(cfg.BodyBudget)}
}

// Name returns "discover".
func (d *Door) Name() string { return "discover" }

// Routes lists the routes of every installed app.
func (d *Door) Routes() []web.Route {
	t := &table{door: d}
	for _, app := range d.demos.Apps() {
		for i := range app.Endpoints {
			for _, prefix := range app.Prefixes {
				t.endpoint(app, &app.Endpoints[i], prefix+app.Endpoints[i].Path)
			}
		}
		for _, prefix := range app.Prefixes {
			t.app(app, prefix)
		}
	}
	t.common()
	return t.routes
}

// WriteError answers {"error", "code"}: front ends show the text, and look
// for nothing but the absence of a tracking id.
func (d *Door) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	status := web.ErrorHeader(w, r, err)
	writeJSON(w, status, map[string]string{"error": fault.Message(err), "code": fault.Of(err).String()})
}

// writeJSON answers with the content type that one front end compares as a
// whole.
func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	web.WriteJSON(w, status, value)
}

// table gathers routes.
type table struct {
	door   *Door
	routes []web.Route
}

// handle is one operation: its answer, or an error.
type handle func(r *http.Request) (any, error)

// add adds a route that answers JSON.
func (t *table) add(method, path, summary string, fn handle) *web.Route {
	return t.raw(method, path, summary, func(w http.ResponseWriter, r *http.Request) error {
		answer, err := fn(r)
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, answer)
		return nil
	})
}

// raw adds a route that writes its answer itself.
func (t *table) raw(method, path, summary string, fn func(http.ResponseWriter, *http.Request) error) *web.Route {
	d := t.door
	t.routes = append(t.routes, web.Route{
		Method: method, Path: path, Access: web.Public, Summary: summary, MaxBody: smallBody,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := d.admit(r)
			if err == nil {
				err = fn(w, r)
			}
			if err != nil {
				d.WriteError(w, r, err)
			}
		}),
	})
	return &t.routes[len(t.routes)-1]
}

// endpoint adds the routes of one kind of task below its path.
func (t *table) endpoint(app *demos.App, e *manifest.Endpoint, at string) {
	d := t.door
	start := t.add(http.MethodPost, at+"/start", app.Title+": start a task",
		func(r *http.Request) (any, error) { return d.start(r, app, e) })
	start.MaxBody = d.cfg.MaxBody
	t.add(http.MethodPost, at+"/{id}/cancel", app.Title+": cancel a task", d.cancel)
	status := t.raw(http.MethodGet, at+"/{id}/status", app.Title+": how a task stands", d.status)
	status.Unlimited = true // a page polls it once a second for each task that it shows
	t.add(http.MethodGet, at+"/qsizes", app.Title+": depth of all queues", d.queueSizes)
	t.add(http.MethodGet, at+"/monitor", app.Title+": size of the data, depth of all queues",
		func(r *http.Request) (any, error) { return d.monitor(r, app) })
	t.add(http.MethodPost, at+"/monitor/clear", app.Title+": remove old results",
		func(r *http.Request) (any, error) { return d.clear(r, app, e) })
	t.add(http.MethodPost, at+"/monitor/clear/{id}", app.Title+": remove the results of one task or document",
		func(r *http.Request) (any, error) { return d.clearOne(r, app, e) })
	if e.Models != nil {
		t.add(http.MethodGet, at+"/models", app.Title+": models", func(*http.Request) (any, error) { return d.models(app, e) })
	}
	if e.Result.Path != "" {
		t.raw(http.MethodGet, at+e.Result.Path, app.Title+": a result",
			func(w http.ResponseWriter, r *http.Request) error { return d.result(w, r, app, e) })
	}
	if e.Delete != "" {
		t.add(http.MethodPost, at+"/{doc}/delete", app.Title+": remove what is kept of a document",
			func(r *http.Request) (any, error) { return d.delete(r, app, e) })
	}
}

// app adds what single apps have besides.
func (t *table) app(app *demos.App, prefix string) {
	d := t.door
	switch app.Name {
	case "regions":
		t.add(http.MethodPost, prefix+"/clear", "Regions: kept for old clients, clears nothing", d.clearRegions)
	case "vectorization":
		t.add(http.MethodPost, prefix+"/delete_and_relaunch", "Vectorization: kept for old clients, does nothing", d.deprecated)
	case "search":
		t.add(http.MethodPost, prefix+"/monitor/clear/index/{id}", "Search: remove an index",
			func(r *http.Request) (any, error) { return d.clearIndex(r, app) })
	}
	if app.Sources != "" {
		t.add(http.MethodGet, prefix+"/sources", app.Title+": collections", func(*http.Request) (any, error) { return d.demos.Sources(app) })
		t.raw(http.MethodGet, prefix+"/sources/{uid}/{file}", app.Title+": a file of a collection",
			func(w http.ResponseWriter, r *http.Request) error { return d.source(w, r, app) })
	}
}

// common adds what belongs to no app.
func (t *table) common() {
	d := t.door
	t.add(http.MethodGet, "/datasets/dataset/{uid}", "A data set with its documents", d.dataset)
	t.raw(http.MethodGet, "/datasets/document/{type}/{rest...}", "A document, its pictures as a zip, or one of its annotation files", d.document)
	t.add(http.MethodPost, "/{id}/cancel", "Cancel a task without naming its app", d.cancel)
}

// admit checks the shared token, when there is one.
func (d *Door) admit(r *http.Request) error {
	if d.cfg.Token == "" {
		return nil
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		given = r.URL.Query().Get("token")
	}
	if !sameToken(given, d.cfg.Token) {
		return fault.New(fault.Unauthenticated, "a token is needed here")
	}
	return nil
}

// text is a JSON value that is a text, or "".
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
