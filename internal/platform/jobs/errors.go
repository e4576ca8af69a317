package jobs

import (
	"errors"

	"granary/internal/platform/fault"
)

// The causes with which an attempt's context ends (context.Cause), besides
// its time limit.
var (
	// ErrCancelled: somebody asked the job to stop.
	ErrCancelled = errors.New("job cancelled")
	// ErrLost: the lease ran out or another attempt took over. Nothing that
	// this attempt still does is accepted.
	ErrLost = errors.New("job lease lost")
	// ErrDraining: the engine stops; the job returns to the queue.
	ErrDraining = errors.New("job engine is stopping")
	// ErrCommitted: Commit was called a second time.
	ErrCommitted = errors.New("job result is already committed")
)

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks err as one that another attempt cannot cure, so that the
// job fails at once. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err: err}
}

// IsPermanent reports whether err was marked by Permanent.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// LostMessage is what a user reads about an attempt whose process vanished.
const LostMessage = "the process that ran this attempt stopped responding"

// maxMessageBytes bounds stored error texts and progress notes.
const maxMessageBytes = 2 << 10

// message is what users may read of err: our own words, never a library's.
func message(err error) string { return Clip(fault.Message(err)) }

// Clip cuts text to what a job row stores, at a character's border.
func Clip(text string) string { return clip(text, maxMessageBytes) }

func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	cut := limit
	for cut > 0 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return text[:cut]
}
