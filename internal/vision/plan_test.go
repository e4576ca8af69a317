package vision_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/identity"
	"granary/internal/vision"
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
	if strings.Contains(e.Query, "vision_") && !strings.HasPrefix(e.Query, "INSERT") && !slices.Contains(r.queries, e.Query) {
		r.queries = append(r.queries, e.Query)
	}
}

// TestRequestPathUsesIndices runs what doors and pages may ask for and looks
// at how the database would find the rows. On SQLite the reader's statements
// are seen, on PostgreSQL those in transactions too.
func TestRequestPathUsesIndices(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		seen := &recorder{}
		b.db.Reader().(*bun.DB).AddQueryHook(seen) //nolint:staticcheck // its successor gives a copy, and the service has this one
		b.everything(t)
		plan, least := sqlitePlan, 15
		if b.db.Pool() != nil {
			plan, least = postgresPlan, 35
		}
		if len(seen.queries) < least {
			t.Fatalf("recorded %d statements, want at least %d", len(seen.queries), least)
		}
		for _, query := range slices.Clone(seen.queries) {
			for _, step := range plan(t, b.db, query) {
				t.Errorf("%s\nreads all of a table that grows: %s", query, step)
			}
		}
	})
}

// growing are the tables that grow with what users do.
var growing = []string{
	"picture_sets", "pictures", "picture_seeds", "inferences", "boxes", "guesses", "feedback", "validations",
}

// sqlitePlan returns the steps that read a growing table without an index.
func sqlitePlan(t *testing.T, db *database.DB, query string) []string {
	t.Helper()
	var steps []struct {
		ID, Parent, Notused int
		Detail              string
	}
	must(t, db.Reader().NewRaw("EXPLAIN QUERY PLAN "+query).Scan(t.Context(), &steps))
	var bad []string
	for _, step := range steps {
		if strings.HasPrefix(step.Detail, "SCAN") && grows(query, strings.Fields(step.Detail)[1]) {
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
	must(t, db.InTx(t.Context(), func(ctx context.Context, tx database.Tx) error {
		if _, err := tx.NewRaw("SET LOCAL enable_seqscan = off").Exec(ctx); err != nil {
			return err
		}
		return tx.NewRaw("EXPLAIN (COSTS OFF) "+query).Scan(ctx, &steps)
	}))
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
	for _, table := range growing {
		if name == "vision_"+table || strings.Contains(plain, "vision_"+table+" AS "+name) {
			return true
		}
	}
	return false
}

// everything calls every operation that a request can.
func (b *bundle) everything(t *testing.T) {
	t.Helper()
	b.account(t, archiveEmail, identity.Member)
	set, err := b.CreateSet(b.owner, "folder")
	must(t, err)
	must(t, b.RenameSet(b.owner, set.ID, "renamed"))
	inference := b.classify(t, set.ID, left, right)
	_, err = b.Confirm(b.owner, inference.ID, []string{inference.Boxes[0].ID})
	must(t, err)
	_, err = b.Correct(b.owner, inference.ID, []vision.Correction{{BoxID: inference.Boxes[1].ID, SeedName: "Avena fatua", Rect: inference.Boxes[1].Rect()}})
	must(t, err)
	_, err = b.DrawBox(b.owner, inference.ID, "Avena fatua", vision.Rect{TopX: 1, TopY: 1, BottomX: 9, BottomY: 9})
	must(t, err)
	_, err = b.Undo(b.owner, inference.ID)
	must(t, err)
	_, err = b.LatestInference(b.owner, inference.PictureID)
	must(t, err)
	_, _, err = b.PictureBytes(b.owner, inference.PictureID)
	must(t, err)
	_, err = b.ClassifyPicture(b.owner, inference.PictureID, "fake")
	must(t, err)
	_, err = b.UploadPicture(b.owner, set.ID, "x.png", picture(t, 55))
	must(t, err)
	_, err = b.SetPictures(b.owner, set.ID, inference.PictureID, 10)
	must(t, err)
	_, err = b.Listings(b.owner, b.ownerID)
	must(t, err)
	batch, err := b.StartBatch(b.owner, "", 2)
	must(t, err)
	must(t, b.UploadBatch(b.owner, vision.BatchPicture{SessionID: batch.ID, SeedName: "Avena sativa", Data: picture(t, 56)}))
	must(t, b.RememberValidation(b.owner, "0f"))
	_, err = b.Classify(b.owner, vision.Classification{Pipeline: "fake", Data: picture(t, 57), Validated: true})
	wantError(t, "Classify of a picture that was not validated", err, vision.ErrNotValidated)
	_, err = b.HasValidated(b.owner, batch.ID)
	must(t, err)
	_, err = b.ResolveSet(b.owner, "renamed")
	must(t, err)
	_, err = b.Seeds(b.owner)
	must(t, err)
	_, err = b.Pipelines(b.owner)
	must(t, err)
	_, err = b.ModelVersions(b.owner)
	must(t, err)
	_, err = b.Owners(b.owner)
	must(t, err)
	must(t, b.Export(b.owner, vision.CSV, io.Discard))
	must(t, b.DeletePicture(b.owner, inference.PictureID))
	must(t, b.DeleteSetWithArchive(b.owner, batch.ID))
	must(t, b.DeleteSet(b.owner, set.ID))
}
