package ui

import (
	"errors"

	"granary/internal/platform/fault"
)

// ErrorText gives an error that is known by errors.Is its text.
type ErrorText struct {
	Err error
	// Key is a message key.
	Key string
}

// keptError says what a failed act has left done.
type keptError struct {
	err  error
	key  string
	args []any
}

func (e *keptError) Error() string { return e.err.Error() }
func (e *keptError) Unwrap() error { return e.err }

// Kept adds to err what was kept in spite of it, as a message key with its
// arguments. Without it, an error page says that nothing was changed.
func Kept(err error, key string, args ...any) error {
	if err == nil {
		return nil
	}
	return &keptError{err, key, args}
}

// Explanation is what a page says of an error, in the visitor's language.
type Explanation struct {
	Title, Message, Kept, Advice string
	// Detail is the error's own English text where Message is only about its
	// kind.
	Detail string
}

// Explain says what happened, what was kept and what to do. The texts of
// errors that no bundle knows are English: in another language the kind's own
// text stands in front of them. Internal errors keep their text to themselves.
func (k *Kit) Explain(l *Locale, err error) Explanation {
	kind := fault.Of(err).String()
	e := Explanation{
		Title: l.T("problem.title_" + kind), Kept: l.T("problem.kept_default"), Advice: l.T("problem.todo_" + kind),
	}
	var kept *keptError
	if errors.As(err, &kept) {
		e.Kept = l.T(kept.key, kept.args...)
	}
	for _, known := range k.errors {
		if errors.Is(err, known.Err) {
			e.Message = l.T(known.Key)
			return e
		}
	}
	switch {
	case fault.Is(err, fault.Internal):
		e.Message = l.T("problem.text_" + kind)
	case l.Language == Languages()[0]:
		e.Message = fault.Message(err)
	default:
		e.Message, e.Detail = l.T("problem.text_"+kind), fault.Message(err)
	}
	return e
}

// Line is the explanation in one line, for a form or a script.
func (e Explanation) Line() string {
	if e.Detail != "" {
		return e.Message + " (" + e.Detail + ")"
	}
	return e.Message
}
