// Package fault holds the one small set of error kinds that every part of
// Granary uses, so that a door decides a status once and a caller never
// matches on text.
//
// An error without a kind is Internal: its text goes to the log, never to a
// user. An error made here carries a message that a user may read.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong in terms a caller can act on.
type Kind uint8

// The kinds. Internal is the zero value so that an unknown error never leaks.
const (
	Internal Kind = iota
	Invalid
	Unauthenticated
	Forbidden
	NotFound
	Conflict
	TooLarge
	RateLimited
	Unavailable
)

var names = [...]string{
	Internal: "internal", Invalid: "invalid", Unauthenticated: "unauthenticated",
	Forbidden: "forbidden", NotFound: "not_found", Conflict: "conflict",
	TooLarge: "too_large", RateLimited: "rate_limited", Unavailable: "unavailable",
}

// String returns the kind's snake_case name, as used in logs and JSON.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return names[Internal]
}

// Error is an error whose Message a user may see.
type Error struct {
	Kind    Kind
	Message string
	// RetryAfter is when the caller may try again; zero when it is unknown.
	RetryAfter time.Duration
	cause      error
}

// Error returns the message for users.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause given to New with %w, if any.
func (e *Error) Unwrap() error { return e.cause }

// New formats a message for users; a %w operand becomes the cause.
func New(kind Kind, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: wrapped.Error(), cause: errors.Unwrap(wrapped)}
}

// After returns a copy of e that tells the caller to wait d.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Of returns the kind of the outermost Error in err's chain. A deadline that
// passed counts as Unavailable; anything else without a kind is Internal.
func Of(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Unavailable
	}
	return Internal
}

// Is reports whether err is of the given kind.
func Is(err error, kind Kind) bool { return err != nil && Of(err) == kind }

// Message returns what a user may read of err: the message of the outermost
// Error, or "internal error" when there is none.
func Message(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "internal error"
}
