package nachetimport_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/fernet/fernet-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision"
	"granary/internal/vision/nachetimport"
	"granary/internal/vision/pipeline"
)

const (
	detectorData   = `{"endpoint":"https://models.example/detector/score","api_key":"canary-key","content_type":"application/json","deployment_platform":"azureml-model-deployment","version":1}`
	classifierData = `{"endpoint":"https://models.example/swin/score","api_key":"k2","creation_date":"2024-03-18"}`
)

// deployment is what the tests import: every layout and every flaw once.
func deployment(t *testing.T) *legacy {
	t.Helper()
	l := newLegacy(t)
	l.user("alice", "alice@lab.example", "general")
	l.user("dev", "dev@lab.example", "dev general")
	l.set("general", "alice", "General", 0)
	l.set("dev general", "dev", "General", 0)
	l.set("batch", "alice", nil, 3)
	l.set("slashed", "alice", "trial/1", 0)
	l.set("twin 1", "alice", "twin", 0)
	l.set("twin 2", "alice", "twin", 0)
	l.set("archive", "dev", "old", 0)
	l.seed("napus", "Brassica napus")
	l.seed("rice", `"Zizania palustris"`)
	l.seed("rice again", "zizania  PALUSTRIS")
	l.model("detector", "seed-detector-1", 1, detectorData)
	l.model("swin", "swinv1-base-dataaugv2-1", 2, classifierData)
	l.pipeline("new swin", "Swin transformer", true, true, "detector", "swin")
	l.pipeline("old swin", "Swin transformer", false, false, "detector")
	l.pipeline("hollow", "Hollow", true, false)

	l.picture("confirmed", "general", `{"link":"General/`+l.id("confirmed")+`"}`)
	l.put("alice", "General", "confirmed", pngOf(t, 1))
	l.inference("confirmed i", "confirmed", "alice", "new swin", false)
	l.box("one", "confirmed i", metadata, "napus", "rice")
	l.box("two", "confirmed i", metadata, "rice")
	l.verify("one", "rice")
	l.verify("two", "rice")
	l.exec(`UPDATE inference SET verified = true WHERE id = $1`, l.id("confirmed i"))
	l.label("confirmed 1", "confirmed", "rice")
	l.label("confirmed 2", "confirmed", "rice again")

	l.picture("lying", "general", `[]`)
	l.put("alice", "General", "lying", pngOf(t, 2))
	l.inference("lying i", "lying", "alice", "hollow", true)
	l.box("unjudged", "lying i", metadata, "napus")

	l.picture("rejected", "general", `{"link":"General/`+l.id("rejected")+`"}`)
	l.put("alice", "General", "rejected", pngOf(t, 3))
	l.inference("rejected i", "rejected", "alice", "", false)
	l.box("named", "rejected i", metadata, "napus")
	l.box("no seed", "rejected i", metadata, "napus")
	l.verify("named", "napus")
	l.exec(`UPDATE object SET valid = false WHERE id = $1`, l.id("no seed"))

	l.picture("orphan", "general", `[]`)
	l.put("alice", "General", "orphan", pngOf(t, 4))

	for i, name := range []string{"batch 1", "batch 1 again", "batch 2"} {
		l.picture(name, "batch", `{"link":"https://acct.blob.core.windows.net/user-`+l.id("alice")+`/`+l.id("batch")+`/`+l.id(name)+`","nb_seeds":7,"zoom":2.5}`)
		l.put("alice", l.id("batch"), name, pngOf(t, uint8(10+i/2)))
		l.label(name+" label", name, "napus")
	}
	l.picture("archived", "archive", `{"link":"trial-1/`+l.id("archived")+`"}`)
	l.put("dev", l.id("alice")+"/trial-1", "archived", pngOf(t, 20))
	l.label("archived label", "archived", "rice")
	return l
}

func run(t *testing.T, l *legacy, to target, opts nachetimport.Options) nachetimport.Report {
	t.Helper()
	report, err := nachetimport.Run(t.Context(), l.source, to.Target, opts)
	var incomplete *nachetimport.IncompleteError
	if err != nil && !errors.As(err, &incomplete) {
		t.Fatalf("Run: %v", err)
	}
	if (report.Unread() > 0) != (err != nil) {
		t.Errorf("Run = %d unread, %v, want an error exactly with something unread", report.Unread(), err)
	}
	return report
}

