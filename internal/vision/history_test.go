package vision_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"granary/internal/platform/identity"
	"granary/internal/vision"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		first := b.classify(t, "", left, right)
		second, err := b.ClassifyPicture(b.owner, first.PictureID, "fake")
		must(t, err)
		other := b.classify(t, "", left, left, right)

		inferences, err := b.PictureInferences(b.owner, first.PictureID)
		must(t, err)
		if len(inferences) != 2 || inferences[0].ID != second.ID || inferences[1].ID != first.ID || len(inferences[1].Models) != 2 {
			t.Errorf("PictureInferences = %+v, want the second one, then the first, with their models", inferences)
		}
		_, err = b.PictureInferences(b.other, first.PictureID)
		wantError(t, "PictureInferences of somebody else's picture", err, vision.ErrNotOwner)

		box := second.Boxes[0].ID
		_, err = b.Confirm(b.owner, second.ID, []string{box})
		must(t, err)
		_, err = b.Undo(b.owner, second.ID)
		must(t, err)
		_, err = b.MoveBox(b.owner, second.ID, box, vision.Rect{TopX: 1, TopY: 2, BottomX: 30, BottomY: 40})
		must(t, err)
		judgements, err := b.Judgements(b.owner, second.ID)
		must(t, err)
		want := []vision.Judgement{
			{BoxID: box, Action: "move", Who: "owner@lab.example"},
			{BoxID: box, Action: "confirm", Who: "owner@lab.example", Undone: true},
		}
		if diff := cmp.Diff(want, judgements, cmpopts.IgnoreFields(vision.Judgement{}, "At")); diff != "" {
			t.Errorf("Judgements (-want +got):\n%s", diff)
		}
		_, err = b.Judgements(b.other, second.ID)
		wantError(t, "Judgements on somebody else's picture", err, vision.ErrNotOwner)
		_, err = b.Judgements(b.owner, "none")
		wantError(t, "Judgements of no inference", err, vision.ErrNoInference)

		_, err = b.Confirm(b.owner, second.ID, []string{box})
		must(t, err)
		counts, err := b.BoxCounts(b.owner, inferences)
		must(t, err)
		if got := counts[second.ID]; got.Boxes != 2 || got.Reviewed != 1 {
			t.Errorf("BoxCounts = %+v, want 2 boxes of which 1 is reviewed", got)
		}

		page, err := b.PipelineInferences(b.owner, first.PipelineID, "", 2)
		must(t, err)
		rest, err := b.PipelineInferences(b.owner, first.PipelineID, page[len(page)-1].ID, 2)
		must(t, err)
		if got := ids(append(page, rest...)); !cmp.Equal(got, []string{other.ID, second.ID, first.ID}) {
			t.Errorf("PipelineInferences = %v, want all three, newest first", got)
		}
		theirs, err := b.PipelineInferences(b.other, first.PipelineID, "", 10)
		must(t, err)
		steward := identity.With(t.Context(), b.account(t, "steward@lab.example", identity.Steward))
		all, err := b.PipelineInferences(steward, first.PipelineID, "", 10)
		must(t, err)
		if len(theirs) != 0 || len(all) != 3 {
			t.Errorf("PipelineInferences for another member and a steward = %d and %d, want 0 and 3", len(theirs), len(all))
		}
	})
}

func ids(inferences []vision.Inference) []string {
	var out []string
	for i := range inferences {
		out = append(out, inferences[i].ID)
	}
	return out
}
