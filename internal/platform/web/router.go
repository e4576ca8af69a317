package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"granary/internal/platform/fault"
)

// Served is one route as a listener serves it, for the authorisation matrix
// and the documents.
type Served struct {
	Listener int // index into Config.Listeners
	Door     string
	Prefix   string // "" at the root
	Route    Route
}

// Path returns the net/http pattern path with the prefix.
func (s Served) Path() string { return s.Prefix + s.Route.Path }

// mountedDoor is a door on one listener.
type mountedDoor struct {
	Entry
	door     Door
	prefixes []string
	cors     corsPolicy
	csrf     *http.CrossOriginProtection
	maxBody  int64
}

// router dispatches one listener's requests.
type router struct {
	server   *Server
	mux      *http.ServeMux
	methods  []string
	byPath   map[string]*mountedDoor // "METHOD path" → door
	prefixes map[string]*mountedDoor // static leading segments → door
	fallback *mountedDoor
}

// Table lists every route of every listener as served, documents included.
func (s *Server) Table() []Served {
	var all []Served
	for i, l := range s.listeners {
		for _, served := range l.table {
			served.Listener = i
			all = append(all, served)
		}
	}
	return all
}

func (s *Server) newListener(config Listener, entries []Entry) (*listener, error) {
	doors, err := s.mount(config, entries)
	if err != nil {
		return nil, err
	}
	l := &listener{config: config}
	rt := &router{
		server: s, mux: http.NewServeMux(),
		byPath: map[string]*mountedDoor{}, prefixes: map[string]*mountedDoor{},
		fallback: fallbackDoor(config.Fallback, doors),
	}
	if rt.fallback == nil {
		return nil, fmt.Errorf("fallback door %q is not mounted", config.Fallback)
	}
	if l.table, err = rt.fill(doors); err != nil {
		return nil, err
	}
	docs, err := newDocsDoor(s.config, doors, l.table)
	if err != nil {
		return nil, err
	}
	more, err := rt.fill([]*mountedDoor{{door: docs, prefixes: []string{""}, maxBody: s.config.MaxBody}})
	if err != nil {
		return nil, err
	}
	l.table = append(l.table, more...)
	rt.mux.HandleFunc("/", rt.unmatched)
	l.handler = s.outer(rt)
	return l, nil
}

// ServeHTTP dispatches a request, first under the address that its door
// means where it takes loose ones.
func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "//") || strings.HasSuffix(r.URL.Path, "/") && r.URL.Path != "/" {
		if tidy := rt.loose(r); tidy != nil {
			r = tidy
		}
	}
	rt.mux.ServeHTTP(w, r)
}

// loose returns the request with single slashes and none at the end, when
// that is a route of a door with loose paths. A route that takes any number of
// segments keeps its last slash: net/http would add it again by a redirect.
func (rt *router) loose(r *http.Request) *http.Request {
	tidy := r.Clone(r.Context())
	tidy.URL.Path, tidy.URL.RawPath = tidySlashes(r.URL.Path), tidySlashes(r.URL.RawPath)
	_, pattern := rt.mux.Handler(tidy)
	method, path, _ := strings.Cut(pattern, " ")
	d := rt.byPath[patternKey(method, path)]
	if d == nil || !d.LoosePaths {
		return nil
	}
	if strings.HasSuffix(path, "...}") && strings.HasSuffix(r.URL.Path, "/") {
		tidy.URL.Path += "/"
		if tidy.URL.RawPath != "" {
			tidy.URL.RawPath += "/"
		}
	}
	return tidy
}

// tidySlashes drops empty segments.
func tidySlashes(path string) string {
	if path == "" {
		return ""
	}
	segments := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	return "/" + strings.Join(segments, "/")
}

// mount picks the listener's doors.
func (s *Server) mount(config Listener, entries []Entry) ([]*mountedDoor, error) {
	mounts := config.Mounts
	if len(mounts) == 0 {
		for _, e := range entries {
			mounts = append(mounts, Mount{Door: e.Door.Name()})
		}
	}
	var doors []*mountedDoor
	var errs []error
	for _, m := range mounts {
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Door.Name() == m.Door })
		if i < 0 {
			errs = append(errs, fmt.Errorf("unknown door %q", m.Door))
			continue
		}
		e := entries[i]
		d := &mountedDoor{Entry: e, door: e.Door, cors: newCORSPolicy(e.CORSOrigins), csrf: http.NewCrossOriginProtection(), maxBody: e.MaxBody}
		for _, origin := range e.CORSOrigins {
			if err := d.csrf.AddTrustedOrigin(origin); err != nil {
				errs = append(errs, fmt.Errorf("door %s: cors origin: %w", m.Door, err))
			}
		}
		if d.maxBody <= 0 {
			d.maxBody = s.config.MaxBody
		}
		prefixes := m.Prefixes
		if len(prefixes) == 0 {
			prefixes = e.Prefixes
		}
		if len(prefixes) == 0 {
			prefixes = []string{""}
		}
		for _, p := range prefixes {
			p = strings.TrimRight(p, "/")
			if p != "" && p[0] != '/' {
				errs = append(errs, fmt.Errorf("door %s: prefix %q does not start with /", m.Door, p))
			}
			if !slices.Contains(d.prefixes, p) {
				d.prefixes = append(d.prefixes, p)
			}
		}
		doors = append(doors, d)
	}
	if len(doors) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("no door"))
	}
	return doors, errors.Join(errs...)
}