// numbers are a report's counts, without the reasons.
func numbers(r nachetimport.Report) map[string][4]int {
	out := map[string][4]int{}
	for _, k := range r.Kinds {
		if k.Found > 0 {
			out[k.Name] = [4]int{k.Found, k.Imported, k.AlreadyThere, k.Skipped}
		}
	}
	return out
}

func reasons(r nachetimport.Report, kind string) map[string]int {
	out := map[string]int{}
	for _, reason := range r.Kind(kind).Reasons {
		out[reason.Text] = reason.Count
	}
	return out
}

func TestRunBringsEverythingOver(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, to target) {
		l := deployment(t)
		var log bytes.Buffer
		dry := run(t, l, to, nachetimport.Options{DryRun: true})
		if sets, err := to.Vision.Listings(system(t), l.id("alice")); err == nil && len(sets) > 0 {
			t.Errorf("Listings after a dry run = %v, want none", sets)
		}
		first := run(t, l, to, nachetimport.Options{Log: &log})
		to.check(t)
		want := map[string][4]int{
			"users": {2, 2, 0, 0}, "picture sets": {7, 7, 0, 0}, "seeds": {3, 1, 1, 1}, "pipelines": {3, 2, 0, 1},
			"pictures": {8, 7, 0, 1}, "inferences": {3, 3, 0, 0}, "boxes": {5, 5, 0, 0}, "guesses": {6, 6, 0, 0},
			"picture seeds": {6, 5, 0, 1}, "containers": {2, 0, 0, 0}, "blobs": {8, 0, 0, 0},
		}
		if diff := cmp.Diff(want, numbers(first)); diff != "" {
			t.Errorf("first run (-want +got):\n%s", diff)
		}
		// A dry run cannot see that two files are the same.
		want["pictures"], want["picture seeds"] = [4]int{8, 8, 0, 0}, [4]int{6, 6, 0, 0}
		if diff := cmp.Diff(want, numbers(dry)); diff != "" {
			t.Errorf("dry run (-want +got):\n%s", diff)
		}
		if !strings.Contains(log.String(), "pictures 8/8, ") {
			t.Errorf("progress = %q, want a last line with 8/8", log.String())
		}
		again := run(t, l, to, nachetimport.Options{})
		to.check(t)
		want = map[string][4]int{
			"users": {2, 0, 2, 0}, "picture sets": {7, 0, 7, 0}, "seeds": {3, 0, 3, 0}, "pipelines": {3, 0, 2, 1},
			"pictures": {8, 0, 7, 1}, "inferences": {3, 0, 3, 0}, "boxes": {5, 0, 5, 0}, "guesses": {6, 0, 6, 0},
			"picture seeds": {6, 0, 5, 1}, "containers": {2, 0, 0, 0}, "blobs": {8, 0, 0, 0},
		}
		if diff := cmp.Diff(want, numbers(again)); diff != "" {
			t.Errorf("second run (-want +got):\n%s", diff)
		}
		checkSets(t, l, to)
		checkInferences(t, l, to)
		checkPictures(t, l, to)
		checkPipelines(t, l, to)
	})
}

