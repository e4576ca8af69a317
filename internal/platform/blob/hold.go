package blob

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"granary/internal/platform/database"
)

// holdFor is how long a hold outlives its last renewal, so that a holder that
// died does not keep doomed objects for ever; it is renewed five times as often.
const holdFor = 5 * time.Minute

type holdRow struct {
	bun.BaseModel `bun:"table:blob_holds,alias:blob_holds"`

	ID        string    `bun:"id,pk"`
	Reason    string    `bun:"reason"`
	ExpiresAt time.Time `bun:"expires_at"`
}

// Hold keeps every sweeper, on any server, from removing doomed objects.
type Hold struct {
	store  *Store
	id     string
	cancel context.CancelFunc
	done   sync.WaitGroup
	failed error
}

// Hold begins a hold: what a database snapshot taken after it sees alive stays
// readable in the bucket until Release. Doomed rows wait meanwhile.
func (s *Store) Hold(ctx context.Context, reason string) (*Hold, error) {
	h := holdRow{ID: uuid.NewString(), Reason: reason, ExpiresAt: s.now().Add(holdFor)}
	err := s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		// Those of dead holders go with the next one that comes.
		if _, err := tx.NewDelete().Model((*holdRow)(nil)).Where("expires_at <= ?", s.now()).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&h).Exec(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("hold blobs: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	hold := &Hold{store: s, id: h.ID, cancel: cancel}
	hold.done.Go(func() { hold.failed = hold.renew(ctx, h.ExpiresAt) })
	return hold, nil
}

// renew goes on over failures that are shorter than the hold itself.
func (h *Hold) renew(ctx context.Context, expires time.Time) error {
	ticker := time.NewTicker(holdFor / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		next := h.store.now().Add(holdFor)
		lapsed := false
		err := h.store.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
			result, err := tx.NewUpdate().Model((*holdRow)(nil)).
				Set("expires_at = ?", next).Where("id = ?", h.id).Exec(ctx)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			lapsed = err == nil && n == 0
			return err
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case lapsed || err != nil && !h.store.now().Before(expires):
			return errors.Join(errors.New("the hold on blobs could not be renewed in time"), err)
		case err == nil:
			expires = next
		}
	}
}

// Release ends the hold. An error says that it may have lapsed early.
func (h *Hold) Release(ctx context.Context) error {
	h.cancel()
	h.done.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), compensation)
	defer cancel()
	err := h.store.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewDelete().Model((*holdRow)(nil)).Where("id = ?", h.id).Exec(ctx)
		return err
	})
	return errors.Join(h.failed, err)
}
