package acceptance

import (
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"granary/test/harness"
)

// crowd sends n requests at once and returns the answers.
func crowd(n int, send func(i int) harness.Answer) []harness.Answer {
	answers := make([]harness.Answer, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { answers[i] = send(i) })
	}
	all.Wait()
	return answers
}

// accepted counts the answers with 200; the others must carry the text.
func accepted(t *testing.T, answers []harness.Answer, text string) int {
	t.Helper()
	n := 0
	for _, a := range answers {
		if a.Status == http.StatusOK {
			n++
			continue
		}
		a.RefusedLike(t, 400, text)
	}
	return n
}

// testCrowd lets many do the same thing at the same time.
func testCrowd(t *testing.T, w *world) {
	t.Run("one folder of a name", func(t *testing.T) {
		v := w.user(t)
		answers := crowd(8, func(int) harness.Answer {
			return v.page.Post(t, "/create-dir", fields{"container_name": v.id, "folder_name": "same"})
		})
		if n := accepted(t, answers, "Datastore Error creating directory : Folder already exists"); n != 1 || len(v.folders(t)) != 2 {
			t.Errorf("%d of 8 made the folder, and %d folders are there, want 1 and 2", n, len(v.folders(t)))
		}
	})
	t.Run("no more pictures than announced", func(t *testing.T) {
		v := w.user(t)
		session := v.session(t, 3, "")
		answers := crowd(9, func(int) harness.Answer {
			return v.page.Post(t, "/upload-picture", v.upload(session, w.drawer.PNG(t)))
		})
		n := accepted(t, answers, "Datastore Error uploading picture : An error occured during the upload of the pictures : ")
		if got := v.folder(t, session).Count; n != 3 || got != 3 {
			t.Errorf("%d of 9 uploads were accepted and %d pictures are there, want 3 and 3", n, got)
		}
	})
	t.Run("every box by another expert", func(t *testing.T) {
		v := w.user(t)
		first := v.classify(t, "General")
		crowd(3, func(i int) harness.Answer { return v.positive(t, first.ID, first.Boxes[i].ID).OK(t, nil) })
		if !v.folder(t, "General").Pictures[0].Validated {
			t.Error("the picture is not validated although each of its boxes was confirmed")
		}
	})
	t.Run("one box drawn once each", func(t *testing.T) {
		v := w.user(t)
		first := v.classify(t, "General")
		label := "Crowded " + uuid.NewString()[:8] // a new seed, made once
		crowd(6, func(i int) harness.Answer {
			return v.negative(t, first.ID, fields{"boxId": "", "classId": "", "label": label, "box": rect(1, 1, float64(10+i), 20)}).OK(t, nil)
		})
		if got := rebuilt(t, v.negative(t, first.ID)); len(got.Boxes) != 9 || got.Occurrence[label] != 6 || w.seedID(t, label) == "" {
			t.Errorf("%d boxes, %v, want 9 with 6 of %s", len(got.Boxes), got.Occurrence, label)
		}
	})
	t.Run("one folder deleted once", func(t *testing.T) {
		v := w.user(t)
		id := v.create(t, "doomed")
		v.classify(t, id)
		answers := crowd(6, func(int) harness.Answer {
			return v.page.Post(t, "/del", fields{"container_name": v.id, "folder_name": id})
		})
		if n := accepted(t, answers, "Datastore Error deleting directory : "); n != 1 {
			t.Errorf("%d of 6 deleted the folder, want 1", n)
		}
	})
}

// TestDrain stops a server while a model still thinks: the answer arrives, and
// what it says is stored.
func TestDrain(t *testing.T) {
	t.Parallel()
	models := harness.NewModels(t)
	store := harness.Local(t).With("NACHET_FRONTEND_PUBLIC_URL=" + origin)
	id := store.Command(t, "user", "create", "--email", "kim@lab.example")
	store.Command(t, "pipeline", "import", store.Write(t, "p.json", models.LegacyFile(t, swin, "k", nil)))
	server := harness.Start(t, store)
	called, stopping := make(chan struct{}, 1), make(chan struct{})
	models.Answer(func(c harness.Call) harness.Reply {
		if c.Model == "detector" {
			called <- struct{}{}
			<-stopping
		}
		return harness.Seeds(c)
	})
	v := &visitor{w: &world{models: models, drawer: &harness.Drawer{}}, page: harness.NewClient(server.URL, origin), id: id}
	var found inference
	var asked sync.WaitGroup
	asked.Go(func() { found = v.classify(t, "General") })
	wait(t, called, "the model is called")
	server.Signal(t, syscall.SIGTERM)
	harness.Eventually(t, "the server says that it stops", func() bool { return len(server.LogLines("stopping")) > 0 })
	close(stopping)
	asked.Wait()
	server.Stop(t)
	v.page = harness.NewClient(harness.Start(t, store).URL, origin)
	var stored struct{ Inference inference }
	v.page.Post(t, "/get-picture", fields{"container_name": id, "picture_id": found.PictureID}).OK(t, &stored)
	if stored.Inference.ID != found.ID || len(stored.Inference.Boxes) != 3 {
		t.Errorf("stored inference = %+v, want %s with three boxes", stored.Inference, found.ID)
	}
}

