package vision_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"granary/internal/platform/identity"
	"granary/internal/vision"
	"granary/internal/vision/pipeline"
)

// TestAuditCatalogue does every deed that the trail must tell of.
func TestAuditCatalogue(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		ctx := system(t)
		b.account(t, archiveEmail, identity.Member)
		set, err := b.CreateSet(b.owner, "one")
		must(t, err)
		archived, err := b.CreateSet(b.owner, "two")
		must(t, err)
		single, err := b.UploadPicture(b.owner, set.ID, "x.png", picture(t, 1))
		must(t, err)
		before := b.trail(t)
		must(t, b.SavePipelines(ctx, []pipeline.Definition{definition("next")}, nil))
		must(t, b.SetDefaultPipeline(ctx, "fake"))
		must(t, b.RemovePipeline(ctx, "next"))
		_, err = b.Retrain(ctx)
		must(t, err)
		must(t, b.Export(b.owner, vision.CSV, &bytes.Buffer{}))
		must(t, b.DeletePicture(b.owner, single.ID))
		must(t, b.DeleteSet(b.owner, set.ID))
		must(t, b.DeleteSetWithArchive(b.owner, archived.ID))
		want := []string{
			"system pipeline_save pipeline:next", "system pipeline_default pipeline:fake", "system pipeline_remove pipeline:next",
			"system model_retrain model:granary-classifier", "owner export verified_boxes",
			"owner picture_delete picture:" + single.ID, "owner picture_set_delete picture_set:" + set.ID,
			"owner picture_set_archive picture_set:" + archived.ID, "owner picture_set_delete picture_set:" + archived.ID,
		}
		if diff := cmp.Diff(want, b.trail(t)[len(before):]); diff != "" {
			t.Errorf("audit trail (-want +got):\n%s", diff)
		}
		wantError(t, "DeleteSet of another's", b.DeleteSet(b.other, b.home(t).ID), vision.ErrNotOwner)
		report, err := b.users.Audit().VerifyChain(ctx)
		must(t, err)
		if !report.Sound() {
			t.Errorf("VerifyChain = %+v, want a sound chain", report)
		}
	})
}

func (b *bundle) home(t *testing.T) vision.PictureSet {
	t.Helper()
	set, err := b.DefaultSet(b.owner)
	must(t, err)
	return set
}

// trail returns the audit entries, oldest first, with the owner by name.
func (b *bundle) trail(t *testing.T) []string {
	t.Helper()
	entries, _, err := b.users.Audit().List(system(t), identity.AuditQuery{Limit: 500})
	must(t, err)
	lines := make([]string, len(entries))
	for i, e := range entries {
		actor := strings.ReplaceAll(e.Actor, b.ownerID, "owner")
		lines[len(entries)-1-i] = actor + " " + e.Action + " " + e.Object
	}
	return lines
}

// TestExportReadsPageByPage exports more boxes than are in memory at once.
func TestExportReadsPageByPage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		const boxes = 5001
		importer, err := b.Importer(system(t))
		must(t, err)
		seed := importer.Seed(uuid.NewString(), "Avena fatua")
		must(t, importer.AddSeeds(t.Context(), []vision.Seed{seed}))
		row, err := importer.Describe(vision.Picture{ID: uuid.NewString(), SetID: b.home(t).ID, UploadedAt: b.clock.Now()}, picture(t, 1))
		must(t, err)
		inference := vision.Inference{
			ID: uuid.NewString(), PictureID: row.ID, UserID: b.ownerID, PipelineName: "gone", Width: 100, Height: 80,
			CreatedAt: b.clock.Now(), UpdatedAt: b.clock.Now(),
		}
		for i := range boxes {
			box := vision.Box{
				ID: uuid.NewString(), InferenceID: inference.ID, Position: i / 2, BottomX: 10, BottomY: 10,
				Colour: `"#000000"`, OverlappingIndices: "[]", ReviewedAt: b.clock.Now(), UpdatedAt: b.clock.Now(),
			}
			guess := vision.Guess{ID: uuid.NewString(), BoxID: box.ID, SeedID: seed.ID, Label: seed.Name}
			box.VerifiedGuessID, box.TopGuessID, box.Guesses = guess.ID, guess.ID, []vision.Guess{guess}
			inference.Boxes = append(inference.Boxes, box)
		}
		_, err = importer.AddPicture(t.Context(), vision.ImportedPicture{
			Picture: row, Data: picture(t, 1), Said: vision.ImportedSayings{Inferences: []vision.Inference{inference}},
		})
		must(t, err)
		var table bytes.Buffer
		must(t, b.Export(b.owner, vision.CSV, &table))
		seen := map[string]bool{}
		for _, line := range strings.Split(table.String(), "\n")[1:] {
			if line != "" {
				seen[strings.Split(line, ",")[2]] = true
			}
		}
		if len(seen) != boxes || strings.Count(table.String(), "\n") != boxes+1 {
			t.Errorf("CSV has %d lines of %d boxes, want each of %d once", strings.Count(table.String(), "\n")-1, len(seen), boxes)
		}
	})
}
