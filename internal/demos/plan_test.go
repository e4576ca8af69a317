package demos_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"granary/internal/demos"
	"granary/internal/platform/database"
	"granary/internal/platform/identity"
)

// recorder keeps the text of every statement of the service's own.
type recorder struct {
	mu      sync.Mutex
	queries []string
}

func (r *recorder) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (r *recorder) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Contains(e.Query, "demos_") && !strings.HasPrefix(e.Query, "INSERT") && !slices.Contains(r.queries, e.Query) {
		r.queries = append(r.queries, e.Query)
	}
}

// TestRequestPathUsesIndices runs what the door and the pages may ask for and
// looks at how the database would find the rows. On SQLite the reader's
// statements are seen, on PostgreSQL those in transactions too.
func TestRequestPathUsesIndices(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		seen := &recorder{}
		b.db.Reader().(*bun.DB).AddQueryHook(seen) //nolint:staticcheck // its successor gives a copy, and the service has this one
		b.everything(t)
		plan, least := sqlitePlan, 15
		if b.db.Pool() != nil {
			plan, least = postgresPlan, 20
		}
		seen.mu.Lock()
		queries := slices.Clone(seen.queries)
		seen.mu.Unlock()
		if len(queries) < least {
			t.Fatalf("recorded %d statements, want at least %d", len(queries), least)
		}
		for _, query := range queries {
			for _, step := range plan(t, b.db, query) {
				t.Errorf("%s\nreads all of a table that grows: %s", query, step)
			}
		}
	})
}

// everything calls every operation that a request can.
func (b *bundle) everything(t *testing.T) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	b.run(t)
	one, two := b.start(t, "", "one", "two"), b.start(t, "fail", "two")
	b.await(t, one.ID, demos.Succeeded)
	b.await(t, two.ID, demos.Failed)
	ctx, endpoint := t.Context(), &b.app.Endpoints[0]
	steward := identity.With(ctx, identity.Principal{UserID: "steward", Role: identity.Steward})
	for _, filter := range []demos.TaskFilter{
		{}, {App: "echo"}, {State: demos.Failed}, {ExperimentID: "exp-"}, {App: "echo", State: demos.Failed, ExperimentID: "exp-"},
	} {
		filter.Limit = 1
		page, err := b.Tasks(steward, filter)
		must(err)
		filter.Cursor = page.Next
		if filter.Cursor == "" {
			filter.Cursor = "2100-01-01T00:00:00Z~a"
		}
		_, err = b.Tasks(steward, filter)
		must(err)
	}
	_, err := b.Published(steward, one.ID)
	must(err)
	_, err = b.Dataset(ctx, one.DatasetUID)
	must(err)
	_, err = b.Document(ctx, "zip", "one")
	must(err)
	_, err = b.Documents(ctx, one.ID)
	must(err)
	content, err := b.Result(ctx, b.app, endpoint, "exp-~one")
	must(err)
	must(content.Body.Close())
	_, err = b.Size(ctx, b.app)
	must(err)
	must(b.Cancel(ctx, two.ID))
	_, err = b.ByExperiment(ctx, "echo", "exp-fail")
	must(err)
	_, err = b.Delete(ctx, b.app, endpoint, "two", "", nil)
	must(err)
	_, err = b.Delete(ctx, b.app, endpoint, "two", "", nil) // by the tasks alone
	must(err)
	_, err = b.Clear(ctx, b.app, 1)
	must(err)
	b.exec(t, "UPDATE demos_tasks SET ended_at = '2020-01-01 00:00:00+00:00' WHERE id IN (?, ?)", one.ID, two.ID)
	cleared, err := b.Clear(ctx, b.app, 1)
	must(err)
	if cleared.Tasks != 2 || cleared.Results != 1 {
		t.Errorf("Clear = %+v, want both tasks and what was left of their results", cleared)
	}
}

// growing are the tables that grow with what users do.
var growing = []string{"tasks", "documents", "files"}

// sqlitePlan returns the steps that read a growing table without an index,
// and those that sort what a page is taken from.
func sqlitePlan(t *testing.T, db *database.DB, query string) []string {
	t.Helper()
	var steps []struct {
		ID, Parent, Notused int
		Detail              string
	}
	if err := db.Reader().NewRaw("EXPLAIN QUERY PLAN "+query).Scan(t.Context(), &steps); err != nil {
		t.Fatal(err)
	}
	var bad []string
	for _, step := range steps {
		scanned := strings.HasPrefix(step.Detail, "SCAN") && grows(query, strings.Fields(step.Detail)[1]) && !strings.Contains(step.Detail, "USING")
		sorted := step.Detail == "USE TEMP B-TREE FOR ORDER BY" && strings.Contains(query, "demos_tasks\" AS \"task\"")
		if scanned || sorted {
			bad = append(bad, step.Detail)
		}
	}
	return bad
}

// postgresPlan likewise. The tables of a test are too small for PostgreSQL to
// bother with an index, so reading all of one is made expensive.
func postgresPlan(t *testing.T, db *database.DB, query string) []string {
	t.Helper()
	var steps []string
	err := db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		if _, err := tx.NewRaw("SET LOCAL enable_seqscan = off").Exec(ctx); err != nil {
			return err
		}
		return tx.NewRaw("EXPLAIN (COSTS OFF) "+query).Scan(ctx, &steps)
	})
	if err != nil {
		t.Fatal(err)
	}
	var bad []string
	for _, step := range steps {
		if _, table, ok := strings.Cut(step, "Seq Scan on "); ok && grows(query, strings.Fields(table)[0]) {
			bad = append(bad, strings.TrimSpace(step))
		}
	}
	return bad
}

// grows reports whether a name in a plan, which may be an alias, is of a
// growing table.
func grows(query, name string) bool {
	plain := strings.ReplaceAll(query, `"`, "")
	return slices.ContainsFunc(growing, func(table string) bool {
		return name == "demos_"+table || strings.Contains(plain, "demos_"+table+" AS "+name)
	})
}
