package vision_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/identity"
	"granary/internal/vision"
)

// summary is what matters of a box after feedback.
type summary struct {
	Label    string
	Verified bool
	Rejected bool
	Manual   bool
}

func summarise(inference vision.Inference) []summary {
	out := make([]summary, len(inference.Boxes))
	for i := range inference.Boxes {
		box := &inference.Boxes[i]
		current, _ := box.Current()
		out[i] = summary{current.Label, box.Verified(), box.Rejected, box.Manual}
	}
	return out
}

func TestFeedbackVerifiesAPicture(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		first := b.classify(t, "General", left, right)
		confirmed, err := b.Confirm(b.owner, first.ID, []string{first.Boxes[0].ID})
		must(t, err)
		want := []summary{{"Ambrosia trifida", true, false, false}, {"Ambrosia trifida", false, false, false}}
		if diff := cmp.Diff(want, summarise(confirmed)); diff != "" {
			t.Errorf("Confirm (-want +got):\n%s", diff)
		}
		if _, err := b.Confirm(b.owner, first.ID, []string{first.Boxes[0].ID}); err != nil {
			t.Errorf("Confirm again = %v, want no error", err)
		}
		_, err = b.Correct(b.owner, first.ID, []vision.Correction{{BoxID: first.Boxes[0].ID, Rect: first.Boxes[0].Rect()}})
		wantError(t, "Correct of a verified box", err, vision.ErrBoxVerified)
		done, err := b.Correct(b.owner, first.ID, []vision.Correction{
			{BoxID: first.Boxes[1].ID, Rect: first.Boxes[1].Rect(), Comment: "No Seed"},
			{SeedName: `"Zizania palustris"`, Rect: vision.Rect{TopX: 30, TopY: 40, BottomX: 5.5, BottomY: 2}},
		})
		must(t, err)
		want = []summary{{"Ambrosia trifida", true, false, false}, {"Ambrosia trifida", false, true, false}, {"Zizania palustris", true, false, true}}
		if diff := cmp.Diff(want, summarise(done)); diff != "" {
			t.Errorf("Correct (-want +got):\n%s", diff)
		}
		if got, want := done.Boxes[2].Rect(), (vision.Rect{TopX: 5.5, TopY: 2, BottomX: 30, BottomY: 40}); got != want {
			t.Errorf("drawn box = %v, want %v", got, want)
		}
		if !done.Verified || done.FeedbackUserID != b.ownerID {
			t.Errorf("inference verified %t by %q, want true by the owner", done.Verified, done.FeedbackUserID)
		}
		row, set, err := b.Picture(b.owner, first.PictureID)
		must(t, err)
		validated, err := b.HasValidated(b.owner, set.ID)
		must(t, err)
		if !row.Validated || !validated {
			t.Errorf("picture validated %t and set %t, want both", row.Validated, validated)
		}
		_, err = b.Confirm(b.owner, first.ID, []string{first.Boxes[1].ID})
		wantError(t, "Confirm on a verified inference", err, vision.ErrVerified)
		b.sound(t)
	})
}

func TestCorrectFindsTheSeed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		if _, err := b.ImportSeeds(b.owner, []string{"Brassica napus"}); err != nil {
			t.Fatal(err)
		}
		seeds, err := b.Seeds(b.owner)
		must(t, err)
		rect := vision.Rect{TopX: 1, TopY: 1, BottomX: 20.25, BottomY: 20.5}
		for name, tc := range map[string]struct {
			in      vision.Correction
			label   string
			guesses int
		}{
			"by id, not guessed":     {vision.Correction{SeedID: seeds[len(seeds)-1].ID, SeedName: "ignored"}, "Brassica napus", 3},
			"by name, guessed":       {vision.Correction{SeedName: "ambrosia  ARTEMISIIFOLIA"}, "Ambrosia artemisiifolia", 2},
			"by name, never seen":    {vision.Correction{SeedName: "Brand new"}, "Brand new", 3},
			"by name with number":    {vision.Correction{SeedName: "13 Ambrosia trifida"}, "Ambrosia trifida", 2},
			"in literal quote marks": {vision.Correction{SeedName: `"Quoted name"`}, "Quoted name", 3},
		} {
			inference := b.classify(t, "General", left)
			tc.in.BoxID, tc.in.Rect = inference.Boxes[0].ID, rect
			got, err := b.Correct(b.owner, inference.ID, []vision.Correction{tc.in})
			must(t, err)
			current, _ := got.Boxes[0].Current()
			if current.Label != tc.label || len(got.Boxes[0].Guesses) != tc.guesses || got.Boxes[0].Rect() != rect {
				t.Errorf("Correct %s = %q with %d guesses at %v, want %q with %d at %v", name,
					current.Label, len(got.Boxes[0].Guesses), got.Boxes[0].Rect(), tc.label, tc.guesses, rect)
			}
		}
		inference := b.classify(t, "General", left)
		_, err = b.Correct(b.owner, inference.ID, []vision.Correction{{BoxID: inference.Boxes[0].ID, SeedID: "none", Rect: rect}})
		wantError(t, "Correct with an unknown seed", err, vision.ErrNoSeed)
		_, err = b.Correct(b.owner, inference.ID, []vision.Correction{{BoxID: "none", Rect: rect}})
		wantError(t, "Correct of an unknown box", err, vision.ErrNoBox)
		_, err = b.Correct(b.owner, "none", nil)
		wantError(t, "Correct of an unknown inference", err, vision.ErrNoInference)
		b.sound(t)
	})
}

