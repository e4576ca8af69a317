package acceptance

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"granary/test/harness"
)

// rebuilt decodes the answer of a feedback route.
func rebuilt(t *testing.T, answer harness.Answer) inference {
	t.Helper()
	var got inference
	answer.OK(t, &got)
	if got.Total != len(got.Boxes) {
		t.Errorf("%s: totalBoxes = %d, want %d", answer.Request, got.Total, len(got.Boxes))
	}
	occurrence := map[string]int{}
	for _, b := range got.Boxes {
		occurrence[b.Label]++
	}
	if diff := cmp.Diff(occurrence, got.Occurrence); diff != "" {
		t.Errorf("%s: labelOccurrence (-want +got):\n%s", answer.Request, diff)
	}
	return got
}

// ids returns the boxes' ids in order.
func ids(i inference) []string {
	var list []string
	for _, b := range i.Boxes {
		list = append(list, b.ID)
	}
	return list
}

// seedID returns the id of a seed by name; empty when there is none.
func (w *world) seedID(t *testing.T, name string) string {
	t.Helper()
	var list struct {
		Seeds []struct {
			ID   string `json:"seed_id"`
			Name string `json:"seed_name"`
		} `json:"seeds"`
	}
	w.page.Get(t, "/seeds").OK(t, &list)
	found := ""
	for _, s := range list.Seeds {
		if s.Name == name {
			if found != "" {
				t.Errorf("the seed %s is there twice", name)
			}
			found = s.ID
		}
	}
	return found
}

// testConfirm ticks box after box, as the front end does.
func testConfirm(t *testing.T, w *world) {
	v := w.user(t)
	first := v.classify(t, "General")
	for i, b := range first.Boxes {
		got := rebuilt(t, v.positive(t, first.ID, b.ID))
		if diff := cmp.Diff(ids(first), ids(got)); diff != "" {
			t.Fatalf("order after confirming box %d (-want +got):\n%s", i, diff)
		}
		for j, now := range got.Boxes {
			want := first.Boxes[j]
			if j <= i {
				want.Verified, want.Score = true, 1
			}
			if diff := cmp.Diff(want, now); diff != "" {
				t.Errorf("box %d after confirming box %d (-want +got):\n%s", j, i, diff)
			}
		}
		if got.ID != first.ID || got.PipelineID != first.PipelineID || got.PictureID != first.PictureID || len(got.Models) != 2 {
			t.Errorf("inference after confirming = %+v, want the first one's ids and models", got)
		}
		if i < len(first.Boxes)-1 {
			// Once more is no error while the inference is not verified.
			rebuilt(t, v.positive(t, first.ID, b.ID))
			if v.folder(t, "General").Pictures[0].Validated {
				t.Errorf("the picture is validated after %d of 3 boxes", i+1)
			}
		}
	}
	if p := v.folder(t, "General").Pictures[0]; !p.Validated || !p.Inferred {
		t.Errorf("picture after all boxes = %+v, want inferred and validated", p)
	}
	var stored struct{ Inference inference }
	v.page.Post(t, "/get-picture", fields{"container_name": v.id, "picture_id": first.PictureID}).OK(t, &stored)
	if diff := cmp.Diff(ids(first), ids(stored.Inference)); diff != "" {
		t.Errorf("order in /get-picture (-want +got):\n%s", diff)
	}
}

