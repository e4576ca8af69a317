package identity

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/singleflight"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// Service is every operation on accounts, sessions, tokens and set-up. Safe
// for concurrent use, and several servers may share one PostgreSQL database;
// only the sign-in throttle is per server.
type Service struct {
	db       *database.DB
	cfg      Config
	logger   *slog.Logger
	audit    *Audit
	hasher   *hasher
	throttle *throttle
	refusals *refusals
	vouch    *vouch
	// touches folds the "last seen" writes of simultaneous requests into one.
	touches singleflight.Group
}

// New returns a service over a database that has Migrations applied.
func New(db *database.DB, cfg Config, logger *slog.Logger) *Service {
	cfg = cfg.withDefaults()
	return &Service{
		db:       db,
		cfg:      cfg,
		logger:   logger,
		audit:    &Audit{db: db, now: cfg.Now, requestID: cfg.RequestID},
		hasher:   newHasher(cfg.Argon2, cfg.HashSlots),
		throttle: newThrottle(cfg.LoginPerMinute),
		refusals: newRefusals(),
		vouch:    newVouch(cfg.Vouch, cfg.Now),
	}
}

// Audit returns the audit trail, for other services to record into.
func (s *Service) Audit() *Audit { return s.audit }

// now returns the time as it is stored: UTC, to the microsecond.
func (s *Service) now() time.Time { return stamp(s.cfg.Now()) }

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// requireAdmin refuses a caller that may not administer.
func requireAdmin(ctx context.Context) error {
	p, err := Require(ctx)
	if err != nil {
		return err
	}
	if !p.IsAdmin() || !p.Allows(ScopeAdmin) {
		return fault.New(fault.Forbidden, "this needs an administrator")
	}
	return nil
}

// requireSelf refuses a caller that is neither the given user nor an admin.
func requireSelf(ctx context.Context, userID string) error {
	p, err := Require(ctx)
	if err != nil {
		return err
	}
	if p.UserID == userID && userID != "" {
		return nil
	}
	return requireAdmin(ctx)
}

// change runs fn in a transaction that waits for its turn to write the audit
// trail before it reads anything, so that checks such as "is this the last
// admin" see every earlier change.
func (s *Service) change(ctx context.Context, fn func(ctx context.Context, tx database.Tx) error) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if err := s.audit.Reserve(ctx, tx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}
