// Package river is the jobs engine of any number of machines: River
// (riverqueue.com) on PostgreSQL. River owns waiting, claiming, due dates,
// notification and cancellation; the companion table jobs_river, one row per
// job, adds what River has no notion of: attempts with a renewed lease and a
// fencing number, progress, a key that admits one waiting job, more final
// states.
//
//	Enqueue ─► river_job + jobs_river, in the caller's transaction
//	   │ after its commit: notify
//	   ▼
//	River fetches ─► claim (fence+1, lease, slot) ─► Registry.Execute ─► finish (fence checked)
//	lease ran out ─► end: again, or lost
//
// River finishes a row by its id alone, whichever attempt asks. A lost
// attempt may still be running somewhere, so no river_job is ever run twice:
// for the next attempt the job gets a new one, and the old one goes. Every
// outcome is stored here, in one transaction with its companion row; the
// driver in claim.go keeps River's own bookkeeping out of it and lets River
// fetch no more than this process has slots for.
//
// Leases are measured by PostgreSQL's clock, so the machines' clocks do not
// matter.
package river

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	riverqueue "github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

var _ jobs.Engine = (*Engine)(nil)

var errNotPostgres = errors.New("the river job engine needs a PostgreSQL database")

// Engine implements jobs.Engine on PostgreSQL.
type Engine struct {
	db     *database.DB
	reg    *jobs.Registry
	cfg    jobs.Config
	driver *riverpgxv5.Driver
	client *riverqueue.Client[pgx.Tx]
	lanes  map[string]jobs.Lane // those that this process works

	slots    *jobs.Slots
	dividing sync.Mutex // held while a shared slot is claimed
	room     *jobs.Room
	bell     bell
	ends     ends

	stopping chan struct{}
	stopOnce sync.Once
	loop     sync.WaitGroup // the maintenance

	mu      sync.Mutex
	started bool
	live    map[*attempt]struct{}
	claims  map[int64]claim    // fetched, not yet handed to a worker
	settled map[int64]struct{} // outcomes that River need not store
}

// payload carries a job's encoded arguments through River.
type payload struct {
	kind string
	body json.RawMessage
}

func (p payload) Kind() string                     { return p.kind }
func (p payload) MarshalJSON() ([]byte, error)     { return p.body, nil }
func (p *payload) UnmarshalJSON(body []byte) error { p.body = append(p.body[:0], body...); return nil }

// New returns an engine on a migrated PostgreSQL database. It runs nothing
// before Start.
func New(db *database.DB, reg *jobs.Registry, cfg jobs.Config) (*Engine, error) {
	if db.Pool() == nil {
		return nil, errNotPostgres
	}
	cfg = cfg.WithDefaults()
	e := &Engine{
		db: db, reg: reg, cfg: cfg, driver: riverpgxv5.New(db.Pool()), lanes: map[string]jobs.Lane{},
		slots: jobs.NewSlots(cfg), room: jobs.NewRoom(cfg.MaxWaiting), stopping: make(chan struct{}),
		live: map[*attempt]struct{}{}, claims: map[int64]claim{}, settled: map[int64]struct{}{},
	}
	for _, lane := range reg.Lanes(cfg) {
		e.lanes[lane.Name] = lane
	}
	client, err := riverqueue.NewClient[pgx.Tx](claimingDriver{e.driver, e}, e.clientConfig())
	if err != nil {
		return nil, fmt.Errorf("river client: %w", err)
	}
	e.client = client
	return e, nil
}
