package vision

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
)

// maxValidations bounds how many approved digests are remembered.
const maxValidations = 100_000

type validation struct {
	bun.BaseModel `bun:"table:vision_validations"`

	SHA256    string    `bun:"sha256,pk"`
	ExpiresAt time.Time `bun:"expires_at"`
}

// trimEvery is how many notes are taken between two looks at the bound, since a
// look walks over all that are kept.
const trimEvery = 256

// RememberValidation notes that a picture with this digest was approved.
// Notes expire, and the oldest make room beyond a bound.
func (s *Service) RememberValidation(ctx context.Context, sum string) error {
	now := s.now()
	note := validation{SHA256: sum, ExpiresAt: now.Add(s.cfg.ValidationExpiry)}
	trim := s.validations.Add(1)%trimEvery == 1 // the first after a start, too
	return s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if trim {
			if err := trimValidations(ctx, tx, now); err != nil {
				return err
			}
		}
		if _, err := tx.NewInsert().Model(&note).On("CONFLICT (sha256) DO UPDATE").
			Set("expires_at = EXCLUDED.expires_at").Exec(ctx); err != nil {
			return fmt.Errorf("remember validation: %w", err)
		}
		return nil
	})
}

// trimValidations drops what has expired and what is too much.
func trimValidations(ctx context.Context, tx database.Tx, now time.Time) error {
	if _, err := tx.NewDelete().Model((*validation)(nil)).Where("expires_at < ?", now).Exec(ctx); err != nil {
		return fmt.Errorf("drop expired validations: %w", err)
	}
	oldest := tx.NewSelect().Model((*validation)(nil)).Column("expires_at").
		Order("expires_at DESC").Limit(1).Offset(maxValidations)
	if _, err := tx.NewDelete().Model((*validation)(nil)).Where("expires_at <= (?)", oldest).Exec(ctx); err != nil {
		return fmt.Errorf("drop oldest validations: %w", err)
	}
	return nil
}

// requireValidation answers ErrNotValidated for a digest that is not noted.
func (s *Service) requireValidation(ctx context.Context, sum string) error {
	known, err := s.db.Reader().NewSelect().Model((*validation)(nil)).
		Where("sha256 = ? AND expires_at > ?", sum, s.now()).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for validation: %w", err)
	}
	if !known {
		return ErrNotValidated
	}
	return nil
}
