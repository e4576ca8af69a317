package blob

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/database"
)

// sweepBatch is how many objects one round of a sweep removes.
const sweepBatch = 200

// leftoverRounds is how many sweeps pass between two walks over the whole
// bucket for temporary files; the first sweep makes one.
const leftoverRounds = 60

// Swept counts what one sweep removed.
type Swept struct {
	// Expired objects were pending and their writer is gone.
	Expired int
	// Removed objects were doomed, the expired ones among them.
	Removed int
	// Leftovers are temporary files of writers that died.
	Leftovers int
}

// Start sweeps once at once and then every SweepEvery, in the background,
// until Stop or the end of ctx. Errors are logged and the sweep tried again.
func (s *Store) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		return errors.New("blob store is started already")
	}
	ctx, s.cancel = context.WithCancel(ctx)
	s.stopped = make(chan struct{})
	go s.loop(ctx, s.stopped)
	return nil
}

// Stop ends the background sweep and waits for it. Idempotent.
func (s *Store) Stop() {
	s.mu.Lock()
	cancel, stopped := s.cancel, s.stopped
	s.mu.Unlock()
	if cancel == nil {
		return
	}
	cancel()
	<-stopped
	s.mu.Lock()
	if s.stopped == stopped {
		s.cancel, s.stopped = nil, nil
	}
	s.mu.Unlock()
}

func (s *Store) loop(ctx context.Context, stopped chan<- struct{}) {
	defer close(stopped)
	ticker := time.NewTicker(s.cfg.SweepEvery)
	defer ticker.Stop()
	for round := 0; ; round++ {
		swept, err := s.sweep(ctx, round%leftoverRounds == 0)
		if err != nil && ctx.Err() == nil {
			s.cfg.Logger.ErrorContext(ctx, "blob sweep", "error", err)
		}
		if swept != (Swept{}) {
			s.cfg.Logger.InfoContext(ctx, "blob sweep",
				"expired", swept.Expired, "removed", swept.Removed, "leftovers", swept.Leftovers)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Sweep removes pending objects whose writer is gone, doomed objects, and
// temporary files of dead writers. Idempotent and safe beside other servers.
// One object that cannot be removed does not keep the others.
func (s *Store) Sweep(ctx context.Context) (Swept, error) { return s.sweep(ctx, true) }

func (s *Store) sweep(ctx context.Context, leftovers bool) (Swept, error) {
	var swept Swept
	expireErr := s.expire(ctx, &swept)
	removeErr := s.remove(ctx, &swept)
	var scratchErr error
	if scratch, ok := s.bucket.(bucket.Scratch); ok && leftovers {
		for _, err := range scratch.Leftovers(ctx, true) {
			if err != nil {
				scratchErr = fmt.Errorf("remove leftovers: %w", err)
				break
			}
			swept.Leftovers++
		}
	}
	return swept, errors.Join(expireErr, removeErr, scratchErr)
}

// expire dooms what is pending although nobody can publish it any more. The
// update is conditional: a Publish that commits first wins, one that comes
// later finds nothing to publish.
func (s *Store) expire(ctx context.Context, swept *Swept) error {
	var pending []row
	err := s.unsettled(Pending).Model(&pending).Column("key", "writer", "created_at").Scan(ctx)
	if err != nil {
		return fmt.Errorf("list pending objects: %w", err)
	}
	deadline := s.now().Add(-s.cfg.Lease)
	dead := map[string]bool{}
	var expired []string
	for _, r := range pending {
		gone, known := dead[r.Writer]
		if !known {
			if gone, err = s.writers.dead(r.Writer); err != nil {
				return fmt.Errorf("look for writer: %w", err)
			}
			dead[r.Writer] = gone
		}
		if gone || r.CreatedAt.Before(deadline) {
			expired = append(expired, r.Key)
		}
	}
	for batch := range slices.Chunk(expired, doomBatch) {
		err := s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
			_, err := tx.NewUpdate().Model((*row)(nil)).Set("state = ?", Doomed).Set("keep_until = ?", s.late()).
				Where("key IN (?)", bun.List(batch)).Where("state = ?", Pending).Exec(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("expire %d objects: %w", len(batch), err)
		}
		swept.Expired += len(batch)
	}
	return s.writers.tidy()
}

// unsettled selects rows of a state other than live through their index.
func (s *Store) unsettled(state State) *bun.SelectQuery {
	return s.db.Reader().NewSelect().Where("state <> ?", Live).Where("state = ?", state)
}

func (s *Store) remove(ctx context.Context, swept *Swept) error {
	var failed error
	for after := ""; ; {
		var keys []string
		// One statement sees the doomed and the holds at one point in time, so
		// nothing that a holder's later snapshot saw alive can be among them.
		err := s.unsettled(Doomed).Model((*row)(nil)).Column("key").Where("key > ?", after).
			Where("NOT EXISTS (SELECT 1 FROM blob_holds WHERE expires_at > ?)", s.now()).
			Order("key").Limit(sweepBatch).Scan(ctx, &keys)
		if err != nil {
			return errors.Join(failed, fmt.Errorf("list doomed objects: %w", err))
		}
		if len(keys) == 0 {
			return failed
		}
		after = keys[len(keys)-1]
		gone := keys
		if err := s.bucket.Delete(ctx, keys...); err != nil {
			gone = nil
			for _, key := range keys {
				if err := s.bucket.Delete(ctx, key); err != nil {
					failed = errors.Join(failed, err)
					continue
				}
				gone = append(gone, key)
			}
		}
		if len(gone) == 0 {
			return failed // the bucket is down; the next sweep tries again
		}
		forgotten, err := s.forget(ctx, gone...)
		if err != nil {
			return errors.Join(failed, fmt.Errorf("forget removed objects: %w", err))
		}
		swept.Removed += forgotten
	}
}
