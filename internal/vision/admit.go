package vision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/uptrace/bun"

	"granary/internal/platform/identity"
)

// admit decides whether a session takes one more picture with this digest.
func (s *Service) admit(ctx context.Context, db bun.IDB, caller identity.Principal, set PictureSet, sum string) error {
	if err := permit(caller, manage, set.OwnerID); err != nil {
		return err
	}
	if set.Kind != BatchSet {
		return ErrNoSet
	}
	// Counted first: outside a transaction a repeat of this very picture may be
	// committed between the two looks, and must count as a repeat then.
	held, err := db.NewSelect().Model((*Picture)(nil)).Where("p.set_id = ? AND p.batch", set.ID).Count(ctx)
	if err != nil {
		return fmt.Errorf("count pictures: %w", err)
	}
	repeated, err := db.NewSelect().Model((*Picture)(nil)).
		Where("p.set_id = ? AND p.sha256 = ? AND p.batch", set.ID, sum).Exists(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("look for picture: %w", err)
	case repeated:
		return errRepeated
	case !s.now().Before(set.ExpiresAt):
		return ErrSessionOver
	case int64(held) >= set.ExpectedPictures:
		return ErrSessionFull
	}
	return nil
}

// digest returns the SHA-256 of data in lower-case hexadecimal.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
