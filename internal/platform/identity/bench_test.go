package identity_test

import (
	"log/slog"
	"testing"

	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/identity"
)

// BenchmarkSessionBySecret is what identity adds to each request of a signed-in
// browser.
func BenchmarkSessionBySecret(b *testing.B) {
	s := identity.New(databasetest.Open(b, sets...), identity.Config{Argon2: identity.Argon2{Time: 1, MemoryKiB: 8, Threads: 1}}, slog.New(slog.DiscardHandler))
	system := identity.With(b.Context(), identity.System())
	if _, err := s.CreateUser(system, identity.NewUser{Email: "ada@lab.example", Password: goodPassword}); err != nil {
		b.Fatalf("CreateUser: %v", err)
	}
	session, err := s.SignIn(b.Context(), "ada@lab.example", goodPassword, addr)
	if err != nil {
		b.Fatalf("SignIn: %v", err)
	}
	for b.Loop() {
		if _, err := s.SessionBySecret(b.Context(), session.Secret); err != nil {
			b.Fatalf("SessionBySecret: %v", err)
		}
	}
}

// BenchmarkSignIn is one sign-in at the default cost of a hash.
func BenchmarkSignIn(b *testing.B) {
	s := identity.New(databasetest.Open(b, sets...), identity.Config{LoginPerMinute: 1 << 20}, slog.New(slog.DiscardHandler))
	system := identity.With(b.Context(), identity.System())
	if _, err := s.CreateUser(system, identity.NewUser{Email: "ada@lab.example", Password: goodPassword}); err != nil {
		b.Fatalf("CreateUser: %v", err)
	}
	for _, email := range []string{"ada@lab.example", "nobody@lab.example"} {
		b.Run(email, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.SignIn(b.Context(), email, goodPassword, addr); (err == nil) != (email == "ada@lab.example") {
					b.Fatalf("SignIn(%s): %v", email, err)
				}
			}
		})
	}
}
