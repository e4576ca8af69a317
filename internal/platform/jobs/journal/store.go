package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/jobs"
)

// eventRow is an event as stored.
type eventRow struct {
	bun.BaseModel `bun:"table:job_events"`

	JobID   string    `bun:"job_id,pk"`
	Seq     int64     `bun:"seq,pk"`
	Attempt int       `bun:"attempt"`
	At      time.Time `bun:"at"`
	Type    Type      `bun:"type"`
	Payload string    `bun:"payload"`
}

// viewRow is a job's row of job_views.
type viewRow struct {
	bun.BaseModel `bun:"table:job_views"`

	JobID     string    `bun:"job_id,pk"`
	Attempt   int       `bun:"attempt"`
	Ended     bool      `bun:"ended"`
	LastSeq   int64     `bun:"last_seq"`
	Infos     string    `bun:"infos"`
	Warnings  string    `bun:"warnings"`
	Errors    string    `bun:"errors"`
	Bars      string    `bun:"bars"`
	UpdatedAt time.Time `bun:"updated_at"`
}

// page is a viewRow while a transaction works on it.
type page struct {
	row    viewRow
	view   View
	events []eventRow
}

// store writes what every record has waiting, in one transaction; whoever
// comes while it is under way finds his lines stored by his turn. last takes
// bars that are not due yet, too.
func (j *Journal) store(ctx context.Context, last bool) error {
	select {
	case j.turn <- struct{}{}:
		defer func() { <-j.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	batch := j.take(last)
	if len(batch) == 0 {
		return nil
	}
	err := j.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error { return j.write(ctx, tx, batch) })
	for _, t := range batch {
		if err != nil {
			t.putBack()
			j.mark(t.record)
			continue
		}
		t.stored()
		j.signal(t.record.jobID)
	}
	return err
}

// take empties the records, in the order in which they are stored. Ordered
// by id, so that two processes lock their rows in the same order.
func (j *Journal) take(last bool) []taken {
	now := j.cfg.Now()
	j.mu.Lock()
	dirty := j.dirty
	j.dirty = map[*record]struct{}{}
	j.mu.Unlock()
	var batch []taken
	for r := range dirty {
		t, ok, left := r.take(now, last, j.cfg.BarEvery)
		if ok {
			batch = append(batch, t)
		}
		if left {
			j.mark(r)
		}
	}
	slices.SortFunc(batch, func(a, b taken) int {
		return cmp.Or(cmp.Compare(a.record.jobID, b.record.jobID), cmp.Compare(a.record.attempt, b.record.attempt))
	})
	return batch
}

func (j *Journal) write(ctx context.Context, tx database.Tx, batch []taken) error {
	pages, err := load(ctx, tx, batch)
	if err != nil {
		return err
	}
	var events []eventRow
	var rows []viewRow
	for _, t := range batch {
		p := pages[t.record.jobID]
		if t.record.attempt < p.row.Attempt {
			continue // a lost attempt that does not know it yet
		}
		if err := p.add(t); err != nil {
			return err
		}
	}
	now := jobs.Stamp(j.cfg.Now())
	for i, t := range batch {
		if i > 0 && batch[i-1].record.jobID == t.record.jobID {
			continue
		}
		p := pages[t.record.jobID]
		p.row.UpdatedAt = now
		if err := p.encode(); err != nil {
			return err
		}
		rows = append(rows, p.row)
		for _, e := range p.events {
			if e.Seq > p.row.LastSeq-MaxEvents {
				events = append(events, e)
			}
		}
	}
	return save(ctx, tx, rows, events)
}

// load returns the pages of the batch's jobs, new ones where there is none.
func load(ctx context.Context, tx database.Tx, batch []taken) (map[string]*page, error) {
	ids := make([]string, len(batch))
	pages := map[string]*page{}
	for i, t := range batch {
		ids[i] = t.record.jobID
		pages[ids[i]] = &page{row: viewRow{JobID: ids[i], Ended: true}}
	}
	var rows []viewRow
	if err := tx.NewSelect().Model(&rows).Where("job_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load views: %w", err)
	}
	for _, row := range rows {
		view, err := row.view()
		if err != nil {
			return nil, err
		}
		pages[row.JobID] = &page{row: row, view: view}
	}
	return pages, nil
}

