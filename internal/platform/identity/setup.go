package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// setupLife is how long a set-up token is good for.
const setupLife = 24 * time.Hour

type setupRow struct {
	bun.BaseModel `bun:"table:identity_setup"`

	TokenHash string    `bun:"token_hash,pk"`
	CreatedAt time.Time `bun:"created_at"`
	ExpiresAt time.Time `bun:"expires_at"`
}

// HasAccounts reports whether anybody can sign in with a password. Until then
// a server has no business on a public address.
func (s *Service) HasAccounts(ctx context.Context) (bool, error) {
	return hasAccounts(ctx, s.db.Reader())
}

func hasAccounts(ctx context.Context, db bun.IDB) (bool, error) {
	exists, err := db.NewSelect().Model((*userRow)(nil)).Where("password_hash IS NOT NULL AND NOT disabled").Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for accounts: %w", err)
	}
	return exists, nil
}

// SetupLink returns a fresh one-time token for CompleteSetup, good for 24
// hours, which the server prints as a link on its own terminal. needed is
// false when somebody can sign in already. Tokens from earlier starts, or
// from another server on the same database, stay good until one is used.
func (s *Service) SetupLink(ctx context.Context) (token string, needed bool, err error) {
	now := s.now()
	err = s.change(ctx, func(ctx context.Context, tx database.Tx) error {
		done, err := hasAccounts(ctx, tx)
		if needed = !done; err != nil || done {
			return err
		}
		if _, err := tx.NewDelete().Model((*setupRow)(nil)).Where("expires_at <= ?", now).Exec(ctx); err != nil {
			return fmt.Errorf("prune set-up tokens: %w", err)
		}
		token = newSecret()
		row := setupRow{TokenHash: digest(token), CreatedAt: now, ExpiresAt: now.Add(setupLife)}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("insert set-up token: %w", err)
		}
		return nil
	})
	if err != nil || !needed {
		return "", false, err
	}
	return token, true, nil
}

// CheckSetup reports whether CompleteSetup would take the token, for the page
// that asks for a password. Errors: Forbidden.
func (s *Service) CheckSetup(ctx context.Context, token string) error {
	return checkSetup(ctx, s.db.Reader(), token, s.now())
}

func checkSetup(ctx context.Context, db bun.IDB, token string, now time.Time) error {
	exists, err := db.NewSelect().Model((*setupRow)(nil)).
		Where("token_hash = ? AND expires_at > ?", digest(token), now).Exists(ctx)
	if err != nil {
		return fmt.Errorf("read set-up token: %w", err)
	}
	if !exists {
		return fault.New(fault.Forbidden, "this set-up link was used or has expired; restart the server for a new one")
	}
	return nil
}

// CompleteSetup creates the first admin, or makes the account with this
// address the admin, and voids all set-up tokens: of any number of calls at
// once, one succeeds. Errors: Forbidden for a bad token or when an account
// can sign in already, Invalid.
func (s *Service) CompleteSetup(ctx context.Context, token, email, password string) (User, error) {
	// Before the costly hash, so that a stranger cannot keep the slots busy.
	if err := s.CheckSetup(ctx, token); err != nil {
		return User{}, err
	}
	n, err := s.Prepare(ctx, NewUser{Email: email, Role: Admin, Password: password})
	if err != nil {
		return User{}, err
	}
	if n.passwordHash == "" {
		return User{}, fault.New(fault.Invalid, "the administrator needs a password")
	}
	var user User
	err = s.change(ctx, func(ctx context.Context, tx database.Tx) error {
		if err := checkSetup(ctx, tx, token, s.now()); err != nil {
			return err
		}
		if done, err := hasAccounts(ctx, tx); err != nil || done {
			return errors.Join(err, fault.New(fault.Forbidden, "set-up is complete; sign in"))
		}
		if _, err := tx.NewDelete().Model((*setupRow)(nil)).Where("1 = 1").Exec(ctx); err != nil {
			return fmt.Errorf("void set-up tokens: %w", err)
		}
		var err error
		if user, err = s.firstAdmin(ctx, tx, n); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, Entry{Actor: user.ID, Action: "setup_complete", Object: "user:" + user.ID})
	})
	return user, err
}

// firstAdmin creates the account, or promotes one that a client or a command
// created before anybody could sign in.
func (s *Service) firstAdmin(ctx context.Context, tx database.Tx, n NewUser) (User, error) {
	row, err := findUser(ctx, tx, "email_key = ?", emailKey(n.Email))
	if fault.Is(err, fault.NotFound) {
		return s.CreateUserTx(ctx, tx, n)
	}
	if err != nil {
		return User{}, err
	}
	row.Role, row.PasswordHash, row.Disabled, row.UpdatedAt = Admin, n.passwordHash, false, s.now()
	if _, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
		return User{}, fmt.Errorf("promote user: %w", err)
	}
	return row.user(), nil
}
