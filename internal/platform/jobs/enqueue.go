package jobs

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"granary/internal/platform/fault"
)

// MaxArgsBytes bounds the encoded arguments of one job; anything larger
// belongs in the blob store.
const MaxArgsBytes = 1 << 20

// maxKeyBytes bounds a unique key, which is part of an index.
const maxKeyBytes = 512

// Option changes how one job is enqueued.
type Option func(*Draft)

// At holds the job back until t. On PostgreSQL it may begin 5 s late.
func At(t time.Time) Option { return func(d *Draft) { d.RunAt = Stamp(t) } }

// WithPriority overrides the kind's priority; out of range is an Invalid error.
func WithPriority(p Priority) Option { return func(d *Draft) { d.Priority = p } }

// OwnedBy says for which user the job works, who may then watch, cancel and
// retry it.
func OwnedBy(userID string) Option { return func(d *Draft) { d.Owner = userID } }

// Draft is a checked job that an engine has yet to store.
type Draft struct {
	ID, Kind string
	// Queue is what users see; Lane is where the job waits for a slot.
	Queue, Lane string
	Owner       string
	// UniqueKey is empty for jobs of which any number may wait.
	UniqueKey   string
	Args        json.RawMessage
	Priority    Priority
	MaxAttempts int
	CreatedAt   time.Time
	RunAt       time.Time
}

// Draft checks and encodes a job of a registered kind as of now.
func (r *Registry) Draft(now time.Time, args Args, opts ...Option) (Draft, error) {
	kind := args.Kind()
	policy, ok := r.Policy(kind)
	if !ok {
		return Draft{}, fmt.Errorf("enqueue %s: kind is not registered", kind)
	}
	body, err := json.Marshal(args)
	if err != nil {
		return Draft{}, fmt.Errorf("enqueue %s: %w", kind, err)
	}
	if len(body) > MaxArgsBytes {
		return Draft{}, fault.New(fault.TooLarge, "the arguments of a %s job exceed %d bytes", kind, MaxArgsBytes)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Draft{}, fmt.Errorf("enqueue %s: %w", kind, err)
	}
	now = Stamp(now)
	draft := Draft{
		ID: id.String(), Kind: kind, Queue: policy.Queue, Lane: policy.lane(kind), Args: body,
		Priority: policy.Priority, MaxAttempts: policy.MaxAttempts, CreatedAt: now, RunAt: now,
	}
	if keyed, ok := args.(Keyed); ok {
		draft.UniqueKey = keyed.UniqueKey()
	}
	if len(draft.UniqueKey) > maxKeyBytes {
		return Draft{}, fault.New(fault.Invalid, "the key of a %s job exceeds %d bytes", kind, maxKeyBytes)
	}
	for _, opt := range opts {
		opt(&draft)
	}
	if draft.Priority < Urgent || draft.Priority > Idle {
		return Draft{}, fault.New(fault.Invalid, "a job's priority is %d to %d, got %d", Urgent, Idle, draft.Priority)
	}
	return draft, nil
}

// Stamp returns t as it is stored: UTC, in microseconds.
func Stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
