package nachetimport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision"
)

// Source names an existing deployment. It is never written to.
type Source struct {
	// DatabaseURL is its PostgreSQL address; SQLAlchemy's schemes such as
	// postgresql+psycopg2:// are accepted.
	DatabaseURL string
	// Schema holds its tables, such as nachet_0.0.11. Defaults to the first
	// schema of the connection's search path.
	Schema string
	// ConnectionString reaches the Azure storage account of its containers.
	ConnectionString string
	// PipelineKey is the Fernet key of encrypted endpoints and keys; empty when
	// they are plain.
	PipelineKey string
}

// Target is where everything goes.
type Target struct {
	Vision *vision.Service
	Users  *identity.Service
}

// Options say how to import.
type Options struct {
	// DryRun reads everything but pictures' bytes and writes nothing. It cannot
	// see files that are there twice or are no pictures.
	DryRun bool
	// Log gets progress lines. Defaults to none.
	Log io.Writer
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// run is one import at work.
type run struct {
	opts     Options
	service  *vision.Service
	users    *identity.Service
	to       *vision.Importer
	from     *tables
	shelves  *shelves
	tally    *tally
	progress *progress
	now      time.Time // stands for times that the source does not know
	maxBytes int64
	failures atomic.Int64 // pictures in a row that could not be read

	accounts  map[string]string       // user of the source to account
	plans     map[string]*accountPlan // by account
	sets      map[string]*setPlan     // by set of the source
	seeds     map[string]vision.Seed  // by seed of the source
	pipelines map[string]pipelinePlan // by pipeline of the source
}

// Run brings over what the target does not hold yet. It may be repeated, and
// run again after it was cut off: the report then says what was already there.
// What changed in the source since it was imported is not brought over again.
//
// The report is there with an error too. Errors: *IncompleteError when the run
// came to its end but could not read everything; the context's when it was
// cancelled; anything else when a store failed.
func Run(ctx context.Context, source Source, target Target, opts Options) (Report, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	begun := opts.Now()
	r := &run{
		opts: opts, service: target.Vision, users: target.Users, tally: newTally(opts.DryRun),
		progress: &progress{w: opts.Log, now: opts.Now}, now: begun.UTC().Truncate(time.Microsecond),
		maxBytes: maxBytes(target.Vision.Gate()),
		accounts: map[string]string{}, plans: map[string]*accountPlan{}, sets: map[string]*setPlan{},
		seeds: map[string]vision.Seed{}, pipelines: map[string]pipelinePlan{},
	}
	err := r.all(identity.With(ctx, identity.System()), source)
	report := r.tally.report()
	report.Took = opts.Now().Sub(begun)
	if err != nil {
		return report, fmt.Errorf("import nachet: %w", err)
	}
	if n := report.Unread(); n > 0 {
		return report, &IncompleteError{Unread: n}
	}
	return report, nil
}

func (r *run) all(ctx context.Context, source Source) (err error) {
	if source.DatabaseURL == "" || source.ConnectionString == "" {
		return fault.New(fault.Invalid, "name the deployment's database and its storage account")
	}
	if r.to, err = r.service.Importer(ctx); err != nil {
		return err
	}
	if r.from, err = openTables(ctx, source.DatabaseURL, source.Schema); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.from.close(ctx)) }()
	owners, err := r.userIDs(ctx)
	if err != nil {
		return err
	}
	r.progress.say("listing the containers of %d users", len(owners))
	if r.shelves, err = openShelves(ctx, source.ConnectionString, owners, r.tally); err != nil {
		return err
	}
	r.progress.say("users, picture sets, seeds and pipelines")
	if err := r.importAccounts(ctx); err != nil {
		return err
	}
	if err := r.importSeeds(ctx); err != nil {
		return err
	}
	if err := r.importPipelines(ctx, source.PipelineKey); err != nil {
		return err
	}
	if err := r.importPictures(ctx); err != nil {
		return err
	}
	r.tally.settle(kindInferences, kindBoxes, kindGuesses, kindLabels)
	r.shelves.unused(r.tally)
	return nil
}

func (r *run) userIDs(ctx context.Context) (map[string]bool, error) {
	rows, err := r.from.users(ctx)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool, len(rows))
	for _, row := range rows {
		if id, ok := canonicalID(value(row.ID)); ok {
			ids[id] = true
		}
	}
	return ids, nil
}