func checkSets(t *testing.T, l *legacy, to target) {
	t.Helper()
	type line struct {
		Kind     vision.SetKind
		Expected int64
		Pictures int
	}
	got := map[string]line{}
	for _, owner := range []string{"alice", "dev"} {
		listings, err := to.Vision.Listings(system(t), l.id(owner))
		if err != nil {
			t.Fatalf("Listings(%s): %v", owner, err)
		}
		for _, set := range listings {
			got[l.reverse[set.ID]+" "+strings.ReplaceAll(set.Name, set.ID, "ID")] = line{set.Kind, set.ExpectedPictures, len(set.Pictures)}
		}
	}
	twins := "twin 1"
	if l.id("twin 2") < l.id("twin 1") {
		twins = "twin 2"
	}
	other := strings.Replace("twin 1twin 2", twins, "", 1)
	want := map[string]line{
		"general General": {"default", 0, 4}, "dev general General": {"default", 0, 0}, "batch ID": {"batch", 3, 2},
		"slashed trial-1": {"folder", 0, 0}, twins + " twin": {"folder", 0, 0}, other + " twin (2)": {"folder", 0, 0},
		"archive old": {"batch", 1, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
}

func checkInferences(t *testing.T, l *legacy, to target) {
	t.Helper()
	type box struct {
		Label, Top, Verified, Colour, Indices string
		Rejected                              bool
	}
	type line struct {
		Verified     bool
		Pipeline     string
		File         string
		Width        float64
		Boxes        []box
		Models       int
		PictureValid bool
	}
	want := map[string]line{
		"confirmed i": {true, "Swin transformer", "leaf.png", 48, []box{
			{"Brassica napus", "one/napus", "one/rice", `"#005AFF"`, "[2]", false},
			{"Zizania palustris", "two/rice", "two/rice", `"#005AFF"`, "[2]", false},
		}, 2, true},
		"lying i": {false, "Hollow", "leaf.png", 48, []box{{"Brassica napus", "unjudged/napus", "", `"#005AFF"`, "[2]", false}}, 0, false},
		"rejected i": {true, "", "leaf.png", 48, []box{
			{"Brassica napus", "named/napus", "named/napus", `"#005AFF"`, "[2]", false},
			{"Brassica napus", "no seed/napus", "", `"#005AFF"`, "[2]", true},
		}, 0, true},
	}
	got := map[string]line{}
	for name := range want {
		inference, err := to.Vision.Inference(system(t), l.id(name))
		if err != nil {
			t.Fatalf("Inference(%s): %v", name, err)
		}
		picture, _, err := to.Vision.Picture(system(t), inference.PictureID)
		if err != nil {
			t.Fatalf("Picture(%s): %v", name, err)
		}
		out := line{Verified: inference.Verified, Pipeline: inference.PipelineName, File: inference.FileName, Width: inference.Width, Models: len(inference.Models), PictureValid: picture.Validated}
		for _, b := range inference.Boxes {
			out.Boxes = append(out.Boxes, box{b.Label, l.reverse[b.TopGuessID], l.reverse[b.VerifiedGuessID], b.Colour, b.OverlappingIndices, b.Rejected})
			if b.Reviewed() && b.ReviewedAt.IsZero() {
				t.Errorf("box %s is reviewed at no time", l.reverse[b.ID])
			}
		}
		got[name] = out
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inferences (-want +got):\n%s", diff)
	}
}

func checkPictures(t *testing.T, l *legacy, to target) {
	t.Helper()
	for name, shade := range map[string]uint8{"confirmed": 1, "lying": 2, "rejected": 3, "orphan": 4, "batch 2": 11, "archived": 20} {
		picture, data, err := to.Vision.PictureBytes(system(t), l.id(name))
		if err != nil || !bytes.Equal(data, pngOf(t, shade)) || picture.MediaType != "image/png" || picture.Height != 32 {
			t.Errorf("PictureBytes(%s) = %+v with %d bytes, %v, want its own file", name, picture, len(data), err)
		}
	}
	picture, _, err := to.Vision.Picture(system(t), l.id("batch 2"))
	if err != nil || !picture.Batch || !picture.Validated || picture.SeedCount == nil || *picture.SeedCount != 7 || picture.ZoomLevel == nil || *picture.ZoomLevel != 2.5 {
		t.Errorf("batch picture = %+v, %v, want a validated one of 7 seeds at zoom 2.5", picture, err)
	}
	_, _, first := to.Vision.Picture(system(t), l.id("batch 1"))
	_, _, second := to.Vision.Picture(system(t), l.id("batch 1 again"))
	if (first == nil) == (second == nil) {
		t.Errorf("two pictures of one file in a batch: %v and %v, want one of them stored", first, second)
	}
}

func checkPipelines(t *testing.T, l *legacy, to target) {
	t.Helper()
	pipelines, err := to.Vision.Pipelines(t.Context())
	if err != nil {
		t.Fatalf("Pipelines: %v", err)
	}
	got := map[string]bool{}
	for _, p := range pipelines {
		got[p.Name+" "+l.reverse[p.ID]] = p.Default
	}
	want := map[string]bool{"Swin transformer new swin": true, vision.BuiltinPipeline + " ": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("active pipelines, with whether default (-want +got):\n%s", diff)
	}
	var stored []string
	if err := to.db.Reader().NewRaw("SELECT definition FROM vision_pipelines").Scan(t.Context(), &stored); err != nil {
		t.Fatalf("read definitions: %v", err)
	}
	if text := strings.Join(stored, ""); strings.Contains(text, "canary-key") || strings.Contains(text, "models.example") {
		t.Error("a definition is stored with its endpoint or key in plain text")
	}
}

func TestRunMergesIntoExistingAccounts(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, to target) {
		l := newLegacy(t)
		l.user("alice", "Alice@Lab.example", "general")
		l.user("nobody", "no address", "")
		l.set("general", "alice", "General", 0)
		l.set("general 2", "alice", "General", 0)
		l.picture("one", "general", `{"link":"General/`+l.id("one")+`"}`)
		l.put("alice", "General", "one", pngOf(t, 1))
		existing, err := to.Vision.CreateAccount(t.Context(), identity.NewUser{Email: "alice@lab.example"})
		if err != nil {
			t.Fatalf("CreateAccount: %v", err)
		}
		for i := range 2 {
			report := run(t, l, to, nachetimport.Options{})
			to.check(t)
			if n := reasons(report, "users")["an account with this e-mail address exists: merged into it"]; n != 1 {
				t.Errorf("run %d: merged users = %d, want 1", i, n)
			}
		}
		listings, err := to.Vision.Listings(system(t), existing.ID)
		if err != nil || len(listings) != 2 {
			t.Fatalf("Listings = %d sets, %v, want 2", len(listings), err)
		}
		if home := listings[0]; home.ID == l.id("general") || home.Kind != vision.DefaultSet || len(home.Pictures) != 1 {
			t.Errorf("default set = %+v, want the account's own with the picture", home)
		}
		if listings[1].Name != "General (2)" || listings[1].ID != l.id("general 2") {
			t.Errorf("second set = %+v, want General (2)", listings[1].PictureSet)
		}
		user, err := to.Users.UserByID(t.Context(), l.id("nobody"))
		if err != nil || user.Email != l.id("nobody")+"@imported.invalid" {
			t.Errorf("account without address = %+v, %v, want a placeholder", user, err)
		}
	})
}

func TestRunReportsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, to target) {
		l := newLegacy(t)
		l.user("alice", "alice@lab.example", "general")
		l.set("general", "alice", "General", 0)
		l.seed("napus", nil)
		l.picture("missing", "general", `{"link":"General/x"}`)
		l.inference("missing i", "missing", "alice", "", false)
		l.box("missing b", "missing i", metadata, "napus")
		l.picture("text", "general", `{"link":12}`)
		l.put("alice", "General", "text", []byte("no picture at all"))
		l.picture("good", "general", `null`)
		l.put("alice", `été #1?%41 + __0x23__ "&"`, "good", pngOf(t, 1))
		l.inference("good i", "good", "alice", "", false)
		l.exec(`UPDATE inference SET inference = '[]' WHERE id = $1`, l.id("good i"))
		l.box("placeless", "good i", `{"box":{"topX":1},"color":7}`, "napus")
		l.box("colourless", "good i", `{"box":{"topX":"9","topY":2,"bottomX":1,"bottomY":5.5}}`)
		l.exec(`UPDATE object SET verified_id = $1, top_id = $1 WHERE id = $2`, uuid.NewString(), l.id("colourless"))
		l.put("alice", "General", "stray", pngOf(t, 2))
		l.exec(`UPDATE picture_set SET picture_set = '"x"'`)

		report := run(t, l, to, nachetimport.Options{})
		to.check(t)
		want := map[string][4]int{
			"users": {1, 1, 0, 0}, "picture sets": {1, 1, 0, 0}, "seeds": {1, 0, 1, 0}, "pictures": {3, 1, 0, 2},
			"inferences": {2, 1, 0, 1}, "boxes": {3, 1, 0, 2}, "guesses": {2, 0, 0, 2}, "containers": {1, 0, 0, 0}, "blobs": {3, 0, 0, 1},
		}
		if diff := cmp.Diff(want, numbers(report)); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		if report.Unread() != 3 {
			t.Errorf("Unread() = %d, want 3: a picture without bytes, one of text, a box without place", report.Unread())
		}
		var out strings.Builder
		if err := report.Write(&out); err != nil {
			t.Fatalf("Write: %v", err)
		}
		for _, part := range []string{
			l.id("missing"), l.id("text"), l.id("placeless"), l.id("stray"), "its bytes are in none of the users' containers (1)",
			"the guess that verifies it does not exist",
		} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("report lacks %q:\n%s", part, out.String())
			}
		}
		inference, err := to.Vision.Inference(system(t), l.id("good i"))
		if err != nil || len(inference.Boxes) != 1 || inference.Boxes[0].Rect() != (vision.Rect{TopX: 1, TopY: 2, BottomX: 9, BottomY: 5.5}) {
			t.Errorf("inference = %+v, %v, want one box with ordered corners", inference, err)
		}
	})
}

