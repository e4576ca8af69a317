package identity

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// Disable closes an account: its sessions end, and its tokens and cookies
// are refused from now on. For an admin. Errors: Forbidden, NotFound,
// Conflict for the last enabled admin.
func (s *Service) Disable(ctx context.Context, id string) error {
	return s.alter(ctx, id, func(ctx context.Context, tx database.Tx, row *userRow) (*Entry, error) {
		if row.Disabled {
			return nil, nil
		}
		row.Disabled = true
		return &Entry{Action: "user_disable"}, endSessions(ctx, tx, row.ID, "")
	})
}

// Enable opens a disabled account again, for an admin. Errors: Forbidden, NotFound.
func (s *Service) Enable(ctx context.Context, id string) error {
	return s.alter(ctx, id, func(_ context.Context, _ database.Tx, row *userRow) (*Entry, error) {
		if !row.Disabled {
			return nil, nil
		}
		row.Disabled = false
		return &Entry{Action: "user_enable"}, nil
	})
}

// SetRole changes what an account may do, for an admin; it holds from the
// account's next request. Errors: Invalid, Forbidden, NotFound, Conflict for
// the last enabled admin.
func (s *Service) SetRole(ctx context.Context, id string, role Role) error {
	if !role.Valid() {
		return fault.New(fault.Invalid, "unknown role %q: use member, steward or admin", role)
	}
	return s.alter(ctx, id, func(_ context.Context, _ database.Tx, row *userRow) (*Entry, error) {
		if row.Role == role {
			return nil, nil
		}
		detail := map[string]any{"from": row.Role, "to": role}
		row.Role = role
		return &Entry{Action: "user_role", Detail: detail}, nil
	})
}

// SetPassword gives an account a new password, for an admin, and ends all
// its sessions. Errors: Invalid, Forbidden, NotFound.
func (s *Service) SetPassword(ctx context.Context, id, password string) error {
	if err := requireAdmin(ctx); err != nil {
		return err
	}
	user, err := s.UserByID(ctx, id)
	if err != nil {
		return err
	}
	if err := checkPassword(password, user.Email); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.alter(ctx, id, func(ctx context.Context, tx database.Tx, row *userRow) (*Entry, error) {
		row.PasswordHash = hash
		return &Entry{Action: "user_password"}, endSessions(ctx, tx, row.ID, "")
	})
}

// alter lets an admin change one account. fn changes the row and names what
// happened, or returns no entry when there is nothing to do.
func (s *Service) alter(ctx context.Context, id string,
	fn func(ctx context.Context, tx database.Tx, row *userRow) (*Entry, error),
) error {
	if err := requireAdmin(ctx); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context, tx database.Tx) error {
		row, err := findUser(ctx, tx, "id = ?", strings.ToLower(id))
		if err != nil {
			return err
		}
		wasAdmin := row.Role == Admin && !row.Disabled
		entry, err := fn(ctx, tx, &row)
		if err != nil || entry == nil {
			return err
		}
		row.UpdatedAt = s.now()
		if _, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("update user: %w", err)
		}
		if wasAdmin && (row.Role != Admin || row.Disabled) {
			if err := refuseNoAdmin(ctx, tx); err != nil {
				return err
			}
		}
		entry.Object = "user:" + row.ID
		return s.audit.Record(ctx, tx, *entry)
	})
}

// refuseNoAdmin keeps a house from locking itself out.
func refuseNoAdmin(ctx context.Context, db bun.IDB) error {
	left, err := db.NewSelect().Model((*userRow)(nil)).
		Where("role = ? AND NOT disabled", Admin).Exists(ctx)
	if err != nil {
		return fmt.Errorf("count admins: %w", err)
	}
	if !left {
		return fault.New(fault.Conflict, "this is the last administrator; make another one first")
	}
	return nil
}

// endSessions removes the user's sessions but the one with key hash keep.
func endSessions(ctx context.Context, db bun.IDB, userID, keep string) error {
	_, err := db.NewDelete().Table("identity_sessions").Where("user_id = ? AND key_hash <> ?", userID, keep).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}
