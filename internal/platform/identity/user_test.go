package identity_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

const goodPassword = "seeds on a quiet field"

var sets = []database.Migrations{identity.Migrations()}

// newService returns a service whose password hashes cost next to nothing.
func newService(t *testing.T, db *database.DB, cfg identity.Config) *identity.Service {
	t.Helper()
	cfg.Argon2 = identity.Argon2{Time: 1, MemoryKiB: 8, Threads: 1}
	return identity.New(db, cfg, slog.New(slog.DiscardHandler))
}

func asSystem(t *testing.T) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.System())
}

func as(t *testing.T, u identity.User) context.Context {
	t.Helper()
	return identity.With(t.Context(), u.Principal(identity.MethodSession))
}

func mustCreate(t *testing.T, s *identity.Service, n identity.NewUser) identity.User {
	t.Helper()
	user, err := s.CreateUser(asSystem(t), n)
	if err != nil {
		t.Fatalf("CreateUser(%s): %v", n.Email, err)
	}
	return user
}

func wantKind(t *testing.T, what string, err error, want fault.Kind) {
	t.Helper()
	if !fault.Is(err, want) {
		t.Errorf("%s = %v (kind %v), want kind %v", what, err, fault.Of(err), want)
	}
}

func TestCreateUser(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("x", 3600))
		s := newService(t, db, identity.Config{Now: func() time.Time { return now }})
		const id = "3B49FC8A-f2e5-43e0-96c0-f8ff07f2b4a9"
		got := mustCreate(t, s, identity.NewUser{ID: id, Email: " Ada@Lab.Example ", Role: identity.Steward, Password: goodPassword})
		want := identity.User{
			ID: "3b49fc8a-f2e5-43e0-96c0-f8ff07f2b4a9", Email: "Ada@Lab.Example", DisplayName: "Ada", Role: identity.Steward,
			HasPassword: true, CreatedAt: now.UTC().Truncate(time.Microsecond), UpdatedAt: now.UTC().Truncate(time.Microsecond),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("CreateUser (-want +got):\n%s", diff)
		}
		for _, find := range []func() (identity.User, error){
			func() (identity.User, error) { return s.UserByEmail(t.Context(), "ADA@lab.example") },
			func() (identity.User, error) { return s.UserByID(t.Context(), id) },
		} {
			found, err := find()
			if diff := cmp.Diff(want, found); err != nil || diff != "" {
				t.Errorf("found user: %v (-want +got):\n%s", err, diff)
			}
		}
		for _, tc := range []struct {
			name string
			user identity.NewUser
			kind fault.Kind
		}{
			{"same address in another case", identity.NewUser{Email: "ADA@LAB.EXAMPLE"}, fault.Conflict},
			{"same id", identity.NewUser{ID: id, Email: "b@lab.example"}, fault.Conflict},
			{"no address", identity.NewUser{}, fault.Invalid},
			{"two ats", identity.NewUser{Email: "a@b@c"}, fault.Invalid},
			{"space", identity.NewUser{Email: "a b@c"}, fault.Invalid},
			{"nul", identity.NewUser{Email: "a\x00@c"}, fault.Invalid},
			{"role", identity.NewUser{Email: "c@lab.example", Role: "owner"}, fault.Invalid},
			{"id is no uuid", identity.NewUser{Email: "c@lab.example", ID: "7"}, fault.Invalid},
			{"weak password", identity.NewUser{Email: "c@lab.example", Password: "password123"}, fault.Invalid},
		} {
			_, err := s.CreateUser(asSystem(t), tc.user)
			wantKind(t, "CreateUser: "+tc.name, err, tc.kind)
		}
		_, err := s.UserByEmail(t.Context(), "nobody\x00@x")
		wantKind(t, "UserByEmail(unknown)", err, fault.NotFound)
	})
}

