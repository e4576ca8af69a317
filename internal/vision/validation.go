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

// RememberValidation notes that a picture with this digest was approved.
// Notes expire, and the oldest make room beyond a bound.
func (s *Service) RememberValidation(ctx context.Context, sum string) error {
	now := s.now()
	note := validation{SHA256: sum, ExpiresAt: now.Add(s.cfg.ValidationExpiry)}
	return s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if _, err := tx.NewDelete().Model((*validation)(nil)).Where("expires_at < ?", now).Exec(ctx); err != nil {
			return fmt.Errorf("drop expired validations: %w", err)
		}
		oldest := tx.NewSelect().Model((*validation)(nil)).Column("sha256").
			Order("expires_at DESC").Limit(maxValidations).Offset(maxValidations - 1)
		if _, err := tx.NewDelete().Model((*validation)(nil)).Where("sha256 IN (?)", oldest).Exec(ctx); err != nil {
			return fmt.Errorf("drop oldest validations: %w", err)
		}
		if _, err := tx.NewInsert().Model(&note).On("CONFLICT (sha256) DO UPDATE").
			Set("expires_at = EXCLUDED.expires_at").Exec(ctx); err != nil {
			return fmt.Errorf("remember validation: %w", err)
		}
		return nil
	})
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