// cutter cancels a run when so many lines of progress were written.
type cutter struct {
	cancel context.CancelFunc
	lines  int
}

func (c *cutter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("pictures ")) {
		c.cancel()
	}
	c.lines++
	return len(p), nil
}

func TestRunGoesOnAfterItWasCutOff(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, to target) {
		const pictures = 40
		l := manyPictures(t, pictures)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tick := newTicker()
		report, err := nachetimport.Run(ctx, l.source, to.Target, nachetimport.Options{Log: &cutter{cancel: cancel}, Now: tick.now})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("Run = %v, want it cancelled", err)
		}
		to.check(t)
		done := report.Kind("pictures").Imported
		if done == 0 || done == pictures {
			t.Fatalf("the cut-off run imported %d of %d pictures, want some", done, pictures)
		}
		rest := run(t, l, to, nachetimport.Options{}).Kind("pictures")
		to.check(t)
		if rest.Imported+rest.AlreadyThere != pictures || rest.AlreadyThere < done {
			t.Errorf("second run = %+v, want the rest of %d after at least %d", rest, pictures, done)
		}
		if swept, err := to.blobs.Sweep(t.Context()); err != nil {
			t.Errorf("Sweep = %+v, %v", swept, err)
		}
	})
}

func TestRunAddsWhatTheSourceGotMeanwhile(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, to target) {
		l := deployment(t)
		run(t, l, to, nachetimport.Options{})
		l.inference("late i", "orphan", "alice", "new swin", false)
		l.box("late b", "late i", metadata, "rice")
		l.verify("late b", "rice")
		l.picture("batch 3", "batch", `{}`)
		l.put("alice", l.id("batch"), "batch 3", pngOf(t, 30))
		l.label("batch 3 label", "batch 3", "napus")
		l.picture("batch 4", "batch", `{}`)
		l.put("alice", l.id("batch"), "batch 4", pngOf(t, 31))
		l.label("batch 4 label", "batch 4", "napus")
		report := run(t, l, to, nachetimport.Options{})
		to.check(t)
		got := map[string]int{}
		for _, kind := range []string{"pictures", "inferences", "boxes", "guesses"} {
			got[kind] = report.Kind(kind).Imported
		}
		if diff := cmp.Diff(map[string]int{"pictures": 2, "inferences": 1, "boxes": 1, "guesses": 1}, got); diff != "" {
			t.Errorf("imported (-want +got):\n%s", diff)
		}
		inference, err := to.Vision.LatestInference(system(t), l.id("orphan"))
		if err != nil || inference.ID != l.id("late i") || !inference.Verified {
			t.Errorf("LatestInference = %+v, %v, want the late one, verified", inference, err)
		}
	})
}

func TestRunDecryptsPipelines(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, to target) {
		l := newLegacy(t)
		l.user("alice", "alice@lab.example", "")
		var key fernet.Key
		if err := key.Generate(); err != nil {
			t.Fatalf("generate key: %v", err)
		}
		token, err := fernet.EncryptAndSign([]byte("https://models.example/score"), &key)
		if err != nil {
			t.Fatalf("encrypt: %v", err)
		}
		l.model("six", "m-14of15seeds-6seedsmag", 1, `{"endpoint":"`+string(token)+`","api_key":"plain"}`)
		l.pipeline("six seeds", "6 Seeds Detector", true, true, "six")
		for _, c := range []struct {
			key      string
			imported int
		}{{"", 0}, {(&fernet.Key{1}).Encode(), 0}, {key.Encode(), 1}} {
			l.source.PipelineKey = c.key
			report := run(t, l, to, nachetimport.Options{})
			if got := report.Kind("pipelines"); got.Imported != c.imported || got.Skipped != 1-c.imported {
				t.Errorf("pipelines with key of %d characters = %+v, want %d imported", len(c.key), got, c.imported)
			}
		}
		if err := to.Vision.HasPipeline(t.Context(), "6 Seeds Detector"); err != nil {
			t.Errorf("HasPipeline: %v", err)
		}
	})
}