// testCorrect goes through the table of specification section 3.9.
func testCorrect(t *testing.T, w *world) {
	v := w.user(t)
	guessed, known := w.seedID(t, "Ambrosia artemisiifolia"), w.seedID(t, "Solanum nigrum")
	fresh := "Zizania " + uuid.NewString()[:8]
	for _, tc := range []struct {
		name, classID, label string
		wantLabel            string
		wantTopN             int // five guesses of the model, one more where it did not name the seed
	}{
		{"seed id among the guesses", guessed, "whatever", "Ambrosia artemisiifolia", 5},
		{"seed id not among the guesses", known, "", "Solanum nigrum", 6},
		{"known name", "", "Solanum nigrum", "Solanum nigrum", 6},
		{"unknown name in literal quotes", "", `"` + fresh + `"`, fresh, 6},
		{"the same name once more", "", fresh, fresh, 6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first := v.classify(t, "General")
			got := rebuilt(t, v.negative(t, first.ID, first.Boxes[1].judged(tc.classID, tc.label)))
			if diff := cmp.Diff(ids(first), ids(got)); diff != "" {
				t.Fatalf("order (-want +got):\n%s", diff)
			}
			b := got.Boxes[1]
			if !b.Verified || b.Score != 1 || b.Label != tc.wantLabel || len(b.TopN) != tc.wantTopN {
				t.Errorf("box = %+v, want verified as %s with %d guesses", b, tc.wantLabel, tc.wantTopN)
			}
			chosen := guess{}
			for _, g := range b.TopN {
				if g.ID == b.TopID {
					chosen = g
				}
			}
			if chosen.Label != tc.wantLabel || tc.wantTopN == 6 && chosen.Score != 0 {
				t.Errorf("the guess behind top_id = %+v, want %s", chosen, tc.wantLabel)
			}
			if diff := cmp.Diff(first.Boxes[1].TopN, b.TopN[:5]); diff != "" {
				t.Errorf("the model's guesses (-want +got):\n%s", diff)
			}
			if got.Boxes[0].Verified || got.Boxes[2].Verified {
				t.Error("another box became verified")
			}
			if w.seedID(t, tc.wantLabel) == "" {
				t.Errorf("there is no seed %s", tc.wantLabel)
			}
		})
	}
}

// testReject sends what the front end sends for No Seed: the box goes, the
// others stay, and the picture is validated once all are reviewed.
func testReject(t *testing.T, w *world) {
	v := w.user(t)
	first := v.classify(t, "General")
	got := rebuilt(t, v.negative(t, first.ID, first.Boxes[0].judged("", "")))
	if diff := cmp.Diff(ids(first)[1:], ids(got)); diff != "" {
		t.Errorf("boxes after a rejection (-want +got):\n%s", diff)
	}
	got = rebuilt(t, v.positive(t, first.ID, ids(first)[1], ids(first)[2]))
	if len(got.Boxes) != 2 || !got.Boxes[0].Verified || !got.Boxes[1].Verified {
		t.Errorf("boxes = %+v, want two verified ones", got.Boxes)
	}
	if !v.folder(t, "General").Pictures[0].Validated {
		t.Error("a picture whose boxes are all reviewed is not validated")
	}
	// Nothing but rejections is a review too.
	none := v.classify(t, "General")
	got = rebuilt(t, v.negative(t, none.ID, none.Boxes[0].judged("", ""), none.Boxes[1].judged("", ""), none.Boxes[2].judged("", "")))
	if len(got.Boxes) != 0 || got.Boxes == nil {
		t.Errorf("boxes = %+v, want an empty list", got.Boxes)
	}
	if !v.folder(t, "General").Pictures[1].Validated {
		t.Error("a picture whose boxes are all rejected is not validated")
	}
}

// testMove stores other coordinates, floats included, and keeps the rest.
func testMove(t *testing.T, w *world) {
	v := w.user(t)
	first := v.classify(t, "General")
	moved := first.Boxes[0].judged("", "Ambrosia trifida")
	moved["box"] = rect(20.5, 30.25, 320.8695, 111.125)
	got := rebuilt(t, v.negative(t, first.ID, moved))
	if diff := cmp.Diff(moved["box"], any(got.Boxes[0].corners())); diff != "" {
		t.Errorf("moved box (-want +got):\n%s", diff)
	}
	if got.Boxes[0].Color != first.Boxes[0].Color || got.Boxes[0].Overlaps == nil {
		t.Errorf("moved box = %+v, want its colour and overlap kept", got.Boxes[0])
	}
	if diff := cmp.Diff(first.Boxes[1:], got.Boxes[1:]); diff != "" {
		t.Errorf("other boxes (-want +got):\n%s", diff)
	}
	var stored struct{ Inference inference }
	v.page.Post(t, "/get-picture", fields{"container_name": v.id, "picture_id": first.PictureID}).OK(t, &stored)
	if diff := cmp.Diff(got.Boxes, stored.Inference.Boxes); diff != "" {
		t.Errorf("stored boxes (-want +got):\n%s", diff)
	}
}

