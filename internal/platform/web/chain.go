package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// outer wraps a listener's router with what every request passes, matched or
// not: id, proxies, log, metrics, recover.
func (s *Server) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.inFlight.Add(1)
		defer s.inFlight.Add(-1)
		x := &exchange{server: s, start: s.hooks.Now(), route: "unmatched"}
		r = s.identify(r, x)
		t := &tracker{ResponseWriter: w, x: x, request: r, control: http.NewResponseController(w), idle: s.config.BodyIdleTimeout}
		t.extend() // the last deadline of the connection's previous request is past
		w.Header().Set("X-Request-Id", x.id)
		x.body = &body{reader: r.Body, control: t.control, idle: s.config.BodyIdleTimeout, limit: -1, expects: r.Header.Get("Expect") != ""}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = x.body
		}
		defer s.finish(t, r)
		defer s.guard(t, r)
		next.ServeHTTP(t, r)
	})
}

// identify gives the request its id, client address and context.
func (s *Server) identify(r *http.Request, x *exchange) *http.Request {
	trusted := s.applyProxies(r, x)
	x.id = r.Header.Get("X-Request-Id")
	if !trusted || !saneID(x.id) {
		x.id = s.hooks.NewID()
	}
	ctx := context.WithValue(r.Context(), exchangeKey{}, x)
	x.ctx = s.tag(ctx, "request_id", x.id)
	return r.WithContext(x.ctx)
}

func (s *Server) tag(ctx context.Context, key, value string) context.Context {
	if s.hooks.Tag == nil {
		return ctx
	}
	return s.hooks.Tag(ctx, key, value)
}

// guard turns a panic into a 500 of the door when nothing was written yet,
// and else cuts the connection so that nobody takes half an answer for whole.
func (s *Server) guard(t *tracker, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && err == http.ErrAbortHandler { //nolint:errorlint // net/http compares it the same way
		t.x.aborted = true
		panic(p)
	}
	s.log.LogAttrs(r.Context(), slog.LevelError, "panic in handler", t.x.ids(),
		slog.String("route", t.x.route), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
	t.x.logged = true
	if t.status != 0 {
		t.x.aborted = true
		panic(http.ErrAbortHandler)
	}
	t.x.fail(t, r, fmt.Errorf("panic: %v", p))
}

// fail answers err in the shape of the request's door.
func (x *exchange) fail(w http.ResponseWriter, r *http.Request, err error) {
	if x.door == nil {
		WriteProblem(w, r, err)
		return
	}
	x.door.door.WriteError(w, r, err)
}

// finish writes the access log and tells the observer. It also bounds the
// time that net/http spends on what the handler left of the body.
func (s *Server) finish(t *tracker, r *http.Request) {
	x := t.x
	x.body.release()
	// What is still buffered goes out after the rest of the body came in.
	_ = t.control.SetWriteDeadline(time.Now().Add(drainTime + s.config.BodyIdleTimeout))
	status := t.status
	switch {
	case x.aborted:
		status = http.StatusInternalServerError // the client got a cut connection
	case status == 0:
		status = http.StatusOK // net/http writes it for a handler that wrote nothing
	}
	took := s.hooks.Now().Sub(x.start)
	if s.hooks.Observe != nil {
		s.hooks.Observe(Observation{
			Door: x.doorName(), Route: x.route, Method: knownMethod(r.Method), Status: status,
			Sent: t.sent, Received: x.body.received, Duration: took,
		})
	}
	level := slog.LevelInfo
	switch {
	case x.quiet && status < http.StatusInternalServerError:
		level = slog.LevelDebug
	case status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	}
	// The query is never logged and a path value called token is masked:
	// both may carry secrets.
	s.log.LogAttrs(x.ctx, level, "request", x.ids(), slog.String("method", knownMethod(r.Method)), slog.String("path", loggedPath(r)),
		slog.String("door", x.doorName()), slog.String("route", x.route), slog.Int("status", status),
		slog.Int64("sent_bytes", t.sent), slog.Int64("received_bytes", x.body.received),
		slog.Float64("duration_seconds", took.Seconds()), slog.String("client", x.client.String()))
}

func loggedPath(r *http.Request) string {
	path := r.URL.Path
	if secret := r.PathValue("token"); secret != "" {
		path = strings.Replace(path, secret, "***", 1)
	}
	if len(path) > 256 {
		path = path[:256]
	}
	return path
}

// knownMethod bounds the metrics label.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "OTHER"
}

// inner wraps one route with what depends on its door and its entry in the
// table. Refusals come after CORS, so that a browser client may read them.
func (s *Server) inner(d *mountedDoor, path string, route Route) http.Handler {
	limit := route.MaxBody
	if limit <= 0 {
		limit = d.maxBody
	}
	handler := s.compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeFrom(r.Context())
		// A second tracker knows what the handler wrote even while the
		// compressor still holds it back.
		t := &tracker{ResponseWriter: w, x: x, request: r, control: http.NewResponseController(w), idle: s.config.BodyIdleTimeout}
		defer s.guard(t, r)
		route.Handler.ServeHTTP(t, r)
	}))
	work := func(w http.ResponseWriter, r *http.Request, x *exchange) error {
		if !route.Unlimited {
			select {
			case s.slots <- struct{}{}:
				defer func() { <-s.slots }()
			default:
				return busy(fault.Unavailable, 0, "the server is busy, try again in a moment")
			}
		}
		r, err := s.admit(r, x, route)
		if err != nil {
			return err
		}
		if err := x.body.prepare(r, route.Consumes, limit); err != nil {
			return err
		}
		handler.ServeHTTP(w, r)
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeFrom(r.Context())
		x.door, x.route, x.quiet = d, path, route.Unlimited
		d.cors.ordinary(w, r)
		err := work(w, r, x)
		if err != nil {
			d.door.WriteError(w, r, err)
		}
		// Out of the slot: the rest of a body is nobody's work.
		if err != nil || x.body.overflow {
			x.body.drain(w)
		}
	})
}

// admit authenticates and applies the rate limit, the access level and the
// cross-site check. It returns the request with its principal.
func (s *Server) admit(r *http.Request, x *exchange, route Route) (*http.Request, error) {
	p, known, authErr, err := s.authenticate(r, x, route)
	if err != nil {
		return r, err
	}
	if !route.Unlimited {
		if wait := s.limiter.take(clientKey(x.client, p.UserID)); wait > 0 {
			return r, busy(fault.RateLimited, wait, "too many requests, slow down")
		}
	}
	if authErr != nil {
		return r, authErr
	}
	known, err = checkCrossSite(x.door.csrf, r, route, p, known)
	if err != nil {
		return r, err
	}
	if err := authorize(route, p, known); err != nil {
		if known && s.hooks.Refused != nil {
			s.hooks.Refused(identity.With(r.Context(), p), route.Method+" "+route.Path)
		}
		return r, err
	}
	if !known {
		return r, nil
	}
	x.userID = p.UserID
	x.ctx = s.tag(identity.With(r.Context(), p), "user_id", p.UserID)
	return r.WithContext(x.ctx), nil
}
