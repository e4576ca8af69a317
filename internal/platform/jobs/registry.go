package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"granary/internal/platform/database"
)

// DefaultQueue is where kinds without a queue of their own wait.
const DefaultQueue = "default"

// Policy is how jobs of one kind are treated. The zero value is usable.
type Policy struct {
	// Queue groups kinds that share slots. Defaults to DefaultQueue.
	Queue string
	// Concurrency, when set, gives the kind slots of its own: at most so many
	// run at once in one process, and they take none of the queue's.
	Concurrency int
	// MaxAttempts is after how many failed attempts the job fails. Defaults to 5.
	MaxAttempts int
	// Backoff is the pause after the n-th failed attempt, n from 1. Defaults
	// to 5 s doubling up to 15 min.
	Backoff func(attempt int) time.Duration
	// Timeout bounds one attempt. Defaults to 15 min.
	Timeout time.Duration
	// TimeoutFinal ends a job that ran past Timeout, whatever attempts are
	// left: what took so long once will again.
	TimeoutFinal bool
	// Priority orders due jobs. Defaults to Normal.
	Priority Priority
	// Device is what a job has to itself while it runs. Defaults to
	// DeviceNone. Kinds with a device never hold up those without.
	Device Device
	// OnFinal runs in the transaction that ends a job without its handler's
	// Commit: failed, timed out, lost, or cancelled, also while it waited. It
	// takes effect exactly once each time that a job ends so, in any process
	// that registered the kind; like a function of InTx it may be tried again.
	// While it returns an error the job does not end.
	OnFinal func(ctx context.Context, tx database.Tx, job Job) error
}

// Device is a kind of hardware that jobs do not share.
type Device uint8

// The devices.
const (
	// DeviceNone: the job needs none.
	DeviceNone Device = iota
	// DeviceGPU: one of Config.Devices.
	DeviceGPU
)

func (p Policy) withDefaults() Policy {
	p.Queue = cmp.Or(p.Queue, DefaultQueue)
	p.MaxAttempts = cmp.Or(p.MaxAttempts, 5)
	p.Timeout = cmp.Or(p.Timeout, 15*time.Minute)
	p.Priority = cmp.Or(p.Priority, Normal)
	if p.Backoff == nil {
		p.Backoff = func(attempt int) time.Duration {
			return min(5*time.Second<<min(attempt-1, 10), 15*time.Minute)
		}
	}
	return p
}

// lane names where the kind's jobs wait: a queue's name has no hyphen and a
// kind's begins with a letter, so that no lane can be taken for another.
func (p Policy) lane(kind string) string {
	switch {
	case p.Concurrency > 0:
		return p.Queue + "-" + kind
	case p.Device == DeviceGPU:
		return p.Queue + "-0gpu"
	}
	return p.Queue
}

// Names become SQL values, metric labels and, on PostgreSQL, River's queue
// names (at most 64 bytes), so the strictest grammar of those applies.
var nameGrammar = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

const (
	maxQueueName = 20
	minKindName  = 2
	maxKindName  = 40
)

type handler func(ctx context.Context, run *Run, args json.RawMessage) error

type entry struct {
	policy Policy
	handle handler
}

