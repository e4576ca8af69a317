package vision_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/identity"
	"granary/internal/platform/jobs"
	"granary/internal/vision"
	"granary/internal/vision/engine"
	"granary/internal/vision/pipeline"
	"granary/internal/vision/synth"
)

// learn lets an expert name every box of a drawn picture and returns how many.
func (b *bundle) learn(t *testing.T, seed uint64) int {
	t.Helper()
	kinds := synth.Catalogue()
	scene := synth.Render(synth.Scene{Width: 640, Height: 480, Count: 12, Seed: seed, Species: []synth.Species{kinds[0], kinds[5], kinds[13]}})
	var file bytes.Buffer
	must(t, png.Encode(&file, scene.Image))
	inference, err := b.Classify(b.owner, vision.Classification{Pipeline: "own", Data: file.Bytes()})
	must(t, err)
	var corrections []vision.Correction
	for _, box := range inference.Boxes {
		name := ""
		for _, truth := range scene.Truth {
			x, y := (box.TopX+box.BottomX)/2, (box.TopY+box.BottomY)/2
			if x > truth.MinX && x < truth.MaxX && y > truth.MinY && y < truth.MaxY {
				name = truth.Species
			}
		}
		corrections = append(corrections, vision.Correction{BoxID: box.ID, SeedName: name, Rect: box.Rect()})
	}
	_, err = b.Correct(b.owner, inference.ID, corrections)
	must(t, err)
	return len(corrections)
}

func (b *bundle) ownPipeline(t *testing.T) {
	t.Helper()
	must(t, b.SavePipelines(system(t), []pipeline.Definition{{
		Name: "own",
		Models: []pipeline.Model{
			{Name: "granary-detector", Engine: "builtin", Task: engine.ObjectDetection},
			{Name: "granary-classifier", Engine: "builtin", Task: engine.Classification},
		},
		Steps: []pipeline.Step{
			{Kind: pipeline.StepDetect, Model: "granary-detector"},
			{Kind: pipeline.StepCrop},
			{Kind: pipeline.StepClassify, Model: "granary-classifier"},
		},
	}}, nil))
}

// finished waits until a job has ended.
func (b *bundle) finished(t *testing.T, id string) jobs.Job {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		job, err := b.jobs.Get(t.Context(), id)
		must(t, err)
		if job.State.Finished() {
			return job
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the job did not end")
		case <-tick.C:
		}
	}
}

func TestRetrainLearnsFromFeedback(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		b.ownPipeline(t)
		must(t, b.jobs.Start(t.Context()))
		t.Cleanup(b.jobs.Stop)
		empty, err := b.Retrain(system(t))
		must(t, err)
		if job := b.finished(t, empty); job.State != jobs.Failed || job.Attempt != 1 {
			t.Errorf("training on nothing ended %s after %d attempts, want failed after 1", job.State, job.Attempt)
		}
		examples := b.learn(t, 1) + b.learn(t, 2)
		steward := identity.With(t.Context(), b.account(t, "steward@lab.example", identity.Steward))
		id, err := b.Retrain(steward)
		must(t, err)
		if job := b.finished(t, id); job.State != jobs.Succeeded {
			t.Fatalf("training ended %s: %s", job.State, job.Error)
		}
		versions, err := b.ModelVersions(steward)
		must(t, err)
		v := versions[0]
		if v.Number != 1 || v.State != vision.VersionActive || v.Examples != int64(examples) || v.Accuracy < 0.9 || len(v.Report.Confusion) != 3 {
			t.Errorf("version = %d %s of %d examples, accuracy %.2f, %d classes; want 1 active of %d, at least 0.9, 3",
				v.Number, v.State, v.Examples, v.Accuracy, len(v.Report.Confusion), examples)
		}
		scene := synth.Render(synth.Scene{Width: 400, Height: 300, Count: 4, Seed: 9, Species: []synth.Species{synth.Catalogue()[13]}})
		var file bytes.Buffer
		must(t, png.Encode(&file, scene.Image))
		named, err := b.Classify(b.owner, vision.Classification{Pipeline: "own", Data: file.Bytes()})
		must(t, err)
		for _, box := range named.Boxes {
			if current, _ := box.Current(); current.Label != scene.Truth[0].Species {
				t.Errorf("box is named %q after training, want %q", current.Label, scene.Truth[0].Species)
			}
		}
		if got := named.Models[1].Version; got != "1" {
			t.Errorf("result names classifier version %q, want 1", got)
		}
		b.rollback(t)
		b.sound(t)
	})
}

