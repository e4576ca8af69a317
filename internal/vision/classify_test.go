package vision_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision"
	"granary/internal/vision/engine"
	"granary/internal/vision/pipeline"
)

func TestClassifyStoresPictureAndBoxesTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		set, err := b.CreateSet(b.owner, "trial-1")
		must(t, err)
		inference := b.classify(t, set.ID, left, right)
		got := map[string]any{}
		for _, box := range inference.Boxes {
			current, _ := box.Current()
			got[current.Label] = box.Rect()
		}
		if diff := cmp.Diff(map[string]any{"Ambrosia trifida": vision.Rect{TopX: 50, TopY: 40, BottomX: 90, BottomY: 72}}, got); diff != "" {
			t.Errorf("Classify boxes by label (-want +got):\n%s", diff)
		}
		stored, err := b.LatestInference(b.owner, inference.PictureID)
		must(t, err)
		if stored.ID != inference.ID || len(stored.Boxes) != 2 || stored.Boxes[1].ID != inference.Boxes[1].ID {
			t.Errorf("LatestInference = %s with %d boxes, want %s with the same two in order", stored.ID, len(stored.Boxes), inference.ID)
		}
		row, inSet, err := b.Picture(b.owner, inference.PictureID)
		must(t, err)
		if inSet.ID != set.ID || row.MediaType != "image/png" || row.Width != 100 {
			t.Errorf("Picture = %+v in set %s, want a PNG of width 100 in %s", row, inSet.ID, set.ID)
		}
		_, data, err := b.PictureBytes(b.owner, inference.PictureID)
		must(t, err)
		if string(data) != string(picture(t, 2)) {
			t.Error("PictureBytes differ from what was classified")
		}
		b.sound(t)
	})
}

func TestClassifyChoosesFolder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		mine, err := b.CreateSet(b.owner, "mine")
		must(t, err)
		theirs, err := b.CreateSet(b.other, "theirs")
		must(t, err)
		home, err := b.DefaultSet(b.owner)
		must(t, err)
		for folder, want := range map[string]string{
			mine.ID: mine.ID, "mine": mine.ID, vision.DefaultSetName: home.ID, "nowhere": home.ID, theirs.ID: home.ID, "theirs": home.ID,
		} {
			_, set, err := b.Picture(b.owner, b.classify(t, folder, left).PictureID)
			must(t, err)
			if set.ID != want {
				t.Errorf("Classify(folder %s) stored in %s, want %s", folder, set.Name, want)
			}
		}
	})
}

func TestFailedClassifyLeavesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		good := picture(t, 1)
		cancelled, cancel := context.WithCancel(b.owner)
		cancel()
		for name, tc := range map[string]struct {
			ctx   context.Context //nolint:containedctx // the caller of the case
			in    vision.Classification
			model error
		}{
			"model down":       {b.owner, vision.Classification{Pipeline: "fake", Data: good}, fault.New(fault.Unavailable, "model down")},
			"unknown pipeline": {b.owner, vision.Classification{Pipeline: "none", Data: good}, nil},
			"no picture":       {b.owner, vision.Classification{Pipeline: "fake"}, nil},
			"not a picture":    {b.owner, vision.Classification{Pipeline: "fake", Data: []byte("hello")}, nil},
			"client left":      {cancelled, vision.Classification{Pipeline: "fake", Data: good}, nil},
			"not validated":    {b.owner, vision.Classification{Pipeline: "fake", Data: good, Validated: true}, nil},
			"bad ratio":        {b.owner, vision.Classification{Pipeline: "fake", Data: good, Options: pipeline.Options{Width: -1, Height: 5}}, nil},
		} {
			b.model.answer(tc.model, []engine.Guess{{Label: "x", Score: 1}}, left)
			if _, err := b.Classify(tc.ctx, tc.in); err == nil {
				t.Errorf("Classify with %s succeeded, want an error", name)
			}
		}
		if got := b.pictures(t); got != 0 {
			t.Errorf("%d pictures after failed classifications, want 0", got)
		}
		b.sound(t)
	})
}

func TestClassifyOfOddAnswers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		if got := b.classify(t, "General"); len(got.Boxes) != 0 {
			t.Errorf("Classify of an empty picture found %d boxes, want 0", len(got.Boxes))
		}
		long := strings.Repeat("ü", 500)
		b.model.answer(nil, []engine.Guess{{Label: "Never seen before", Score: 0.5}, {Label: long, Score: 0.1}, {Label: "\x00 \n", Score: 0}}, left)
		inference, err := b.Classify(b.owner, vision.Classification{Pipeline: "fake", Data: picture(t, 9)})
		must(t, err)
		seeds, err := b.Seeds(b.owner)
		must(t, err)
		names := map[string]bool{}
		for _, s := range seeds {
			names[s.Name] = true
		}
		if !names["Never seen before"] || !names[vision.Unidentified] || len(inference.Boxes[0].Guesses) != 3 {
			t.Errorf("Classify kept %d guesses and the seeds %v, want 3 guesses and a seed for each label", len(inference.Boxes[0].Guesses), names)
		}
		b.sound(t)
	})
}

