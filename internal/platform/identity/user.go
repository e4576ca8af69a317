package identity

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// maxEmail is the longest e-mail address that is kept (RFC 5321, 4.5.3.1.3),
// maxName the longest name, both in bytes.
const (
	maxEmail = 254
	maxName  = 200
)

// User is one account. An account without a password exists for a proxy's
// cookie, for API tokens or for a client that names its user id.
type User struct {
	ID          string
	Email       string
	DisplayName string
	Role        Role
	HasPassword bool
	Disabled    bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Principal returns the principal of the user who proved it by method.
func (u User) Principal(method string) Principal {
	return Principal{UserID: u.ID, Email: u.Email, Role: u.Role, Method: method}
}

type userRow struct {
	bun.BaseModel `bun:"table:identity_users,alias:u"`

	ID           string    `bun:"id,pk"`
	Email        string    `bun:"email"`
	EmailKey     string    `bun:"email_key"`
	DisplayName  string    `bun:"display_name"`
	Role         Role      `bun:"role"`
	PasswordHash string    `bun:"password_hash,nullzero"`
	Disabled     bool      `bun:"disabled"`
	CreatedAt    time.Time `bun:"created_at"`
	UpdatedAt    time.Time `bun:"updated_at"`
}

func (r userRow) user() User {
	return User{
		ID: r.ID, Email: r.Email, DisplayName: r.DisplayName, Role: r.Role, HasPassword: r.PasswordHash != "",
		Disabled: r.Disabled, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

// NewUser describes an account to create.
type NewUser struct {
	// ID is a UUID to use, for fixtures and imports. Defaults to a new version 7 one.
	ID string
	// Email must be unique, whatever its case.
	Email string
	// DisplayName defaults to the part of Email before the @.
	DisplayName string
	// Role defaults to Member.
	Role Role
	// Password is optional. Use Prepare before CreateUserTx when it is set.
	Password string

	passwordHash string
}

// Prepare checks n and hashes its password, which is too slow to do inside a
// transaction (about 0.1 s with the writer held). CreateUserTx takes the
// result. Errors: Invalid; Unavailable when too many hashes are waiting.
func (s *Service) Prepare(ctx context.Context, n NewUser) (NewUser, error) {
	n, err := n.checked()
	if err != nil || n.Password == "" {
		return n, err
	}
	if err := checkPassword(n.Password, n.Email); err != nil {
		return NewUser{}, err
	}
	if n.passwordHash, err = s.hasher.hash(ctx, n.Password); err != nil {
		return NewUser{}, err
	}
	n.Password = ""
	return n, nil
}

// checked returns n with its defaults applied, or an Invalid error.
func (n NewUser) checked() (NewUser, error) {
	if n.ID != "" {
		id, err := uuid.Parse(n.ID)
		if err != nil {
			return NewUser{}, fault.New(fault.Invalid, "user id %q is not a UUID", n.ID)
		}
		n.ID = id.String()
	}
	n.Email = strings.TrimSpace(n.Email)
	if err := checkEmail(n.Email); err != nil {
		return NewUser{}, err
	}
	n.DisplayName = strings.TrimSpace(n.DisplayName)
	if n.DisplayName == "" {
		n.DisplayName, _, _ = strings.Cut(n.Email, "@")
	}
	if len(n.DisplayName) > maxName || !printable(n.DisplayName) {
		return NewUser{}, fault.New(fault.Invalid, "the name must be printable and have at most %d bytes", maxName)
	}
	if n.Role == "" {
		n.Role = Member
	}
	if !n.Role.Valid() {
		return NewUser{}, fault.New(fault.Invalid, "unknown role %q: use member, steward or admin", n.Role)
	}
	return n, nil
}

// CreateUser creates an account for an admin. Errors: Invalid, Forbidden,
// Conflict when the e-mail or id is taken.
func (s *Service) CreateUser(ctx context.Context, n NewUser) (User, error) {
	if err := requireAdmin(ctx); err != nil {
		return User{}, err
	}
	n, err := s.Prepare(ctx, n)
	if err != nil {
		return User{}, err
	}
	var user User
	err = s.change(ctx, func(ctx context.Context, tx database.Tx) error {
		user, err = s.CreateUserTx(ctx, tx, n)
		return err
	})
	return user, err
}

// CreateUserTx creates an account inside the caller's transaction and records
// it; the caller has decided that this may happen. A NewUser with a password
// must come from Prepare. After a Conflict the transaction must be given up
// (PostgreSQL refuses any further query in it).
func (s *Service) CreateUserTx(ctx context.Context, tx database.Tx, n NewUser) (User, error) {
	if n.Password != "" {
		return User{}, errors.New("create user in a transaction: the password was not prepared")
	}
	n, err := n.checked()
	if err != nil {
		return User{}, err
	}
	if n.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return User{}, fmt.Errorf("new user id: %w", err)
		}
		n.ID = id.String()
	}
	now := s.now()
	row := userRow{
		ID: n.ID, Email: n.Email, EmailKey: emailKey(n.Email), DisplayName: n.DisplayName, Role: n.Role,
		PasswordHash: n.passwordHash, CreatedAt: now, UpdatedAt: now,
	}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		if database.IsUnique(err) {
			return User{}, fault.New(fault.Conflict, "an account with this e-mail address or id already exists")
		}
		return User{}, fmt.Errorf("insert user: %w", err)
	}
	err = s.audit.Record(ctx, tx, Entry{
		Action: "user_create", Object: "user:" + row.ID, Detail: map[string]any{"role": row.Role},
	})
	return row.user(), err
}

