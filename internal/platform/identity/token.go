package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

const (
	// maxTokens bounds the tokens of one account, dead ones included until
	// deadTokenKept after their end.
	maxTokens     = 100
	deadTokenKept = 90 * 24 * time.Hour
	// defaultTokenLife and maxTokenLife bound how long a token is good for.
	defaultTokenLife = 90 * 24 * time.Hour
	maxTokenLife     = 366 * 24 * time.Hour
)

// Token is an API token. Its text is not kept, only its hash.
type Token struct {
	ID     string
	UserID string
	Name   string
	// Prefix is the beginning of the token's text, to recognise it.
	Prefix string
	// Secret is the token's text, known only in the answer of CreateToken.
	Secret string
	// Scopes limit the token; empty means all that the owner's role allows.
	Scopes    []string
	CreatedAt time.Time
	ExpiresAt time.Time
	// LastUsedAt is exact to a minute; zero when the token was never used.
	LastUsedAt time.Time
	// RevokedAt is zero while the token is not revoked.
	RevokedAt time.Time
}

type tokenRow struct {
	bun.BaseModel `bun:"table:identity_tokens,alias:t"`

	ID         string    `bun:"id,pk"`
	UserID     string    `bun:"user_id"`
	Name       string    `bun:"name"`
	Prefix     string    `bun:"prefix"`
	SecretHash string    `bun:"secret_hash"`
	Scopes     string    `bun:"scopes"`
	CreatedAt  time.Time `bun:"created_at"`
	ExpiresAt  time.Time `bun:"expires_at"`
	LastUsedAt time.Time `bun:"last_used_at,nullzero"`
	RevokedAt  time.Time `bun:"revoked_at,nullzero"`
	User       *userRow  `bun:"rel:belongs-to,join:user_id=id"`
}

func (r tokenRow) token() Token {
	return Token{
		ID: r.ID, UserID: r.UserID, Name: r.Name, Prefix: r.Prefix, Scopes: strings.Fields(r.Scopes),
		CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), LastUsedAt: r.LastUsedAt.UTC(), RevokedAt: r.RevokedAt.UTC(),
	}
}

// NewToken describes an API token to create.
type NewToken struct {
	// UserID is the owner. Defaults to the caller; only System may name another.
	UserID string
	// Name says what the token is for.
	Name string
	// Scopes are among ScopeRead, ScopeWrite and ScopeAdmin; empty means all.
	Scopes []string
	// ExpiresAt is at most 366 days away. Defaults to 90 days from now.
	ExpiresAt time.Time
}

func (n NewToken) checked(now time.Time) (NewToken, error) {
	n.Name = strings.TrimSpace(n.Name)
	if n.Name == "" || len(n.Name) > maxName || !printable(n.Name) {
		return NewToken{}, fault.New(fault.Invalid, "a token needs a printable name of at most %d bytes", maxName)
	}
	known := []string{ScopeRead, ScopeWrite, ScopeAdmin}
	for _, scope := range n.Scopes {
		if !slices.Contains(known, scope) {
			return NewToken{}, fault.New(fault.Invalid, "unknown scope %q: use %s", scope, strings.Join(known, ", "))
		}
	}
	n.Scopes = slices.Compact(slices.Sorted(slices.Values(n.Scopes)))
	if n.ExpiresAt.IsZero() {
		n.ExpiresAt = now.Add(defaultTokenLife)
	}
	n.ExpiresAt = stamp(n.ExpiresAt)
	if !n.ExpiresAt.After(now) || n.ExpiresAt.Sub(now) > maxTokenLife {
		return NewToken{}, fault.New(fault.Invalid, "a token must expire within 366 days from now")
	}
	return n, nil
}

// CreateToken creates an API token for the caller. A caller that came with a
// token cannot make another, so that a leaked one dies with its revocation.
// Errors: Invalid, Unauthenticated, Forbidden, NotFound, Conflict when the
// account has too many.
func (s *Service) CreateToken(ctx context.Context, n NewToken) (Token, error) {
	p, err := Require(ctx)
	if err != nil {
		return Token{}, err
	}
	if n.UserID == "" {
		n.UserID = p.UserID
	}
	if p.Method == MethodToken || (p.Method != MethodSystem && p.UserID != n.UserID) {
		return Token{}, fault.New(fault.Forbidden, "only a signed-in person can create a token, and only for themselves")
	}
	now := s.now()
	if n, err = n.checked(now); err != nil {
		return Token{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Token{}, fmt.Errorf("new token id: %w", err)
	}
	secret := newToken()
	row := tokenRow{
		ID: id.String(), UserID: n.UserID, Name: n.Name, Prefix: secret[:shownBytes], SecretHash: digest(secret),
		Scopes: strings.Join(n.Scopes, " "), CreatedAt: now, ExpiresAt: n.ExpiresAt,
	}
	err = s.change(ctx, func(ctx context.Context, tx database.Tx) error {
		if _, err := findUser(ctx, tx, "id = ?", row.UserID); err != nil {
			return err
		}
		if err := pruneTokens(ctx, tx, row.UserID, now); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("insert token: %w", err)
		}
		return s.audit.Record(ctx, tx, Entry{
			Action: "token_create", Object: "token:" + row.ID, Detail: map[string]any{"user": row.UserID, "scopes": n.Scopes},
		})
	})
	if err != nil {
		return Token{}, err
	}
	token := row.token()
	token.Secret = secret
	return token, nil
}