// Registry knows every job kind. It is filled while the program is put
// together and not changed once an engine was made from it.
type Registry struct {
	kinds     map[string]entry
	schedules []schedule
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry { return &Registry{kinds: map[string]entry{}} }

// Register adds the kind of T with its policy and handler. The handler must
// stand being run again after a crash at any point before run.Commit
// returned, and must return soon after ctx ends. Unknown JSON fields in
// stored arguments are ignored, so that a newer version's jobs survive a
// downgrade.
func Register[T Args](reg *Registry, policy Policy, fn func(ctx context.Context, run *Run, args T) error) error {
	var zero T
	return RegisterKind(reg, zero.Kind(), policy, fn)
}

// RegisterKind is Register for kinds that come from configuration: many share
// the type T, whose Kind depends on the value. The kind is not taken from the
// stored arguments, so T need not encode it.
func RegisterKind[T Args](
	reg *Registry, kind string, policy Policy, fn func(ctx context.Context, run *Run, args T) error,
) error {
	policy = policy.withDefaults()
	switch {
	case !nameGrammar.MatchString(kind) || len(kind) < minKindName || len(kind) > maxKindName:
		return fmt.Errorf("job kind %q: want snake_case of %d to %d bytes", kind, minKindName, maxKindName)
	case !nameGrammar.MatchString(policy.Queue) || len(policy.Queue) > maxQueueName:
		return fmt.Errorf("job kind %s: queue %q: want snake_case of at most %d bytes", kind, policy.Queue, maxQueueName)
	case policy.MaxAttempts < 1 || policy.Timeout < 0 || policy.Concurrency < 0:
		return fmt.Errorf("job kind %s: negative limit in its policy", kind)
	case policy.Device > DeviceGPU:
		return fmt.Errorf("job kind %s: unknown device %d", kind, policy.Device)
	case policy.Priority < Urgent || policy.Priority > Idle:
		return fmt.Errorf("job kind %s: priority %d is out of range", kind, policy.Priority)
	}
	if _, taken := reg.kinds[kind]; taken {
		return fmt.Errorf("job kind %s is registered twice", kind)
	}
	reg.kinds[kind] = entry{policy: policy, handle: func(ctx context.Context, run *Run, body json.RawMessage) error {
		var args T
		if err := json.Unmarshal(body, &args); err != nil {
			return Permanent(fmt.Errorf("decode arguments: %w", err))
		}
		return fn(ctx, run, args)
	}}
	return nil
}

// Policy returns a kind's policy with defaults applied.
func (r *Registry) Policy(kind string) (Policy, bool) {
	e, ok := r.kinds[kind]
	return e.policy, ok
}

// Kinds returns the registered kinds, sorted.
func (r *Registry) Kinds() []string { return slices.Sorted(maps.Keys(r.kinds)) }

// Final calls the OnFinal of the job's kind, if it has one. Engines call it in
// the transaction that ends the job, with the job as it then stands.
func (r *Registry) Final(ctx context.Context, tx database.Tx, job Job) error {
	policy := r.kinds[job.Kind].policy
	if policy.OnFinal == nil {
		return nil
	}
	if err := policy.OnFinal(ctx, tx, job); err != nil {
		return fmt.Errorf("end of %s job: %w", job.Kind, err)
	}
	return nil
}

// Lane is a line of jobs that share slots.
type Lane struct {
	Name, Queue string
	Device      Device
	Slots       int
	Kinds       []string
}

// Lanes returns the lanes that a process with this configuration works,
// sorted by name. A process without devices has no lane that needs one.
func (r *Registry) Lanes(cfg Config) []Lane {
	lanes := map[string]*Lane{}
	for _, kind := range r.Kinds() {
		policy := r.kinds[kind].policy
		if !cfg.works(policy.Queue) {
			continue
		}
		slots := cmp.Or(policy.Concurrency, cfg.QueueSlots[policy.Queue], cfg.Slots)
		if policy.Device == DeviceGPU {
			slots = min(cmp.Or(policy.Concurrency, cfg.QueueSlots[policy.Queue], len(cfg.Devices)), len(cfg.Devices))
		}
		if slots == 0 {
			continue
		}
		name := policy.lane(kind)
		if lanes[name] == nil {
			lanes[name] = &Lane{Name: name, Queue: policy.Queue, Device: policy.Device, Slots: slots}
		}
		lanes[name].Kinds = append(lanes[name].Kinds, kind)
	}
	sorted := make([]Lane, 0, len(lanes))
	for _, name := range slices.Sorted(maps.Keys(lanes)) {
		sorted = append(sorted, *lanes[name])
	}
	return sorted
}
