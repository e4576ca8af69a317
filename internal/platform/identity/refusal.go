package identity

import (
	"context"
	"sync"
	"time"
)

const (
	// maxRefusals bounds how many refusals are remembered for folding.
	maxRefusals = 10_000
	// refusalEvery is how often the same refusal is written.
	refusalEvery = time.Minute
)

// refusals folds repeated refusals, so that a client in a loop cannot fill
// the trail or keep the disk busy.
type refusals struct {
	mu   sync.Mutex
	seen *recent[refusal]
}

type refusal struct {
	written time.Time
	folded  int
}

func newRefusals() *refusals { return &refusals{seen: newRecent[refusal](maxRefusals)} }

// due reports whether to write this refusal, and how many like it were not
// written since the last one.
func (r *refusals) due(key string, now time.Time) (folded int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry := r.seen.touch(key)
	if !entry.written.IsZero() && now.Sub(entry.written) < refusalEvery {
		entry.folded++
		return 0, false
	}
	folded = entry.folded
	*entry = refusal{written: now}
	return folded, true
}

// Refused records that the caller of ctx was not allowed to do something to
// object, which is best a route or a type with an id. The same refusal is
// written at most once a minute, with the number of those left out. Anonymous
// callers are not recorded: they were asked to sign in, not refused.
func (s *Service) Refused(ctx context.Context, object string) error {
	if _, ok := From(ctx); !ok {
		return nil
	}
	folded, ok := s.refusals.due(actor(ctx)+" "+object, s.now())
	if !ok {
		return nil
	}
	return s.audit.Write(ctx, Entry{
		Action: "access", Object: object, Outcome: OutcomeRefused, Detail: map[string]any{"folded": folded},
	})
}