func fallbackDoor(name string, doors []*mountedDoor) *mountedDoor {
	for _, d := range doors {
		if d.door.Name() == name || name == "" && d.door.Name() == "console" {
			return d
		}
	}
	if name != "" {
		return nil
	}
	return doors[0]
}

// fill registers every route and returns the table as served.
func (rt *router) fill(doors []*mountedDoor) ([]Served, error) {
	var errs []error
	var table []Served
	add := func(d *mountedDoor, r Route) {
		for _, prefix := range d.prefixes {
			path := prefix + r.Path
			key := patternKey(r.Method, path)
			if other := rt.byPath[key]; other != nil {
				if !r.Yields {
					errs = append(errs, fmt.Errorf("doors %s and %s both serve %s %s", other.door.Name(), d.door.Name(), r.Method, path))
				}
				continue
			}
			if err := handlePattern(rt.mux, r.Method+" "+path, rt.server.inner(d, path, r)); err != nil {
				errs = append(errs, fmt.Errorf("door %s: %w", d.door.Name(), err))
				continue
			}
			rt.byPath[key] = d
			rt.claim(d, prefix, path)
			if !slices.Contains(rt.methods, r.Method) {
				rt.methods = append(rt.methods, r.Method)
			}
			table = append(table, Served{Door: d.door.Name(), Prefix: prefix, Route: r})
		}
	}
	// Routes that yield come last, so that the order of doors is no matter.
	for _, yields := range []bool{false, true} {
		for _, d := range doors {
			for _, r := range d.door.Routes() {
				if r.Yields != yields {
					continue
				}
				if err := r.validate(); err != nil {
					errs = append(errs, fmt.Errorf("door %s: %s %s: %w", d.door.Name(), r.Method, r.Path, err))
					continue
				}
				r.Scope = r.scope()
				add(d, r)
			}
		}
	}
	slices.Sort(rt.methods)
	return table, errors.Join(errs...)
}

func (r Route) validate() error {
	switch {
	case r.Access == AccessUnset || r.Access > ByDoor:
		return errors.New("no access level")
	case r.Handler == nil:
		return errors.New("no handler")
	case r.Method == "" || r.Method != strings.ToUpper(r.Method):
		return errors.New("method is not in capitals")
	case r.Method == http.MethodOptions:
		return errors.New("the server answers OPTIONS itself")
	case !strings.HasPrefix(r.Path, "/"):
		return errors.New("path does not start with /")
	case !r.Hidden && r.Summary == "":
		return errors.New("no summary for the document")
	}
	return nil
}

// patternKey names a pattern regardless of how its wildcards are called.
func patternKey(method, path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") && s != "{$}" {
			segments[i] = "{}"
			if strings.HasSuffix(s, "...}") {
				segments[i] = "{...}"
			}
		}
	}
	return method + " " + strings.Join(segments, "/")
}

// handlePattern registers a pattern; net/http reports a malformed or
// overlapping one only by a panic, which becomes an error of New here.
func handlePattern(mux *http.ServeMux, pattern string, h http.Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("pattern %q: %v", pattern, p)
		}
	}()
	mux.Handle(pattern, h)
	return nil
}

// claim remembers the static leading segments of path as d's. Where doors
// share them, a door that is mounted under that very prefix wins, then the
// first.
func (rt *router) claim(d *mountedDoor, prefix, path string) {
	at := ""
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if segment == "" || strings.HasPrefix(segment, "{") {
			return
		}
		at += "/" + segment
		if rt.prefixes[at] == nil || prefix == at {
			rt.prefixes[at] = d
		}
	}
}

// doorFor returns the door that answers an address without a route: the one
// whose routes share most leading segments with it, else the fallback.
func (rt *router) doorFor(path string) *mountedDoor {
	path = path[:min(len(path), 256)] // no route is longer; hostile paths are
	for path != "" {
		if d := rt.prefixes[path]; d != nil {
			return d
		}
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
	}
	return rt.fallback
}

// allowed returns the methods that the request's path has routes for, and
// the door of the first of them (of the method asked for by a preflight).
func (rt *router) allowed(r *http.Request) ([]string, *mountedDoor) {
	var methods []string
	var door *mountedDoor
	wanted := r.Header.Get("Access-Control-Request-Method")
	probe := *r
	for _, m := range rt.methods {
		probe.Method = m
		_, pattern := rt.mux.Handler(&probe)
		if pattern == "/" || pattern == "" {
			continue
		}
		method, path, _ := strings.Cut(pattern, " ")
		d := rt.byPath[patternKey(method, path)]
		if door == nil || m == wanted {
			door = d
		}
		methods = append(methods, m)
		if m == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	return methods, door
}

// unmatched answers OPTIONS, 405 and 404, in the shape of the nearest door.
func (rt *router) unmatched(w http.ResponseWriter, r *http.Request) {
	x := exchangeFrom(r.Context())
	methods, door := rt.allowed(r)
	if door == nil {
		x.door = rt.doorFor(r.URL.Path)
		x.door.cors.ordinary(w, r)
		if !rt.server.charge(w, r, x) {
			return
		}
		x.door.door.WriteError(w, r, fault.New(fault.NotFound, "nothing is served at this address"))
		return
	}
	x.door = door
	methods = append(methods, http.MethodOptions)
	w.Header().Set("Allow", strings.Join(methods, ", "))
	if !rt.server.charge(w, r, x) {
		return
	}
	if r.Method == http.MethodOptions {
		x.route = "preflight"
		door.cors.preflight(w, r)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
		return
	}
	door.cors.ordinary(w, r)
	door.door.WriteError(w, r, protocolError(http.StatusMethodNotAllowed, "method %s is not served here", r.Method))
}
