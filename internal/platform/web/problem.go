package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"granary/internal/platform/fault"
)

// Status is the one mapping from an error kind to an HTTP status.
func Status(kind fault.Kind) int {
	switch kind {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.RateLimited:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Internal:
	}
	return http.StatusInternalServerError
}

// ProtocolError is a refusal that HTTP itself gives a status of its own:
// 405, 408 and 415. It wraps the fault that says its kind and message.
type ProtocolError struct {
	Status int
	err    *fault.Error
}

// Error returns the message for users.
func (e *ProtocolError) Error() string { return e.err.Error() }

// Unwrap returns the fault.
func (e *ProtocolError) Unwrap() error { return e.err }

func protocolError(status int, format string, args ...any) *ProtocolError {
	return &ProtocolError{Status: status, err: fault.New(fault.Invalid, format, args...)}
}

// StatusOf returns the status that err is answered with: that of a
// ProtocolError, else that of its kind.
func StatusOf(err error) int {
	var p *ProtocolError
	if errors.As(err, &p) {
		return p.Status
	}
	return Status(fault.Of(err))
}

// statusClientClosed is what logs and metrics show of a request whose client
// went away; nobody reads the answer.
const statusClientClosed = 499

// ErrorHeader does what every error shape has in common and returns the
// status to write: it logs an internal error with its cause, once per
// request, forbids caching and sets Retry-After and WWW-Authenticate where
// they apply.
func ErrorHeader(w http.ResponseWriter, r *http.Request, err error) int {
	LogError(r.Context(), err)
	status := StatusOf(err)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		status = statusClientClosed
	}
	h := w.Header()
	// A handler may have announced a body that it then could not make.
	for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Disposition", "ETag", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	for name, value := range errorFields(status, err) {
		h.Set(name, value)
	}
	return status
}

// errorFields returns the header fields that depend on the error alone.
func errorFields(status int, err error) map[string]string {
	fields := map[string]string{}
	if status == http.StatusUnauthorized {
		fields["WWW-Authenticate"] = `Bearer realm="granary"` // RFC 9110 §11.6.1
	}
	var f *fault.Error
	errors.As(err, &f)
	if f != nil && f.RetryAfter > 0 {
		fields["Retry-After"] = strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds())))
	} else if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		fields["Retry-After"] = "1"
	}
	return fields
}

// LogError logs err when a user only sees "internal error" of it, or when a
// dependency failed, with its cause; once per request, and never when the
// client went away.
func LogError(ctx context.Context, err error) {
	x := exchangeFrom(ctx)
	if x == nil || x.logged || (errors.Is(err, context.Canceled) && ctx.Err() != nil) {
		return
	}
	var level slog.Level
	switch kind := fault.Of(err); {
	case kind == fault.Internal:
		level = slog.LevelError
	case kind == fault.Unavailable && errors.Unwrap(err) != nil:
		level = slog.LevelWarn
	default:
		return
	}
	x.logged = true
	x.server.log.LogAttrs(ctx, level, "request failed", x.ids(),
		slog.String("door", x.doorName()), slog.String("route", x.route), slog.String("error", err.Error()))
}

// Problem is an error in the shape of RFC 9457, as native doors answer it.
type Problem struct {
	Type   string `json:"type" doc:"Always about:blank: kind says what went wrong." example:"about:blank"`
	Title  string `json:"title" doc:"The status in words."`
	Status int    `json:"status" doc:"The HTTP status."`
	Kind   string `json:"kind" doc:"What went wrong, in terms a program can act on." enum:"internal,invalid,unauthenticated,forbidden,not_found,conflict,too_large,rate_limited,unavailable"`
	Detail string `json:"detail" doc:"What went wrong, for a person."`
	// RequestID finds the request in the server's log.
	RequestID string `json:"request_id" doc:"Quote this when asking for help."`
	// Errors lists what is wrong with single fields of the request.
	Errors []FieldError `json:"errors,omitempty" doc:"What is wrong with single fields of the request."`

	header http.Header
}

// FieldError is what is wrong with one field of a request.
type FieldError struct {
	Location string `json:"location,omitempty" doc:"Where, such as body.email or query.limit."`
	Message  string `json:"message" doc:"What is wrong."`
}

// newProblem shapes err.
func newProblem(ctx context.Context, err error) *Problem {
	status := StatusOf(err)
	p := &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Kind: fault.Of(err).String(), Detail: fault.Message(err), RequestID: RequestID(ctx), header: http.Header{},
	}
	for name, value := range errorFields(status, err) {
		p.header.Set(name, value)
	}
	return p
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the status; with GetHeaders and ContentType it lets huma
// write a Problem.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the header fields that go with the problem.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType returns the media type of RFC 9457 in place of plain JSON.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// WriteProblem answers err as RFC 9457 JSON with kind, detail and request id.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	status := ErrorHeader(w, r, err)
	body, encodeErr := json.Marshal(newProblem(r.Context(), err))
	if encodeErr != nil { // cannot happen: the struct holds only strings and numbers
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// busy is the answer of a limit that was hit.
func busy(kind fault.Kind, wait time.Duration, message string) error {
	return fault.New(kind, "%s", message).After(max(wait, time.Second))
}
