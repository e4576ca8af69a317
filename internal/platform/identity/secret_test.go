package identity

import (
	"strings"
	"testing"
)

func TestTokensAreDistinctAndWellFormed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		token := newToken()
		if seen[token] || !wellFormedToken(token) {
			t.Fatalf("newToken() = %q, repeated %t, well formed %t", token, seen[token], wellFormedToken(token))
		}
		seen[token] = true
	}
}

func FuzzWellFormedToken(f *testing.F) {
	token := newToken()
	for _, seed := range []string{token, token[:40], token + "a", strings.ToUpper(token), "gry_", "", "gry_" + strings.Repeat("a", 58), "gry_" + strings.Repeat("7", 58)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !wellFormedToken(text) {
			return
		}
		// A changed character must not go unnoticed.
		last := text[len(TokenPrefix)+1]
		other := byte('a')
		if last == other {
			other = 'b'
		}
		if changed := text[:len(TokenPrefix)+1] + string(other) + text[len(TokenPrefix)+2:]; wellFormedToken(changed) {
			t.Errorf("wellFormedToken(%q) and (%q) = true, want only one", text, changed)
		}
	})
}