// rollback trains a second version and goes back to the first.
func (b *bundle) rollback(t *testing.T) {
	t.Helper()
	b.learn(t, 3)
	id, err := b.Retrain(system(t))
	must(t, err)
	if job := b.finished(t, id); job.State != jobs.Succeeded {
		t.Fatalf("second training ended %s: %s", job.State, job.Error)
	}
	must(t, b.ActivateModel(system(t), 2))
	number, err := b.RollbackModel(system(t))
	must(t, err)
	versions, err := b.ModelVersions(system(t))
	must(t, err)
	states := map[int64]vision.VersionState{}
	for _, v := range versions {
		states[v.Number] = v.State
	}
	want := map[int64]vision.VersionState{1: vision.VersionActive, 2: vision.VersionRetired}
	if diff := cmp.Diff(want, states); diff != "" || number != 1 {
		t.Errorf("RollbackModel = %d, want 1; states (-want +got):\n%s", number, diff)
	}
	_, err = b.RollbackModel(system(t))
	wantError(t, "RollbackModel without an earlier version", err, vision.ErrNoVersion)
	wantError(t, "ActivateModel of no version", b.ActivateModel(system(t), 99), vision.ErrNoVersion)
}

func TestExportFormats(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		inference := b.classify(t, "General", left, right)
		_, err := b.Correct(b.owner, inference.ID, []vision.Correction{
			{BoxID: inference.Boxes[0].ID, SeedName: "=cmd()", Rect: vision.Rect{TopX: 10, TopY: 8, BottomX: 60, BottomY: 48}},
			{BoxID: inference.Boxes[1].ID, Rect: inference.Boxes[1].Rect()}, // rejected: in no data set
		})
		must(t, err)
		var coco, yolo, table, others bytes.Buffer
		must(t, b.Export(b.owner, vision.COCO, &coco))
		must(t, b.Export(b.owner, vision.YOLO, &yolo))
		must(t, b.Export(b.owner, vision.CSV, &table))
		must(t, b.Export(b.other, vision.CSV, &others))
		var document struct {
			Images      []struct{ Width, Height int }
			Annotations []struct{ BBox [4]float64 }
			Categories  []struct{ Name string }
		}
		must(t, json.Unmarshal(coco.Bytes(), &document))
		if len(document.Images) != 1 || len(document.Annotations) != 1 || document.Annotations[0].BBox != [4]float64{10, 8, 50, 40} {
			t.Errorf("COCO = %+v, want one picture with the box 10 8 50 40", document)
		}
		archive, err := zip.NewReader(bytes.NewReader(yolo.Bytes()), int64(yolo.Len()))
		must(t, err)
		labels, err := archive.Open("labels/" + inference.PictureID + ".txt")
		must(t, err)
		var text bytes.Buffer
		_, err = text.ReadFrom(labels)
		must(t, err)
		if got, want := text.String(), "0 0.350000 0.350000 0.500000 0.500000\n"; got != want {
			t.Errorf("YOLO labels = %q, want %q", got, want)
		}
		rows, err := csv.NewReader(&table).ReadAll()
		must(t, err)
		if len(rows) != 2 || rows[1][4] != "'=cmd()" {
			t.Errorf("CSV = %v, want one row whose seed is no formula", rows)
		}
		if got := strings.Count(others.String(), "\n"); got != 1 {
			t.Errorf("another's CSV has %d lines, want the header alone", got)
		}
	})
}
