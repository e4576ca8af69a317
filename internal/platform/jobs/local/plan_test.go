package local_test

import (
	"strings"
	"testing"

	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/jobs/local"
)

// The statements that run at every tick, request or enqueue must not read the
// whole table.
func TestQueryPlans(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, local.Migrations())
	for name, test := range map[string]struct{ query, want string }{
		"claim": {
			"SELECT id FROM jobs WHERE state = 'queued' AND lane = 'l' AND kind IN ('k') AND run_at <= '2026' ORDER BY priority, run_at, id LIMIT 4",
			"INDEX jobs_due (lane=?)",
		},
		"waiting": {"SELECT id FROM jobs WHERE state = 'queued' AND lane = 'l' LIMIT 10", "INDEX jobs_due (lane=?)"},
		"unique":  {"SELECT id FROM jobs WHERE kind = 'k' AND unique_key = 'u'", "INDEX jobs_key"},
		"due":     {"SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND run_at <= '2026')", "INDEX jobs_due"},
		"lost":    {"SELECT id FROM jobs WHERE state = 'running' AND lease_until < '2026' LIMIT 1000", "INDEX jobs_running (lease_until<?)"},
		"cancels": {"SELECT id FROM jobs WHERE state = 'running' AND cancel_requested", "INDEX jobs_running"},
		"list":    {"SELECT * FROM jobs WHERE id < 'c' ORDER BY id DESC LIMIT 51", "INDEX sqlite_autoindex_jobs_1 (id<?)"},
		"old":     {"DELETE FROM jobs WHERE finished_at < '2026'", "INDEX jobs_finished (finished_at<?)"},
	} {
		var plan []struct {
			ID      int    `bun:"id"`
			Parent  int    `bun:"parent"`
			NotUsed int    `bun:"notused"`
			Detail  string `bun:"detail"`
		}
		if err := db.Reader().NewRaw("EXPLAIN QUERY PLAN "+test.query).Scan(t.Context(), &plan); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var details []string
		for _, step := range plan {
			details = append(details, step.Detail)
		}
		got := strings.Join(details, "; ")
		if !strings.Contains(got, test.want) || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("%s: plan = %q, want %q and no sorting", name, got, test.want)
		}
	}
}