func TestCreateUserTxVanishesWithItsTransaction(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := newService(t, db, identity.Config{})
		boom := fault.New(fault.Invalid, "boom")
		err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
			user, err := s.CreateUserTx(ctx, tx, identity.NewUser{Email: "gone@lab.example"})
			if err != nil {
				return err
			}
			if _, err := s.UserByIDTx(ctx, tx, user.ID); err != nil {
				return err
			}
			return boom
		})
		wantKind(t, "InTx", err, fault.Invalid)
		_, err = s.UserByEmail(t.Context(), "gone@lab.example")
		wantKind(t, "UserByEmail after rollback", err, fault.NotFound)
		if report, err := s.Audit().VerifyChain(t.Context()); err != nil || report.Entries != 0 {
			t.Errorf("VerifyChain after rollback = %+v, %v, want no entry", report, err)
		}
		err = db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
			_, err := s.CreateUserTx(ctx, tx, identity.NewUser{Email: "p@lab.example", Password: goodPassword})
			return err
		})
		if err == nil {
			t.Error("CreateUserTx with an unprepared password = nil, want an error")
		}
	})
}

func TestListPages(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := newService(t, db, identity.Config{})
		var want []string
		for i := range 7 {
			want = append(want, mustCreate(t, s, identity.NewUser{Email: fmt.Sprintf("u%d@lab.example", i)}).Email)
		}
		var got []string
		page := identity.Page{Limit: 3}
		for {
			users, next, err := s.List(asSystem(t), page)
			if err != nil {
				t.Fatalf("List: %v", err)
			}
			for _, u := range users {
				got = append(got, u.Email)
			}
			if page.Cursor = next; next == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		_, _, err := s.List(asSystem(t), identity.Page{Cursor: "!"})
		wantKind(t, "List with a foreign cursor", err, fault.Invalid)
	})
}

func TestManageNeedsAnAdmin(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := newService(t, db, identity.Config{})
		member := mustCreate(t, s, identity.NewUser{Email: "m@lab.example"})
		steward := mustCreate(t, s, identity.NewUser{Email: "s@lab.example", Role: identity.Steward})
		admin := mustCreate(t, s, identity.NewUser{Email: "a@lab.example", Role: identity.Admin})
		readOnly := admin.Principal(identity.MethodToken)
		readOnly.Scopes = []string{identity.ScopeRead}
		operations := map[string]func(ctx context.Context) error{
			"CreateUser": func(ctx context.Context) error {
				_, err := s.CreateUser(ctx, identity.NewUser{Email: "new@lab.example"})
				return err
			},
			"List":        func(ctx context.Context) error { _, _, err := s.List(ctx, identity.Page{}); return err },
			"Disable":     func(ctx context.Context) error { return s.Disable(ctx, member.ID) },
			"Enable":      func(ctx context.Context) error { return s.Enable(ctx, member.ID) },
			"SetRole":     func(ctx context.Context) error { return s.SetRole(ctx, member.ID, identity.Steward) },
			"SetPassword": func(ctx context.Context) error { return s.SetPassword(ctx, member.ID, goodPassword) },
		}
		for name, call := range operations {
			wantKind(t, name+" by nobody", call(t.Context()), fault.Unauthenticated)
			wantKind(t, name+" by a member", call(as(t, member)), fault.Forbidden)
			wantKind(t, name+" by a steward", call(as(t, steward)), fault.Forbidden)
			wantKind(t, name+" by an admin's read-only token", call(identity.With(t.Context(), readOnly)), fault.Forbidden)
			if err := call(as(t, admin)); err != nil {
				t.Errorf("%s by an admin = %v, want nil", name, err)
			}
		}
		wantKind(t, "Disable the last admin", s.Disable(as(t, admin), admin.ID), fault.Conflict)
		wantKind(t, "demote the last admin", s.SetRole(as(t, admin), admin.ID, identity.Member), fault.Conflict)
		got, err := s.UserByID(t.Context(), admin.ID)
		if diff := cmp.Diff(admin, got, cmpopts.IgnoreFields(identity.User{}, "UpdatedAt")); err != nil || diff != "" {
			t.Errorf("last admin after refusals: %v (-want +got):\n%s", err, diff)
		}
	})
}
