package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

const (
	// maxSessions bounds the sessions of one account; a further sign-in ends
	// the one used longest ago.
	maxSessions = 50
	// seenEvery is how often a session's or token's last use is written.
	seenEvery = time.Minute
	// seenTimeout bounds how long a request waits for that write.
	seenTimeout = 2 * time.Second
)

// Session is one signed-in browser.
type Session struct {
	// ID names the session in lists; it opens nothing.
	ID string
	// Secret is the cookie's value, known only in the answer of SignIn.
	Secret     string
	User       User
	ClientAddr string
	CreatedAt  time.Time
	LastSeenAt time.Time
	// ExpiresAt is when it ends if it is not used; AbsoluteAt when it ends anyhow.
	ExpiresAt  time.Time
	AbsoluteAt time.Time
}

type sessionRow struct {
	bun.BaseModel `bun:"table:identity_sessions,alias:s"`

	KeyHash    string    `bun:"key_hash,pk"`
	ID         string    `bun:"id"`
	UserID     string    `bun:"user_id"`
	ClientAddr string    `bun:"client_addr"`
	CreatedAt  time.Time `bun:"created_at"`
	LastSeenAt time.Time `bun:"last_seen_at"`
	ExpiresAt  time.Time `bun:"expires_at"`
	AbsoluteAt time.Time `bun:"absolute_at"`
	User       *userRow  `bun:"rel:belongs-to,join:user_id=id"`
}

func (r sessionRow) session() Session {
	session := Session{
		ID: r.ID, ClientAddr: r.ClientAddr, CreatedAt: r.CreatedAt.UTC(), LastSeenAt: r.LastSeenAt.UTC(),
		ExpiresAt: r.ExpiresAt.UTC(), AbsoluteAt: r.AbsoluteAt.UTC(),
	}
	if r.User != nil {
		session.User = r.User.user()
	}
	return session
}

// pruneSessions removes what expired, everyone's, and makes room for one more
// session of the user, so that the table needs no other care.
func pruneSessions(ctx context.Context, tx database.Tx, userID string, now time.Time) error {
	if _, err := tx.NewDelete().Table("identity_sessions").Where("expires_at <= ?", now).Exec(ctx); err != nil {
		return fmt.Errorf("prune sessions: %w", err)
	}
	kept := tx.NewSelect().Table("identity_sessions").Column("key_hash").Where("user_id = ?", userID).
		Order("last_seen_at DESC", "key_hash").Limit(maxSessions - 1)
	_, err := tx.NewDelete().Table("identity_sessions").
		Where("user_id = ? AND key_hash NOT IN (?)", userID, kept).Exec(ctx)
	if err != nil {
		return fmt.Errorf("prune sessions: %w", err)
	}
	return nil
}

// SessionBySecret returns the live session whose cookie value is secret, of an
// enabled account. Errors: Unauthenticated. It costs one read by primary key,
// and once a minute a write of the last use.
func (s *Service) SessionBySecret(ctx context.Context, secret string) (Session, error) {
	ended := fault.New(fault.Unauthenticated, "the session has ended; sign in again")
	if len(secret) != base64SecretLen {
		return Session{}, ended
	}
	var row sessionRow
	err := s.db.Reader().NewSelect().Model(&row).Relation("User").Where("s.key_hash = ?", digest(secret)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, ended
	}
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	now := s.now()
	if row.User == nil || row.User.Disabled || !now.Before(row.ExpiresAt) {
		return Session{}, ended
	}
	// A short idle time needs finer steps than a minute.
	if now.Sub(row.LastSeenAt) >= min(seenEvery, s.cfg.SessionIdle/10) {
		row.LastSeenAt, row.ExpiresAt = now, s.idleEnd(now, row.AbsoluteAt.UTC())
		s.touch(ctx, row.KeyHash, func(ctx context.Context, tx database.Tx) error {
			_, err := tx.NewUpdate().Model(&row).Column("last_seen_at", "expires_at").
				WherePK().Where("last_seen_at < ?", now).Exec(ctx)
			return err
		})
	}
	return row.session(), nil
}

// touch writes a last use; simultaneous ones are folded. A use that cannot be
// written now is only logged: the request itself changed nothing.
func (s *Service) touch(ctx context.Context, key string, write func(ctx context.Context, tx database.Tx) error) {
	_, err, _ := s.touches.Do(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), seenTimeout)
		defer cancel()
		return nil, s.db.InTx(ctx, write)
	})
	if err != nil {
		s.logger.WarnContext(ctx, "last use not recorded", "error", err)
	}
}

// idleEnd is when a session used now ends if it is not used again.
func (s *Service) idleEnd(now, absolute time.Time) time.Time {
	if idle := now.Add(s.cfg.SessionIdle); idle.Before(absolute) {
		return idle
	}
	return absolute
}

// Sessions lists the user's live sessions, the latest used first, for the
// user or an admin. Errors: Unauthenticated, Forbidden.
func (s *Service) Sessions(ctx context.Context, userID string) ([]Session, error) {
	if err := requireSelf(ctx, userID); err != nil {
		return nil, err
	}
	var rows []sessionRow
	err := s.db.Reader().NewSelect().Model(&rows).Where("s.user_id = ? AND s.expires_at > ?", userID, s.now()).
		Order("s.last_seen_at DESC", "s.id").Limit(maxSessions).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	sessions := make([]Session, len(rows))
	for i, row := range rows {
		sessions[i] = row.session()
	}
	return sessions, nil
}

// SignOut ends the session whose cookie value is secret; a session that has
// ended already is no error.
func (s *Service) SignOut(ctx context.Context, secret string) error {
	return s.change(ctx, func(ctx context.Context, tx database.Tx) error {
		var row sessionRow
		err := tx.NewSelect().Model(&row).Where("s.key_hash = ?", digest(secret)).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read session: %w", err)
		}
		if _, err := tx.NewDelete().Model(&row).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete session: %w", err)
		}
		return s.audit.Record(ctx, tx, Entry{Actor: row.UserID, Action: "sign_out", Object: "session:" + row.ID})
	})
}

// SignOutEverywhere ends all sessions of the user, for the user or an admin.
// API tokens stay. Errors: Unauthenticated, Forbidden, NotFound.
func (s *Service) SignOutEverywhere(ctx context.Context, userID string) error {
	if err := requireSelf(ctx, userID); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context, tx database.Tx) error {
		if _, err := findUser(ctx, tx, "id = ?", userID); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, userID, ""); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, Entry{Action: "sign_out_everywhere", Object: "user:" + userID})
	})
}