// pruneTokens forgets tokens long dead and refuses one too many.
func pruneTokens(ctx context.Context, tx database.Tx, userID string, now time.Time) error {
	long := now.Add(-deadTokenKept)
	_, err := tx.NewDelete().Table("identity_tokens").
		Where("user_id = ? AND (expires_at < ? OR revoked_at < ?)", userID, long, long).Exec(ctx)
	if err != nil {
		return fmt.Errorf("prune tokens: %w", err)
	}
	count, err := tx.NewSelect().Table("identity_tokens").Where("user_id = ?", userID).Count(ctx)
	if err != nil {
		return fmt.Errorf("count tokens: %w", err)
	}
	if count >= maxTokens {
		return fault.New(fault.Conflict, "the account has %d tokens already; dead ones leave after 90 days", maxTokens)
	}
	return nil
}

// Tokens lists the user's tokens, the newest first, for the user or an admin.
// Errors: Unauthenticated, Forbidden.
func (s *Service) Tokens(ctx context.Context, userID string) ([]Token, error) {
	if err := requireSelf(ctx, userID); err != nil {
		return nil, err
	}
	var rows []tokenRow
	err := s.db.Reader().NewSelect().Model(&rows).Where("t.user_id = ?", userID).
		Order("t.id DESC").Limit(maxTokens).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	tokens := make([]Token, len(rows))
	for i, row := range rows {
		tokens[i] = row.token()
	}
	return tokens, nil
}

// RevokeToken makes a token useless at once, for its owner or an admin; a
// revoked one stays so. Errors: Unauthenticated, NotFound, which is also the
// answer for somebody else's token.
func (s *Service) RevokeToken(ctx context.Context, id string) error {
	if _, err := Require(ctx); err != nil {
		return err
	}
	missing := fault.New(fault.NotFound, "token not found")
	if _, err := uuid.Parse(id); err != nil {
		return missing
	}
	return s.change(ctx, func(ctx context.Context, tx database.Tx) error {
		var row tokenRow
		err := tx.NewSelect().Model(&row).Where("t.id = ?", strings.ToLower(id)).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return missing
		}
		if err != nil {
			return fmt.Errorf("read token: %w", err)
		}
		if err := requireSelf(ctx, row.UserID); err != nil {
			return missing
		}
		if !row.RevokedAt.IsZero() {
			return nil
		}
		row.RevokedAt = s.now()
		if _, err := tx.NewUpdate().Model(&row).Column("revoked_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("revoke token: %w", err)
		}
		return s.audit.Record(ctx, tx, Entry{
			Action: "token_revoke", Object: "token:" + row.ID, Detail: map[string]any{"user": row.UserID},
		})
	})
}

// PrincipalByToken returns who a token's text speaks for. It costs one read,
// and once a minute a write of the last use. Errors: Unauthenticated.
func (s *Service) PrincipalByToken(ctx context.Context, secret string) (Principal, error) {
	refused := fault.New(fault.Unauthenticated, "the token is unknown, expired or revoked")
	if !wellFormedToken(secret) {
		return Principal{}, refused
	}
	var row tokenRow
	err := s.db.Reader().NewSelect().Model(&row).Relation("User").Where("t.secret_hash = ?", digest(secret)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, refused
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read token: %w", err)
	}
	now := s.now()
	if row.User == nil || row.User.Disabled || !row.RevokedAt.IsZero() || !now.Before(row.ExpiresAt) {
		return Principal{}, refused
	}
	if now.Sub(row.LastUsedAt) >= seenEvery {
		row.LastUsedAt = now
		s.touch(ctx, row.ID, func(ctx context.Context, tx database.Tx) error {
			_, err := tx.NewUpdate().Model(&row).Column("last_used_at").WherePK().
				Where("last_used_at IS NULL OR last_used_at < ?", now).Exec(ctx)
			return err
		})
	}
	p := row.User.user().Principal(MethodToken)
	p.Scopes = strings.Fields(row.Scopes)
	return p, nil
}
