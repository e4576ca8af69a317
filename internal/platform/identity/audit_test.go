package identity_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

func TestAuditCatalogue(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := newService(t, db, identity.Config{RequestID: func(context.Context) string { return "req-1" }})
		admin := mustCreate(t, s, identity.NewUser{Email: "root@lab.example", Role: identity.Admin})
		ctx := as(t, admin)
		user, err := s.CreateUser(ctx, identity.NewUser{Email: "ada@lab.example", Password: goodPassword})
		if err != nil {
			t.Fatalf("CreateUser: %v", err)
		}
		const canary = "canary-password"
		_, err = s.SignIn(t.Context(), canary, canary, addr)
		wantKind(t, "SignIn of a stranger", err, fault.Unauthenticated)
		session := mustSignIn(t, s, user.Email)
		token, err := s.CreateToken(as(t, user), identity.NewToken{Name: "laptop", Scopes: []string{identity.ScopeRead}})
		if err != nil {
			t.Fatalf("CreateToken: %v", err)
		}
		for name, err := range map[string]error{
			"RevokeToken": s.RevokeToken(as(t, user), token.ID),
			"SignOut":     s.SignOut(t.Context(), session.Secret),
			"Refused":     errors.Join(s.Refused(as(t, user), "GET /api/v1/users"), s.Refused(as(t, user), "GET /api/v1/users"), s.Refused(t.Context(), "GET /api/v1/users")),
		} {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for name, err := range map[string]error{
			"SetRole":           s.SetRole(ctx, user.ID, identity.Steward),
			"SetPassword":       s.SetPassword(ctx, user.ID, "another long passphrase"),
			"SignOutEverywhere": s.SignOutEverywhere(ctx, user.ID),
			"SetRole again":     s.SetRole(ctx, user.ID, identity.Steward), // changes nothing
		} {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := errors.Join(s.Disable(ctx, user.ID), s.Enable(ctx, user.ID)); err != nil {
			t.Fatalf("Disable, Enable: %v", err)
		}

		entries, next, err := s.Audit().List(asSystem(t), identity.AuditQuery{Limit: 100})
		if err != nil || next != 0 {
			t.Fatalf("List = next %d, %v", next, err)
		}
		got := map[string]int{}
		for _, e := range entries {
			got[strings.Join([]string{e.Actor, e.Action, e.Object, e.Outcome}, " ")]++
			if e.RequestID != "req-1" {
				t.Errorf("entry %d has request id %q, want req-1", e.Seq, e.RequestID)
			}
			text := fmt.Sprintf("%+v %s", e, e.Detail)
			for _, secret := range []string{canary, goodPassword, token.Secret, session.Secret} {
				if strings.Contains(text, secret) {
					t.Errorf("entry %d holds a secret: %s", e.Seq, text)
				}
			}
		}
		u, a := "user:"+user.ID, admin.ID
		want := map[string]int{
			"system user_create user:" + admin.ID + " ok":       1,
			a + " user_create " + u + " ok":                     1,
			"anonymous sign_in user:unknown failed":             1,
			user.ID + " sign_in session:" + session.ID + " ok":  1,
			user.ID + " token_create token:" + token.ID + " ok": 1,
			user.ID + " token_revoke token:" + token.ID + " ok": 1,
			user.ID + " sign_out session:" + session.ID + " ok": 1,
			user.ID + " access GET /api/v1/users refused":       1,
			a + " user_role " + u + " ok":                       1,
			a + " user_password " + u + " ok":                   1,
			a + " sign_out_everywhere " + u + " ok":             1,
			a + " user_disable " + u + " ok":                    1,
			a + " user_enable " + u + " ok":                     1,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("trail (-want +got):\n%s", diff)
		}
		if report, err := s.Audit().VerifyChain(t.Context()); err != nil || !report.Sound() || report.Entries != 13 {
			t.Errorf("VerifyChain = %+v, %v, want 13 sound entries", report, err)
		}
		_, _, err = s.Audit().List(as(t, user), identity.AuditQuery{})
		wantKind(t, "List by a steward", err, fault.Forbidden)
	})
}