// UserByEmail returns the account with the address, whatever its case, also a
// disabled one. Errors: NotFound.
func (s *Service) UserByEmail(ctx context.Context, email string) (User, error) {
	row, err := findUser(ctx, s.db.Reader(), "email_key = ?", emailKey(email))
	return row.user(), err
}

// UserByID returns the account, also a disabled one. Errors: NotFound.
func (s *Service) UserByID(ctx context.Context, id string) (User, error) {
	row, err := findUser(ctx, s.db.Reader(), "id = ?", strings.ToLower(id))
	return row.user(), err
}

// UserByIDTx is UserByID inside the caller's transaction.
func (s *Service) UserByIDTx(ctx context.Context, tx database.Tx, id string) (User, error) {
	row, err := findUser(ctx, tx, "id = ?", strings.ToLower(id))
	return row.user(), err
}

func findUser(ctx context.Context, db bun.IDB, where string, arg any) (userRow, error) {
	var row userRow
	// A text with NUL or broken UTF-8 can name no row, and PostgreSQL would
	// answer it with an error.
	if text, ok := arg.(string); ok && (!utf8.ValidString(text) || strings.ContainsRune(text, 0)) {
		return userRow{}, fault.New(fault.NotFound, "user not found")
	}
	err := db.NewSelect().Model(&row).Where(where, arg).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return userRow{}, fault.New(fault.NotFound, "user not found")
	}
	if err != nil {
		return userRow{}, fmt.Errorf("read user: %w", err)
	}
	return row, nil
}

// Page asks for a part of a list.
type Page struct {
	// Cursor is what the previous part returned as next; empty for the first.
	Cursor string
	// Limit is how many to return, at most 500. Defaults to 50.
	Limit int
}

func (p Page) limit() int64 {
	if p.Limit <= 0 {
		return 50
	}
	return int64(min(p.Limit, 500))
}

// List returns accounts in the order of their addresses, for an admin, and
// the cursor of the next part, empty at the end.
func (s *Service) List(ctx context.Context, page Page) (users []User, next string, err error) {
	if err := requireAdmin(ctx); err != nil {
		return nil, "", err
	}
	after, err := base64.RawURLEncoding.DecodeString(page.Cursor)
	if err != nil || !utf8.Valid(after) || strings.ContainsRune(string(after), 0) {
		return nil, "", fault.New(fault.Invalid, "the cursor is not one of ours")
	}
	limit := page.limit()
	var rows []userRow
	err = s.db.Reader().NewSelect().Model(&rows).Where("email_key > ?", string(after)).
		Order("email_key").Limit(limit + 1).Scan(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("list users: %w", err)
	}
	if int64(len(rows)) > limit {
		rows = rows[:limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(rows[limit-1].EmailKey))
	}
	users = make([]User, len(rows))
	for i, row := range rows {
		users[i] = row.user()
	}
	return users, next, nil
}

// emailKey is what makes two spellings of an address the same account.
func emailKey(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// checkEmail is deliberately lenient: only a delivery could prove an address.
func checkEmail(email string) error {
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") ||
		len(email) > maxEmail || !printable(email) || strings.ContainsFunc(email, unicode.IsSpace) {
		return fault.New(fault.Invalid, "%q is not an e-mail address", auditText(email[:min(len(email), maxEmail)]))
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
