package nachet

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"granary/internal/platform/fault"
	"granary/internal/platform/web"
	"granary/internal/vision"
)

// family is the first words of an error text (specification section 2).
type family string

const (
	datastore family = "Datastore Error"
	api       family = "API Error"
	unhandled family = "Unhandled API error"
)

// wireError is an error whose text a client compares or shows.
type wireError struct {
	family family
	detail string
	cause  error
}

// Error returns the detail.
func (e *wireError) Error() string { return e.detail }

// Unwrap returns what the service said.
func (e *wireError) Unwrap() error { return e.cause }

// apiError is about the arguments.
func apiError(detail string) error {
	return &wireError{family: api, detail: detail, cause: fault.New(fault.Invalid, "%s", detail)}
}

// storeError is about what is, or is not, stored.
func storeError(cause error, detail string) error {
	return &wireError{family: datastore, detail: detail, cause: cause}
}

// text returns the whole message for an error of the operation called what.
func text(what string, err error) string {
	var wire *wireError
	if errors.As(err, &wire) {
		return wire.message(what)
	}
	switch fault.Of(err) {
	case fault.NotFound, fault.Forbidden, fault.Conflict:
		return string(datastore) + " " + what + " : " + fault.Message(err)
	case fault.Invalid:
		return string(api) + " " + what + " : " + fault.Message(err)
	case fault.Internal:
		return unhandledText(what, "")
	default:
		return unhandledText(what, fault.Message(err))
	}
}

func (e *wireError) message(what string) string {
	if e.family == unhandled {
		return unhandledText(what, e.detail)
	}
	return string(e.family) + " " + what + " : " + e.detail
}

// unhandledText appends the detail that the original keeps to itself.
func unhandledText(what, detail string) string {
	message := string(unhandled) + " : Error " + what
	if detail != "" {
		message += " : " + detail
	}
	return message
}

// status is 400 for everything a client did, unless modern statuses are on.
// A refusal by the server's own limits keeps its status, so that a client
// knows to wait.
func (d *Door) status(err error) int {
	kind := fault.Of(err)
	if d.cfg.ModernStatus || kind == fault.RateLimited {
		return web.StatusOf(err)
	}
	return http.StatusBadRequest
}

// refuse answers err as the array of one text that the front end prints.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, what string, err error) {
	if fault.Of(err) == fault.Internal || fault.Of(err) == fault.RateLimited || fault.Of(err) == fault.Unavailable {
		web.ErrorHeader(w, r, err) // logs the cause, sets Retry-After
	}
	writeJSON(w, d.status(err), []string{text(what, err)})
}

// WriteError answers an error of the platform in the door's shape: 404 and
// 405 as HTML, the rest as the array.
func (d *Door) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	status := web.ErrorHeader(w, r, err)
	if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		w.Write([]byte("<!doctype html>\n<html lang=en>\n<title>" + http.StatusText(status) + "</title>\n<h1>" + http.StatusText(status) + "</h1>\n"))
		return
	}
	kind := fault.Of(err)
	if !d.cfg.ModernStatus && (kind == fault.TooLarge || kind == fault.Invalid) {
		status = http.StatusBadRequest
	}
	detail := ""
	if kind != fault.Internal {
		detail = fault.Message(err)
	}
	writeJSON(w, status, []string{unhandledText(d.whatOf(r), detail)})
}

// whatOf names the operation of a request that never reached its handler.
func (d *Door) whatOf(r *http.Request) string {
	for _, op := range d.operations() {
		if len(r.URL.Path) >= len(op.path) && r.URL.Path[len(r.URL.Path)-len(op.path):] == op.path && op.what != "" {
			return op.what
		}
	}
	return "handling the request"
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // every type written here is ours and marshals
	}
	writeBody(w, status, body)
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // an error means that the client has gone: there is nobody to tell
}

// setDetail words an error about a picture set as the original does.
func setDetail(err error, owner string, id string) error {
	switch {
	case errors.Is(err, vision.ErrNoUser):
		return storeError(err, userUnknown(owner))
	case errors.Is(err, vision.ErrNoSet):
		return storeError(err, "Picture set not found based on the given id: "+id)
	case errors.Is(err, vision.ErrDefaultSet):
		return storeError(err, "User can't delete the default picture set, user uuid :"+owner)
	case errors.Is(err, vision.ErrSetExists):
		return storeError(err, "Folder already exists")
	default:
		return err
	}
}

func userUnknown(id string) string { return "User not found based on the given id: " + id }