func TestUndoLeavesLaterJudgementsOfOthers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		first := b.classify(t, "General", left, right)
		reviewer := identity.With(t.Context(), b.account(t, "steward@lab.example", identity.Steward))
		box := first.Boxes[0]
		_, err := b.Correct(b.owner, first.ID, []vision.Correction{{BoxID: box.ID, Rect: box.Rect()}})
		must(t, err)
		_, err = b.ReopenBox(reviewer, first.ID, box.ID)
		must(t, err)
		_, err = b.Confirm(reviewer, first.ID, []string{box.ID})
		must(t, err)
		_, err = b.Undo(b.owner, first.ID)
		wantError(t, "Undo after another expert's judgement", err, vision.ErrJudgedSince)
		_, err = b.Undo(reviewer, first.ID)
		must(t, err)
		_, err = b.Undo(reviewer, first.ID)
		must(t, err)
		undone, err := b.Undo(b.owner, first.ID)
		must(t, err)
		if undone.Boxes[0].Reviewed() {
			t.Errorf("box = %+v after everybody's undo, want it unjudged", undone.Boxes[0])
		}
	})
}

func TestUndoPutsBackWhatWas(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		first := b.classify(t, "General", left)
		box := first.Boxes[0]
		_, err := b.Correct(b.owner, first.ID, []vision.Correction{{SeedName: "Drawn", Rect: vision.Rect{BottomX: 9, BottomY: 9}}})
		must(t, err)
		_, err = b.Correct(b.owner, first.ID, []vision.Correction{{BoxID: box.ID, Rect: vision.Rect{BottomX: 7, BottomY: 7}, Comment: "No Seed"}})
		must(t, err)
		undone, err := b.Undo(b.owner, first.ID)
		must(t, err)
		if undone.Verified || undone.Boxes[0].Rejected || undone.Boxes[0].Rect() != box.Rect() || undone.Boxes[0].Comment != "" {
			t.Errorf("Undo of a rejection left %+v, verified %t", undone.Boxes[0], undone.Verified)
		}
		row, _, err := b.Picture(b.owner, first.PictureID)
		must(t, err)
		if row.Validated {
			t.Error("picture is validated after Undo, want not")
		}
		undone, err = b.Undo(b.owner, first.ID)
		must(t, err)
		if len(undone.Boxes) != 1 {
			t.Errorf("Undo of a drawn box left %d boxes, want 1", len(undone.Boxes))
		}
		_, err = b.Undo(b.owner, first.ID)
		wantError(t, "Undo of nothing", err, vision.ErrNothingUndo)
		b.sound(t)
	})
}

func TestConcurrentFeedbackSettlesOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		for range 5 {
			inference := b.classify(t, "General", left, right)
			var wait sync.WaitGroup
			for _, box := range inference.Boxes {
				wait.Go(func() {
					if _, err := b.Confirm(b.owner, inference.ID, []string{box.ID}); err != nil {
						t.Errorf("Confirm(%s) = %v, want no error", box.ID, err)
					}
				})
			}
			wait.Wait()
			got, err := b.Inference(b.owner, inference.ID)
			must(t, err)
			if !got.Verified {
				t.Error("both boxes were confirmed at once and the inference is not verified")
			}
		}
		b.sound(t)
	})
}