func TestOthersPicturesAreClosed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		inference := b.classify(t, "General", left)
		_, _, err := b.PictureBytes(b.other, inference.PictureID)
		wantError(t, "PictureBytes by another", err, vision.ErrNotOwner)
		_, err = b.Inference(b.other, inference.ID)
		wantError(t, "Inference by another", err, vision.ErrNotOwner)
		_, err = b.Confirm(b.other, inference.ID, []string{inference.Boxes[0].ID})
		wantError(t, "Confirm by another", err, vision.ErrNotOwner)
		_, err = b.Listings(b.other, b.ownerID)
		wantError(t, "Listings by another", err, vision.ErrNotOwner)
		wantError(t, "DeletePicture by another", b.DeletePicture(b.other, inference.PictureID), vision.ErrNotOwner)
		if err := b.SavePipelines(b.owner, nil, nil); !fault.Is(err, fault.Forbidden) {
			t.Errorf("SavePipelines by a member = %v, want forbidden", err)
		}
		entries, _, err := b.users.Audit().List(system(t), identity.AuditQuery{Action: "access"})
		must(t, err)
		if len(entries) != 3 { // picture, inference and user; the picture was asked for twice
			t.Errorf("audit trail has %d refusals, want 3: %+v", len(entries), entries)
		}
		if _, err := b.Retrain(b.owner); !fault.Is(err, fault.Forbidden) {
			t.Errorf("Retrain by a member = %v, want forbidden", err)
		}
	})
}

func TestPipelineSecretsAreSealed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		var stored string
		must(t, b.db.Reader().NewSelect().Table("vision_pipelines").Column("definition").Where("name = 'fake'").Scan(t.Context(), &stored))
		if strings.Contains(stored, "canary-key") || strings.Contains(stored, "model.example") {
			t.Errorf("stored definition shows a secret: %s", stored)
		}
		pipelines, err := b.Pipelines(t.Context())
		must(t, err)
		for _, m := range pipelines[0].Definition.Models {
			if m.APIKey != "" || m.Endpoint != "" {
				t.Errorf("Pipelines shows endpoint %q and key %q of %s, want none", m.Endpoint, m.APIKey, m.Name)
			}
		}
	})
}

func TestPipelineProgramsAreSealed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		own := pipeline.Definition{
			Name: "own",
			Models: []pipeline.Model{{Name: "finder", Engine: "worker", Process: &pipeline.Process{
				Command: []string{"/opt/canary/detect"}, Dir: "/opt/canary", Env: map[string]string{"HF_TOKEN": "canary-key"},
			}}},
			Steps: []pipeline.Step{{Kind: pipeline.StepDetect, Model: "finder"}},
		}
		if err := b.SavePipelines(b.owner, []pipeline.Definition{own}, nil); !fault.Is(err, fault.Forbidden) {
			t.Errorf("SavePipelines by a member = %v, want forbidden", err)
		}
		must(t, b.SavePipelines(system(t), []pipeline.Definition{own}, nil))
		var stored string
		must(t, b.db.Reader().NewSelect().Table("vision_pipelines").Column("definition").Where("name = 'own'").Scan(t.Context(), &stored))
		if strings.Contains(stored, "canary") {
			t.Errorf("stored definition shows a program: %s", stored)
		}
		pipelines, err := b.Pipelines(t.Context())
		must(t, err)
		for _, p := range pipelines {
			if p.Name == "own" && p.Definition.Models[0].Process != nil {
				t.Errorf("Pipelines shows the program %+v, want none", p.Definition.Models[0].Process)
			}
		}
	})
}

func TestPipelineIsReplacedWithoutRestart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		before := b.classify(t, "General", left)
		changed := definition("fake")
		changed.Models[1].Version = "3"
		must(t, b.SavePipelines(system(t), []pipeline.Definition{changed}, nil))
		after := b.classify(t, "General", left)
		if before.PipelineID != after.PipelineID || before.Models[1].Version != "2" || after.Models[1].Version != "3" {
			t.Errorf("pipeline %s version %s became %s version %s, want the same id and version 2 then 3",
				before.PipelineID, before.Models[1].Version, after.PipelineID, after.Models[1].Version)
		}
		must(t, b.RemovePipeline(system(t), "fake"))
		_, err := b.Classify(b.owner, vision.Classification{Pipeline: "fake", Data: picture(t, 3)})
		if !errors.Is(err, vision.ErrNoPipeline) {
			t.Errorf("Classify with a removed pipeline = %v, want %v", err, vision.ErrNoPipeline)
		}
	})
}
