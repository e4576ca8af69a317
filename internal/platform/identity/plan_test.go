package identity_test

import (
	"strings"
	"testing"

	"granary/internal/platform/database/databasetest"
)

func TestRequestPathUsesIndices(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, sets...)
	for name, query := range map[string]string{
		"session by cookie": "SELECT * FROM identity_sessions s LEFT JOIN identity_users u ON u.id = s.user_id WHERE s.key_hash = 'x'",
		"sessions of user":  "SELECT * FROM identity_sessions s WHERE s.user_id = 'x' AND s.expires_at > 'y'",
		"expired sessions":  "DELETE FROM identity_sessions WHERE expires_at <= 'x'",
		"token by text":     "SELECT * FROM identity_tokens t LEFT JOIN identity_users u ON u.id = t.user_id WHERE t.secret_hash = 'x'",
		"tokens of user":    "SELECT * FROM identity_tokens t WHERE t.user_id = 'x' ORDER BY t.id DESC LIMIT 100",
		"user by address":   "SELECT * FROM identity_users u WHERE email_key = 'x'",
		"users by page":     "SELECT * FROM identity_users u WHERE email_key > 'x' ORDER BY email_key LIMIT 51",
		"trail by actor":    "SELECT * FROM identity_audit WHERE actor = 'x' ORDER BY seq DESC LIMIT 51",
		"trail by action":   "SELECT * FROM identity_audit WHERE action = 'x' ORDER BY seq DESC LIMIT 51",
	} {
		var steps []struct {
			ID, Parent, Notused int
			Detail              string
		}
		if err := db.Reader().NewRaw("EXPLAIN QUERY PLAN "+query).Scan(t.Context(), &steps); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, step := range steps {
			if strings.Contains(step.Detail, "SCAN") || strings.Contains(step.Detail, "TEMP B-TREE") {
				t.Errorf("%s: plan has %q, want only index searches", name, step.Detail)
			}
		}
		if len(steps) == 0 {
			t.Errorf("%s: no plan", name)
		}
	}
}