// add appends what an attempt said.
func (p *page) add(t taken) error {
	if t.open {
		if err := p.open(t.record); err != nil {
			return err
		}
	}
	p.row.LastSeq += t.lost
	for _, l := range t.lines {
		if err := p.append(t.record.attempt, l); err != nil {
			return err
		}
	}
	if t.moved {
		p.view.Bars = t.bars
	}
	return nil
}

// open begins an attempt: what the one before showed goes, and if nobody
// told of its end, it was lost.
func (p *page) open(r *record) error {
	if !p.row.Ended {
		lost := line{at: r.began, kind: Ended, payload: payload{Text: jobs.LostMessage, Outcome: OutcomeLost}}
		if err := p.append(p.row.Attempt, lost); err != nil {
			return err
		}
	}
	p.view, p.row.Attempt, p.row.Ended = View{}, r.attempt, false
	return p.append(r.attempt, line{at: r.began, kind: Started})
}

func (p *page) append(attempt int, l line) error {
	body, err := json.Marshal(l.payload)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	p.row.LastSeq++
	p.events = append(p.events, eventRow{
		JobID: p.row.JobID, Seq: p.row.LastSeq, Attempt: attempt, At: l.at, Type: l.kind, Payload: string(body),
	})
	switch l.kind {
	case Info:
		p.view.Infos = latest(p.view.Infos, l.payload.Text, MaxInfos)
	case Warning:
		p.view.Warnings = latest(p.view.Warnings, l.payload.Text, MaxWarnings)
	case Failure:
		p.view.Errors = latest(p.view.Errors, l.payload.Text, MaxErrors)
	case Ended:
		p.row.Ended = true
	}
	return nil
}

// latest appends text and keeps the last n.
func latest(texts []string, text string, n int) []string {
	texts = append(texts, clip(text))
	return texts[max(len(texts)-n, 0):]
}

// save writes both tables and drops the lines beyond the bound.
func save(ctx context.Context, tx database.Tx, rows []viewRow, events []eventRow) error {
	_, err := tx.NewInsert().Model(&rows).On(`CONFLICT (job_id) DO UPDATE`).
		Set("attempt = EXCLUDED.attempt, ended = EXCLUDED.ended, last_seq = EXCLUDED.last_seq, updated_at = EXCLUDED.updated_at").
		Set("infos = EXCLUDED.infos, warnings = EXCLUDED.warnings, errors = EXCLUDED.errors, bars = EXCLUDED.bars").Exec(ctx)
	if err != nil {
		return fmt.Errorf("store views: %w", err)
	}
	for part := range slices.Chunk(events, insertRows) {
		if _, err := tx.NewInsert().Model(&part).Exec(ctx); err != nil {
			return fmt.Errorf("store events: %w", err)
		}
	}
	for _, row := range rows {
		if row.LastSeq <= MaxEvents {
			continue
		}
		_, err := tx.NewDelete().Model((*eventRow)(nil)).Where("job_id = ? AND seq <= ?", row.JobID, row.LastSeq-MaxEvents).Exec(ctx)
		if err != nil {
			return fmt.Errorf("drop old events: %w", err)
		}
	}
	return nil
}

// insertRows bounds one statement: with lines of the greatest length it has
// half a megabyte.
const insertRows = 100

// encode writes the view into the row.
func (p *page) encode() error {
	var errs []error
	text := func(list any) string {
		body, err := json.Marshal(list)
		errs = append(errs, err)
		return string(body)
	}
	p.row.Infos, p.row.Warnings, p.row.Errors = text(p.view.Infos), text(p.view.Warnings), text(p.view.Errors)
	p.row.Bars = text(p.view.Bars)
	return errors.Join(errs...)
}
