package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs"
)

// Sweeping looks only at journals that nobody wrote to for sweepAge, sweepPart
// at a time.
const (
	sweepEvery = time.Hour
	sweepAge   = time.Hour
	sweepPart  = 200
)

// sweepLoop removes the journals of deleted jobs, at Start and every hour. The
// engines delete jobs by their retention and know nothing of journals.
func (j *Journal) sweepLoop(ctx context.Context, source Source) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		j.report(ctx, "remove the journals of deleted jobs", j.sweep(ctx, source))
		select {
		case <-j.stopping:
			return
		case <-ticker.C:
		}
	}
}

func (j *Journal) sweep(ctx context.Context, source Source) error {
	for after := ""; ; {
		var ids []string
		err := j.db.Reader().NewSelect().Model((*viewRow)(nil)).Column("job_id").
			Where("job_id > ? AND updated_at < ?", after, jobs.Stamp(j.cfg.Now().Add(-sweepAge))).
			OrderExpr("job_id").Limit(sweepPart).Scan(ctx, &ids)
		if err != nil {
			return fmt.Errorf("list journals: %w", err)
		}
		var gone []string
		for _, id := range ids {
			select {
			case <-j.stopping:
				return nil
			default:
			}
			_, err := source.Get(ctx, id)
			switch {
			case fault.Is(err, fault.NotFound):
				gone = append(gone, id)
			case err != nil:
				return err
			}
		}
		if err := j.remove(ctx, gone); err != nil {
			return err
		}
		if len(ids) < sweepPart {
			return nil
		}
		after = ids[len(ids)-1]
	}
}

func (j *Journal) remove(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	err := j.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		for _, model := range []any{(*eventRow)(nil), (*viewRow)(nil)} {
			if _, err := tx.NewDelete().Model(model).Where("job_id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove journals: %w", err)
	}
	for _, id := range ids {
		j.views.drop(id)
	}
	return nil
}
