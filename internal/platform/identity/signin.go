package identity

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// maxAddr bounds a stored client address, in bytes.
const maxAddr = 64

// SignIn checks the password and starts a new session, whose Secret goes into
// the cookie (see StartSession). clientAddr is the browser's address, with or
// without a port. Errors: Unauthenticated, alike in text and time for an
// unknown address, a wrong password and a disabled account; RateLimited with
// RetryAfter after too many attempts; Unavailable when too many wait.
func (s *Service) SignIn(ctx context.Context, email, password, clientAddr string) (Session, error) {
	user, err := s.authenticate(ctx, email, password, clientAddr)
	if err != nil {
		return Session{}, err
	}
	now := s.now()
	id, err := uuid.NewV7()
	if err != nil {
		return Session{}, fmt.Errorf("new session id: %w", err)
	}
	secret := newSecret()
	row := sessionRow{
		KeyHash: digest(secret), ID: id.String(), UserID: user.ID, ClientAddr: shortAddr(clientAddr),
		CreatedAt: now, LastSeenAt: now, AbsoluteAt: now.Add(s.cfg.SessionAbsolute),
	}
	row.ExpiresAt = s.idleEnd(now, row.AbsoluteAt)
	err = s.change(ctx, func(ctx context.Context, tx database.Tx) error {
		current, err := findUser(ctx, tx, "id = ?", user.ID)
		if err != nil {
			return err
		}
		// The account may have changed while the password was being hashed.
		if current.Disabled || current.PasswordHash != user.PasswordHash {
			return errBadLogin()
		}
		user = current
		if err := pruneSessions(ctx, tx, user.ID, now); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("insert session: %w", err)
		}
		return s.audit.Record(ctx, tx, Entry{
			Actor: user.ID, Action: "sign_in", Object: "session:" + row.ID, Detail: map[string]any{"address": row.ClientAddr},
		})
	})
	if err != nil {
		return Session{}, err
	}
	row.User = &user
	session := row.session()
	session.Secret = secret
	return session, nil
}

func errBadLogin() error {
	return fault.New(fault.Unauthenticated, "the e-mail address or the password is wrong")
}

// authenticate checks a password under the throttle and records a failure.
func (s *Service) authenticate(ctx context.Context, email, password, clientAddr string) (userRow, error) {
	key := emailKey(email)
	if wait, newly := s.throttle.take(digest(key), clientAddr, s.now()); wait > 0 {
		refused := fault.New(fault.RateLimited, "too many sign-in attempts; wait %v", wait.Round(time.Second)).After(wait)
		if !newly {
			return userRow{}, refused
		}
		return userRow{}, s.loginFailed(ctx, key, clientAddr, OutcomeRefused, refused)
	}
	user, err := findUser(ctx, s.db.Reader(), "email_key = ?", key)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return userRow{}, err
	}
	stored := user.PasswordHash
	if len(password) > 4*maxPassword { // more bytes than any password has
		stored, password = "", ""
	}
	ok, err := s.hasher.verify(ctx, stored, password)
	if err != nil {
		return userRow{}, err
	}
	if !ok || user.Disabled {
		return userRow{}, s.loginFailed(ctx, key, clientAddr, OutcomeFailed, errBadLogin())
	}
	s.throttle.succeeded(digest(key), clientAddr)
	return user, nil
}

// loginFailed records the failure and returns answer. What was typed as an
// address is not kept: people type passwords there.
func (s *Service) loginFailed(ctx context.Context, key, clientAddr, outcome string, answer error) error {
	object := "user:unknown"
	if user, err := findUser(ctx, s.db.Reader(), "email_key = ?", key); err == nil {
		object = "user:" + user.ID
	}
	err := s.audit.Write(ctx, Entry{
		Actor: ActorAnonymous, Action: "sign_in", Object: object, Outcome: outcome,
		Detail: map[string]any{"address": shortAddr(clientAddr)},
	})
	if err != nil {
		return err
	}
	return answer
}

// ChangePassword replaces the caller's own password and ends every session of
// the account but the one whose cookie value is keepSecret (empty keeps none).
// It counts against the sign-in throttle. Errors: Unauthenticated when
// current is wrong, Invalid, RateLimited.
func (s *Service) ChangePassword(ctx context.Context, current, replacement, keepSecret, clientAddr string) error {
	p, err := Require(ctx)
	if err != nil {
		return err
	}
	if p.Method != MethodSession {
		return fault.New(fault.Forbidden, "only a signed-in person can change the password")
	}
	user, err := s.authenticate(ctx, p.Email, current, clientAddr)
	if err != nil {
		return err
	}
	if user.ID != p.UserID {
		return errBadLogin()
	}
	if err := checkPassword(replacement, user.Email); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, replacement)
	if err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context, tx database.Tx) error {
		result, err := tx.NewUpdate().Model((*userRow)(nil)).Set("password_hash = ?, updated_at = ?", hash, s.now()).
			Where("id = ? AND password_hash = ?", user.ID, user.PasswordHash).Exec(ctx)
		if err != nil {
			return fmt.Errorf("update password: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, fault.New(fault.Conflict, "the password was changed meanwhile"))
		}
		if err := endSessions(ctx, tx, user.ID, digest(keepSecret)); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, Entry{Action: "user_password", Object: "user:" + user.ID})
	})
}

// shortAddr is the client address without its port, bounded and storable.
func shortAddr(clientAddr string) string {
	text := auditText(clientAddr)
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	return strings.ToValidUTF8(text[:min(len(text), maxAddr)], "")
}
