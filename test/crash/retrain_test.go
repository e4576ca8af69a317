package crash_test

import (
	"bytes"
	"image/png"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"granary/internal/vision/synth"
	"granary/test/harness"
)

// Guarantee: a job is executed at least once and has exactly one accepted
// result, whenever its server dies.
func TestKillDuringRetraining(t *testing.T) {
	t.Parallel()
	store := harness.Local(t)
	user := store.Command(t, "user", "create", "--email", "teacher@example.org", "--role", "admin")
	token := store.Command(t, "token", "create", "--email", "teacher@example.org", "--name", "crash")
	server := start(t, store)
	client := harness.NewClient(server.URL, "").WithHeader("Authorization", "Bearer "+token)
	for i, species := range []string{"Brassica napus", "Lolium temulentum", "Ambrosia trifida"} {
		teach(t, client, user, species, uint64(i+1))
	}
	var interrupted int
	for round := range max(2, kills(t, 0)/100) {
		var queued struct {
			ID string `json:"job_id"`
		}
		answer := client.At(server.URL).Post(t, "/api/v1/vision/model/retrain", struct{}{})
		decode(t, answer, http.StatusAccepted, &queued)
		harness.Eventually(t, "the training runs", func() bool { return state(t, client.At(server.URL), queued.ID) != "queued" })
		<-time.After(rand.N(100 * time.Millisecond)) // the moment is what is tested
		server.Kill(t)
		server = start(t, store)
		if state(t, client.At(server.URL), queued.ID) == "running" {
			interrupted++ // its lease has to run out before it is resumed
		}
		harness.Eventually(t, "the training ends", func() bool {
			switch now := state(t, client.At(server.URL), queued.ID); now {
			case "succeeded":
				return true
			case "failed", "cancelled":
				t.Fatalf("the training %s", now)
			}
			return false
		})
		var versions []struct {
			Number int `json:"version"`
		}
		client.At(server.URL).Get(t, "/api/v1/vision/model/versions").OK(t, &versions)
		if len(versions) != round+1 {
			t.Errorf("%d model versions after %d trainings, want one each", len(versions), round+1)
		}
		sound(t, store)
	}
	t.Logf("%d trainings were interrupted", interrupted)
}

// teach classifies a drawn picture of one species and names every box.
func teach(t *testing.T, client *harness.Client, user, species string, seed uint64) {
	t.Helper()
	drawn := synth.Render(synth.Scene{Width: 900, Height: 700, Species: synth.Pick(species), Count: 14, Seed: seed})
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&file, drawn.Image); err != nil {
		t.Fatal(err)
	}
	var pipelines []struct {
		Name string `json:"pipeline_name"`
	}
	client.Get(t, "/model-endpoints-metadata").OK(t, &pipelines)
	var found struct {
		ID    string `json:"inference_id"`
		Boxes []struct {
			ID  string         `json:"box_id"`
			Box map[string]any `json:"box"`
		} `json:"boxes"`
	}
	client.Post(t, "/inf", map[string]any{
		"model_name": pipelines[0].Name, "container_name": user, "folder_name": "General", "imageDims": []int{900, 700},
		"image": harness.DataURL("image/png", file.Bytes()),
	}).OK(t, &found)
	var named []any
	for _, b := range found.Boxes {
		named = append(named, map[string]any{"boxId": b.ID, "label": species, "classId": "", "box": b.Box})
	}
	if len(named) < 4 {
		t.Fatalf("%d boxes on a picture of %s, want at least 4", len(named), species)
	}
	client.Post(t, "/feedback-negative", map[string]any{"userId": user, "inferenceId": found.ID, "boxes": named}).OK(t, nil)
}

// state returns the state of a job.
func state(t *testing.T, client *harness.Client, id string) string {
	t.Helper()
	var job struct {
		State string `json:"state"`
	}
	client.Get(t, "/api/v1/jobs/"+id).OK(t, &job)
	return job.State
}

// decode checks for a status and decodes the body.
func decode(t *testing.T, answer harness.Answer, status int, v any) {
	t.Helper()
	if answer.Status != status {
		t.Fatalf("%s = %d %s, want %d", answer.Request, answer.Status, answer.Short(), status)
	}
	answer.Status = http.StatusOK
	answer.OK(t, v)
}
