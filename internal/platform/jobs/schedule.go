package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/uptrace/bun"

	"granary/internal/platform/database"
)

// schedule enqueues one kind of job again and again.
type schedule struct {
	name, timing string
	when         cron.Schedule
	args         Args
}

// Schedule has a job enqueued at every time that timing names, for as long as
// some process runs the kind's queue: at most one for each time whatever the
// number of processes, and one for all the times that passed while none ran.
// The name is lasting; under another timing the schedule starts anew. timing
// is five cron fields (minute, hour, day, month, weekday; in UTC unless
// CRON_TZ=… goes before), @hourly, @daily, @weekly, @monthly, or @every with a
// duration of whole seconds. The kind must be registered before.
func (r *Registry) Schedule(name, timing string, args Args) error {
	if !nameGrammar.MatchString(name) || len(name) > maxKindName {
		return fmt.Errorf("job schedule %q: want snake_case of at most %d bytes", name, maxKindName)
	}
	if _, ok := r.kinds[args.Kind()]; !ok {
		return fmt.Errorf("job schedule %s: kind %s is not registered", name, args.Kind())
	}
	when, err := cron.ParseStandard(timing)
	if err != nil {
		return fmt.Errorf("job schedule %s: %w", name, err)
	}
	if when.Next(time.Unix(0, 0)).IsZero() {
		return fmt.Errorf("job schedule %s: %q names no date", name, timing)
	}
	for _, s := range r.schedules {
		if s.name == name {
			return fmt.Errorf("job schedule %s is registered twice", name)
		}
	}
	r.schedules = append(r.schedules, schedule{name: name, timing: timing, when: when, args: args})
	return nil
}

// scheduleRow is what job_schedules remembers, the same on both databases.
type scheduleRow struct {
	bun.BaseModel `bun:"table:job_schedules"`

	Name   string    `bun:"name,pk"`
	Timing string    `bun:"timing"`
	NextAt time.Time `bun:"next_at"`
}

// RunSchedules enqueues what became due by now in the queues that cfg says
// are worked. Engines call it at every poll.
func (r *Registry) RunSchedules(ctx context.Context, db *database.DB, engine Engine, cfg Config) error {
	now := Stamp(cfg.Now()).UTC()
	for _, s := range r.schedules {
		if !cfg.works(r.kinds[s.args.Kind()].policy.Queue) {
			continue
		}
		known, err := loadSchedule(ctx, db.Reader(), s.name)
		if err != nil {
			return err
		}
		if known.Timing == s.timing && known.NextAt.After(now) {
			continue
		}
		if err := s.run(ctx, db, engine, now); err != nil {
			return fmt.Errorf("job schedule %s: %w", s.name, err)
		}
	}
	return nil
}

// run looks again in a transaction, as another process may have been faster,
// and enqueues and moves on in it. Those of one schedule take turns.
func (s schedule) run(ctx context.Context, db *database.DB, engine Engine, now time.Time) error {
	return db.InTurn(ctx, "job schedule "+s.name, func(ctx context.Context, tx database.Tx) error {
		known, err := loadSchedule(ctx, tx, s.name)
		if err != nil {
			return err
		}
		row := &scheduleRow{Name: s.name, Timing: s.timing, NextAt: Stamp(s.when.Next(now))}
		switch {
		case known.Timing != s.timing: // new, or changed: nothing is due yet
		case known.NextAt.After(now):
			return nil
		default:
			if _, err := engine.Enqueue(ctx, tx, s.args); err != nil {
				return err
			}
		}
		_, err = tx.NewInsert().Model(row).On("CONFLICT (name) DO UPDATE").
			Set("timing = EXCLUDED.timing, next_at = EXCLUDED.next_at").Exec(ctx)
		if err != nil {
			return fmt.Errorf("move on: %w", err)
		}
		return nil
	})
}

// loadSchedule returns the zero row for a schedule that was never run.
func loadSchedule(ctx context.Context, db bun.IDB, name string) (scheduleRow, error) {
	var row scheduleRow
	err := db.NewSelect().Model(&row).Where("name = ?", name).Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return scheduleRow{}, fmt.Errorf("load job schedule %s: %w", name, err)
	}
	return row, nil
}