// testDraw adds boxes that the user drew, through both routes.
func testDraw(t *testing.T, w *world) {
	v := w.user(t)
	first := v.classify(t, "General")
	drawn := fields{"boxId": "", "classId": w.seedID(t, "Lolium temulentum"), "label": "Lolium temulentum", "box": rect(10, 10, 60.5, 70), "comment": "Seed not Detected"}
	got := rebuilt(t, v.negative(t, first.ID, drawn))
	if diff := cmp.Diff(ids(first), ids(got)[:3]); diff != "" || len(got.Boxes) != 4 {
		t.Fatalf("boxes after drawing: %d, order (-want +got):\n%s", len(got.Boxes), diff)
	}
	b := got.Boxes[3]
	if !b.Verified || b.Label != "Lolium temulentum" || b.Score != 1 || uuid.Validate(b.ID) != nil || b.Color == "" || b.Overlaps == nil || len(b.TopN) != 1 {
		t.Errorf("drawn box = %+v, want it verified as Lolium temulentum", b)
	}
	drawn["classId"], drawn["label"], drawn["box"] = "", `"Typed `+uuid.NewString()[:8]+`"`, rect(100, 100, 50, 50) // from the other corner
	var again inference
	v.page.Post(t, "/feedback-new-box", fields{"userId": v.id, "inferenceId": first.ID, "boxes": []fields{drawn}}).OK(t, &again)
	if len(again.Boxes) != 5 || strings.Contains(again.Boxes[4].Label, `"`) || again.Boxes[4].Box.TopX != 50 {
		t.Errorf("boxes = %+v, want a fifth from 50 to 100 with a label without quotes", again.Boxes)
	}
	// Where the model saw nothing a drawn box is all there is.
	models := harness.NewModels(t)
	models.Answer(harness.Finds(harness.NoBoxes, harness.Ambrosia))
	w.server.Command(t, "pipeline", "import", w.server.Write(t, "draw.json", models.LegacyFile(t, "sees nothing", "k", nil)))
	var empty inference
	answer := v.page.Post(t, "/inf", v.request("General", "sees nothing", harness.DataURL("image/png", w.drawer.PNG(t)))).OK(t, &empty)
	if !strings.Contains(answer.Short(), `"boxes":[]`) || !strings.Contains(answer.Short(), `"labelOccurrence":{}`) || empty.Total != 0 {
		t.Errorf("/inf without boxes = %s, want boxes [] and labelOccurrence {}", answer.Short())
	}
	drawn["box"] = rect(1, 1, 9, 9)
	if got := rebuilt(t, v.negative(t, empty.ID, drawn)); len(got.Boxes) != 1 {
		t.Errorf("boxes = %+v, want the drawn one", got.Boxes)
	}
}

// testFeedbackEdges are the calls at the edge of the table.
func testFeedbackEdges(t *testing.T, w *world) {
	v := w.user(t)
	first := v.classify(t, "General")
	unchanged := rebuilt(t, v.negative(t, first.ID))
	if diff := cmp.Diff(first, unchanged); diff != "" {
		t.Errorf("an empty list changed the inference (-want +got):\n%s", diff)
	}
	// All or nothing: a bad box takes the good one's judgement back.
	bad := first.Boxes[1].judged(uuid.NewString(), "")
	if answer := v.negative(t, first.ID, first.Boxes[0].judged("", "Solanum nigrum"), bad); answer.Status != 400 {
		t.Errorf("an unknown seed id = %d, want 400", answer.Status)
	}
	if got := rebuilt(t, v.negative(t, first.ID)); got.Boxes[0].Verified {
		t.Error("the first box is verified although the second's seed is unknown")
	}
	// An unknown label of a model becomes a seed instead of an error.
	label := "Novus " + uuid.NewString()[:8]
	models := harness.NewModels(t)
	names, err := json.Marshal([]fields{{"label": "99 " + label, "score": 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	models.Answer(harness.Finds(harness.OneBox, string(names)))
	w.server.Command(t, "pipeline", "import", w.server.Write(t, "novus.json", models.LegacyFile(t, label, "k", nil)))
	var got inference
	v.page.Post(t, "/inf", v.request("General", label, harness.DataURL("image/png", w.drawer.PNG(t)))).OK(t, &got)
	if len(got.Boxes) != 1 || got.Boxes[0].Label != label || w.seedID(t, label) == "" {
		t.Errorf("boxes = %+v, want one of the new seed %s", got.Boxes, label)
	}
}