func TestRunKeepsTheDefaultThatSomebodyChose(t *testing.T) {
	t.Parallel()
	to := newTarget(t, databasetestOpen(t))
	l := newLegacy(t)
	l.user("alice", "alice@lab.example", "")
	l.model("six", "m-14of15seeds-6seedsmag", 1, detectorData)
	l.pipeline("theirs", "Theirs", true, true, "six")
	l.pipeline("same", "Chosen", true, false, "six")
	chosen := pipeline.Definition{
		Name: "Chosen", Default: true, Models: []pipeline.Model{{Name: "m", Engine: "builtin"}},
		Steps: []pipeline.Step{{Kind: pipeline.StepDetect, Model: "m"}},
	}
	if err := to.Vision.SavePipelines(system(t), []pipeline.Definition{chosen}, nil); err != nil {
		t.Fatalf("SavePipelines: %v", err)
	}
	report := run(t, l, to, nachetimport.Options{})
	pipelines, err := to.Vision.Pipelines(t.Context())
	if err != nil || len(pipelines) != 3 || pipelines[0].Name != "Chosen" || !pipelines[0].Default || pipelines[0].ID == l.id("same") {
		t.Errorf("Pipelines = %+v, %v, want Chosen as it was, first of three", pipelines, err)
	}
	want := map[string]int{"it was the default there; the default here stays": 1, "a pipeline of this name exists, which stays as it is": 1}
	if diff := cmp.Diff(want, reasons(report, "pipelines")); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

func TestRunWithoutLeaveToListContainers(t *testing.T) {
	t.Parallel()
	to := newTarget(t, databasetestOpen(t))
	l := newLegacy(t)
	l.user("alice", "alice@lab.example", "general")
	l.exec(`INSERT INTO users (id, email) VALUES ($1, 'no container')`, l.id("bare"))
	l.set("general", "alice", "General", 0)
	l.picture("one", "general", `{}`)
	l.put("alice", "General", "one", pngOf(t, 1))
	// A signature for containers and blobs, but not for the account.
	address, err := l.client.ServiceClient().GetSASURL(sas.AccountResourceTypes{Container: true, Object: true},
		sas.AccountPermissions{Read: true, List: true}, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	endpoint, signature, _ := strings.Cut(address, "?")
	l.source.ConnectionString = "BlobEndpoint=" + endpoint + ";SharedAccessSignature=" + signature
	report := run(t, l, to, nachetimport.Options{})
	if got := report.Kind("pictures"); got.Imported != 1 {
		t.Errorf("pictures = %+v, want 1 imported; report %+v", got, report)
	}
	if n := len(reasons(report, "containers")); n != 1 {
		t.Errorf("containers have %d reasons, want one that says which were looked at", n)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	to := newTarget(t, databasetestOpen(t))
	l := newLegacy(t)
	noSchema := l.source
	noSchema.Schema = "nachet_9"
	secret := l.source
	secret.DatabaseURL = "postgresql://u:hunter2@127.0.0.1:1/none?connect_timeout=1"
	badStorage := l.source
	badStorage.ConnectionString = "AccountName=x;AccountKey=hunter2;"
	for name, source := range map[string]nachetimport.Source{
		"nothing": {}, "another database": {DatabaseURL: "mysql://x/y", ConnectionString: "x"},
		"a schema that is not there": noSchema, "a server that is not there": secret, "a broken connection string": badStorage,
	} {
		report, err := nachetimport.Run(t.Context(), source, to.Target, nachetimport.Options{})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Run(%s) = %v, %v, want an error without secrets", name, report.Kinds, err)
		}
	}
	if _, err := nachetimport.Run(t.Context(), noSchema, to.Target, nachetimport.Options{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("Run(%s) = %v, want fault.Invalid", "a schema that is not there", err)
	}
}