// TestModernStatus answers failures with their own status, the bodies as ever.
func TestModernStatus(t *testing.T) {
	t.Parallel()
	models := harness.NewModels(t)
	store := harness.Local(t).With("NACHET_FRONTEND_PUBLIC_URL="+origin, "GRANARY_VISION_NACHET_MODERN_STATUS=true", "GRANARY_VISION_NACHET_REQUIRE_VALIDATOR=true")
	id := store.Command(t, "user", "create", "--email", "kim@lab.example")
	other := store.Command(t, "user", "create", "--email", "lee@lab.example")
	store.Command(t, "pipeline", "import", store.Write(t, "p.json", models.LegacyFile(t, swin, "k", nil)))
	page := harness.NewClient(harness.Start(t, store).URL, origin)
	v := &visitor{w: &world{models: models, drawer: &harness.Drawer{}}, page: page, id: id}
	theirs := (&visitor{page: page, id: other}).create(t, "theirs")
	none := uuid.NewString()
	image := harness.DataURL("image/png", v.w.drawer.PNG(t))
	page.Post(t, "/inf", v.request("General", swin, image)).RefusedLike(t, http.StatusBadRequest, "API Error during classification : ")
	page.Post(t, "/image-validation", fields{"image": image}).OK(t, nil)
	page.Post(t, "/inf", v.request("General", swin, image)).OK(t, nil)
	models.Answer(func(harness.Call) harness.Reply { return harness.Reply{Status: http.StatusInternalServerError} })
	for _, tc := range []struct {
		path   string
		body   any
		status int
		text   string
	}{
		{"/get-user-id", fields{}, 401, "Datastore Error retrieving user id for email None : User not found"},
		{"/get-directories", fields{}, 400, "API Error retrieving user directories : Missing container name"},
		{"/get-directories", fields{"container_name": none}, 404, "Datastore Error retrieving user directories : User not found based on the given id: " + none},
		{"/delete-permanently", fields{"container_name": id, "folder_uuid": theirs}, 403, "Datastore Error deleting directory : User can't delete this folder"},
		{"/create-dir", fields{"container_name": id, "folder_name": "General"}, 409, "Datastore Error creating directory : Folder already exists"},
		{"/inf", `{"image":"` + strings.Repeat("A", 17<<20) + `"}`, 413, "Unhandled API error : Error during classification"},
		{"/inf", v.request("General", swin, image), 503, detectFailed},
	} {
		page.Post(t, tc.path, tc.body).RefusedLike(t, tc.status, tc.text)
	}
}

// TestDocumentedRoutes asks the binary itself for its routes: what is not
// public refuses whoever does not say who it is.
func TestDocumentedRoutes(t *testing.T) {
	t.Parallel()
	script := harness.NewClient(harness.Start(t, harness.Local(t)).URL, "")
	var document struct {
		Paths map[string]map[string]struct {
			Access string `json:"x-access"`
		} `json:"paths"`
	}
	script.Get(t, "/openapi.json").OK(t, &document)
	asked := 0
	for path, operations := range document.Paths {
		for method, operation := range operations {
			switch operation.Access {
			case "public", "by_door":
			case "signed_in", "steward_only", "admin_only":
				path := strings.NewReplacer("{", "", "}", "").Replace(path)
				got := script.Do(t, strings.ToUpper(method), path, nil)
				if got.Status != http.StatusUnauthorized || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/problem+json") {
					t.Errorf("%s = %d as %s, want 401 as a problem", got.Request, got.Status, got.Header.Get("Content-Type"))
				}
				asked++
			default:
				t.Errorf("%s %s has the access %q, which is none", method, path, operation.Access)
			}
		}
	}
	if asked < 25 {
		t.Errorf("%d protected routes, want at least 25", asked)
	}
}