func TestAuditListPagesAndFilters(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		audit := newService(t, db, identity.Config{}).Audit()
		for i := range 7 {
			entry := identity.Entry{Actor: fmt.Sprint(i % 2), Action: fmt.Sprint("a", i%3), Object: fmt.Sprint(i)}
			if err := audit.Write(t.Context(), entry); err != nil {
				t.Fatalf("Write: %v", err)
			}
		}
		walk := func(q identity.AuditQuery) (objects []string) {
			for {
				entries, next, err := audit.List(asSystem(t), q)
				if err != nil {
					t.Fatalf("List(%+v): %v", q, err)
				}
				for _, e := range entries {
					objects = append(objects, e.Object)
				}
				if q.Before = next; next == 0 {
					return objects
				}
			}
		}
		for _, tc := range []struct {
			query identity.AuditQuery
			want  []string
		}{
			{identity.AuditQuery{Limit: 3}, []string{"6", "5", "4", "3", "2", "1", "0"}},
			{identity.AuditQuery{Limit: 2, Actor: "1"}, []string{"5", "3", "1"}},
			{identity.AuditQuery{Limit: 7, Actor: "0", Action: "a0"}, []string{"6", "0"}},
		} {
			if diff := cmp.Diff(tc.want, walk(tc.query)); diff != "" {
				t.Errorf("List(%+v) (-want +got):\n%s", tc.query, diff)
			}
		}
	})
}

func TestVerifyChainFindsTampering(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sql  string
		want int64
	}{
		"changed entry":    {"UPDATE identity_audit SET actor = 'eve' WHERE seq = 3", 3},
		"changed detail":   {`UPDATE identity_audit SET detail = '{"n":9}' WHERE seq = 1`, 1},
		"changed time":     {"UPDATE identity_audit SET at = '2020-01-01 00:00:00+00:00' WHERE seq = 2", 2},
		"removed entry":    {"DELETE FROM identity_audit WHERE seq = 3", 3},
		"cut-off tail":     {"DELETE FROM identity_audit WHERE seq > 3", 4},
		"replaced hash":    {"UPDATE identity_audit SET hash = 'x' WHERE seq = 4", 4},
		"emptied":          {"DELETE FROM identity_audit", 1},
		"re-linked border": {"UPDATE identity_audit SET actor = actor || action, action = '' WHERE seq = 5", 5},
		"untouched":        {"UPDATE identity_audit SET actor = actor", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
				audit := newService(t, db, identity.Config{}).Audit()
				for i := range 5 {
					err := audit.Write(t.Context(), identity.Entry{Action: "a", Detail: map[string]any{"n": i}})
					if err != nil {
						t.Fatalf("Write: %v", err)
					}
				}
				err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
					_, err := tx.ExecContext(ctx, tc.sql)
					return err
				})
				if err != nil {
					t.Fatalf("%s: %v", tc.sql, err)
				}
				report, err := audit.VerifyChain(t.Context())
				if err != nil || report.BrokenAt != tc.want || report.Sound() != (tc.want == 0) {
					t.Errorf("VerifyChain = %+v, %v, want broken at %d", report, err, tc.want)
				}
			})
		})
	}
}

func TestConcurrentRecordsMakeOneChain(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := newService(t, db, identity.Config{})
		const writers, each = 6, 10
		errs := make(chan error, writers*each)
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for i := range each {
					if w%2 == 0 {
						errs <- s.Audit().Write(t.Context(), identity.Entry{Action: "write"})
						continue
					}
					// As another service does: rows first, then the entry.
					errs <- db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
						_, err := s.CreateUserTx(ctx, tx, identity.NewUser{Email: fmt.Sprintf("u%d.%d@lab.example", w, i)})
						return err
					})
				}
			})
		}
		group.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Errorf("concurrent record: %v", err)
			}
		}
		report, err := s.Audit().VerifyChain(t.Context())
		if err != nil || !report.Sound() || report.Entries != writers*each {
			t.Errorf("VerifyChain = %+v, %v, want %d sound entries", report, err, writers*each)
		}
	})
}

func TestRecordStoresHostileText(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) {
		audit := newService(t, db, identity.Config{}).Audit()
		entry := identity.Entry{Actor: "a\x00b", Action: "x", Object: "\xff" + strings.Repeat("é", 8<<10), Detail: map[string]any{"k": "\x00\u2028"}}
		if err := audit.Write(t.Context(), entry); err != nil {
			t.Fatalf("Write: %v", err)
		}
		if report, err := audit.VerifyChain(t.Context()); err != nil || !report.Sound() {
			t.Errorf("VerifyChain = %+v, %v, want sound", report, err)
		}
		err := audit.Write(t.Context(), identity.Entry{Action: "x", Detail: map[string]any{"k": strings.Repeat("x", 8<<10)}})
		if err == nil {
			t.Error("Write with a detail over 8 KiB = nil, want an error")
		}
	})
}
