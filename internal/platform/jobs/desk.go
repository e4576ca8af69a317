package jobs

import (
	"context"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// Desk is the engine as a signed-in caller sees it: administrators see and
// steer every job, others those that work for them. A job of somebody else
// does not exist for them. The caller is the principal in the context.
type Desk struct{ engine Engine }

// NewDesk returns a desk for doors and pages.
func NewDesk(engine Engine) *Desk { return &Desk{engine: engine} }

// List returns the caller's jobs, all of them for an administrator.
func (d *Desk) List(ctx context.Context, filter Filter) (Page, error) {
	p, err := identity.Require(ctx)
	if err != nil {
		return Page{}, err
	}
	for _, state := range filter.States {
		if !state.Valid() {
			return Page{}, fault.New(fault.Invalid, "there is no job state %q", state)
		}
	}
	if !seesAll(p) {
		if p.UserID == "" || filter.Owner != "" && filter.Owner != p.UserID {
			return Page{Jobs: []Job{}}, nil
		}
		filter.Owner = p.UserID
	}
	page, err := d.engine.List(ctx, filter)
	if err != nil {
		return Page{}, err
	}
	for i := range page.Jobs {
		page.Jobs[i] = visible(p, page.Jobs[i])
	}
	return page, nil
}

// Get returns one job, or NotFound.
func (d *Desk) Get(ctx context.Context, id string) (Job, error) {
	p, err := identity.Require(ctx)
	if err != nil {
		return Job{}, err
	}
	job, err := d.engine.Get(ctx, id)
	if err != nil {
		return Job{}, err
	}
	if !seesAll(p) && (job.Owner == "" || job.Owner != p.UserID) {
		return Job{}, NoSuchJob()
	}
	return visible(p, job), nil
}

// Cancel is Engine.Cancel for a job that the caller may see; it returns the
// job as it stands then.
func (d *Desk) Cancel(ctx context.Context, id string) (Job, error) {
	return d.steer(ctx, id, d.engine.Cancel)
}

// Retry is Engine.Retry for a job that the caller may see; it returns the job
// as it stands then.
func (d *Desk) Retry(ctx context.Context, id string) (Job, error) {
	return d.steer(ctx, id, d.engine.Retry)
}

func (d *Desk) steer(ctx context.Context, id string, act func(context.Context, string) error) (Job, error) {
	if _, err := d.Get(ctx, id); err != nil {
		return Job{}, err
	}
	if err := act(ctx, id); err != nil {
		return Job{}, err
	}
	return d.Get(ctx, id)
}

// Stats returns the depths of all queues to an administrator; others get
// Forbidden.
func (d *Desk) Stats(ctx context.Context) ([]Depth, error) {
	p, err := identity.Require(ctx)
	if err != nil {
		return nil, err
	}
	if !seesAll(p) {
		return nil, fault.New(fault.Forbidden, "only an administrator sees the queues")
	}
	return d.engine.Stats(ctx)
}

func seesAll(p identity.Principal) bool { return p.IsAdmin() && p.Allows(identity.ScopeAdmin) }

// visible leaves out the arguments, which are the service's own affair,
// except for administrators.
func visible(p identity.Principal, job Job) Job {
	if !seesAll(p) {
		job.Args = nil
	}
	return job
}
