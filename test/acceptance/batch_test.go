package acceptance

import (
	"sync"
	"testing"

	"github.com/google/uuid"

	"granary/test/harness"
)

// session opens a batch.
func (v *visitor) session(t *testing.T, pictures int, name string) string {
	t.Helper()
	var answer struct {
		ID string `json:"session_id"`
	}
	v.page.Post(t, "/new-batch-import", fields{
		"container_name": v.id, "user_id": v.id, "nb_pictures": pictures, "folder_name": name,
	}).OK(t, &answer)
	if uuid.Validate(answer.ID) != nil {
		t.Fatalf("session_id = %q, want a UUID", answer.ID)
	}
	return answer.ID
}

// upload is the body of /upload-picture as the front end sends it.
func (v *visitor) upload(session string, data []byte) fields {
	return fields{
		"container_name": v.id, "user_id": v.id, "session_id": session, "seed_name": "Brassica napus", "seed_id": nil,
		"zoom_level": 2.5, "nb_seeds": 3, "image": harness.DataURL("image/tiff", data),
	}
}

// testBatch posts n files as the front end does, whose loop starts again each
// time a file is done: n(n+1)/2 posts, many at once.
func testBatch(t *testing.T, w *world) {
	v := w.user(t)
	const n = 5
	session := v.session(t, n, "harvest")
	files := make([][]byte, n)
	for i := range files {
		files[i] = w.drawer.PNG(t)
	}
	var posts sync.WaitGroup
	for start := range files {
		for _, file := range files[start:] {
			posts.Go(func() {
				if got := v.page.Post(t, "/upload-picture", v.upload(session, file)); got.Status != 200 || got.Short() != "[true]" {
					t.Errorf("/upload-picture = %d %s, want 200 [true]", got.Status, got.Short())
				}
			})
		}
	}
	posts.Wait()
	got := v.folder(t, "harvest")
	if got.ID != session || got.Count != n {
		t.Errorf("folder = %s with %d pictures, want %s with %d", got.ID, got.Count, session, n)
	}
	for _, p := range got.Pictures {
		if p.Inferred || !p.Validated {
			t.Errorf("picture %+v, want validated without inference", p)
		}
	}
	// No more than were announced; a repeat of one that is there is no more.
	const text = "Datastore Error uploading picture : An error occured during the upload of the pictures"
	v.page.Post(t, "/upload-picture", v.upload(session, w.drawer.PNG(t))).RefusedLike(t, 400, text+" : ")
	v.page.Post(t, "/upload-picture", v.upload(session, files[0])).OK(t, nil)
	// Not into somebody else's session, a plain folder, or General.
	other := w.user(t)
	foreign := v.session(t, 3, "")
	other.page.Post(t, "/upload-picture", other.upload(foreign, files[0])).Refused(t, 400, text)
	for _, set := range []string{v.create(t, "plain"), v.folder(t, "General").ID, uuid.NewString()} {
		v.page.Post(t, "/upload-picture", v.upload(set, files[0])).Refused(t, 400, text)
	}
	// An unnamed set is called by its id.
	if got := v.folder(t, foreign); got.Name != foreign || got.Count != 0 {
		t.Errorf("unnamed set = %+v, want it empty and called by its id", got)
	}
	// Without zoom and count, with an unknown name, or with an id that wins.
	body := v.upload(foreign, w.drawer.PNG(t))
	body["zoom_level"], body["nb_seeds"], body["seed_name"] = nil, nil, "Rarus "+foreign[:8]
	v.page.Post(t, "/upload-picture", body).OK(t, nil)
	if w.seedID(t, "Rarus "+foreign[:8]) == "" {
		t.Error("the unknown seed name was not created")
	}
	body = v.upload(foreign, w.drawer.Picture(t, "tiff", 300, 200))
	delete(body, "seed_name")
	body["seed_id"] = w.seedID(t, "Solanum nigrum")
	v.page.Post(t, "/upload-picture", body).OK(t, nil)
	if got := v.folder(t, foreign).Count; got != 2 {
		t.Errorf("the unnamed set holds %d pictures, want 2", got)
	}
	// Validated pictures make the front end ask twice.
	if got := v.page.Post(t, "/delete-request", fields{"container_name": v.id, "folder_uuid": session}).OK(t, nil).Short(); got != "true" {
		t.Errorf("/delete-request of a batch = %s, want true", got)
	}
}

// testDelete goes through the three routes that delete by id.
func testDelete(t *testing.T, w *world) {
	v := w.user(t)
	ask := func(route, id string) string {
		t.Helper()
		return v.page.Post(t, route, fields{"container_name": v.id, "folder_uuid": id}).OK(t, nil).Short()
	}
	plain := v.create(t, "plain")
	picture := v.classify(t, plain)
	if got := ask("/delete-request", plain); got != "false" {
		t.Errorf("/delete-request of unverified pictures = %s, want false", got)
	}
	if got := ask("/delete-permanently", plain); got != "true" {
		t.Errorf("/delete-permanently = %s, want true", got)
	}
	v.page.Post(t, "/get-picture", fields{"container_name": v.id, "picture_id": picture.PictureID}).
		Refused(t, 400, "Datastore Error retrieving the picture : Picture not found based on the given id: "+picture.PictureID)

	// The verified picture goes to the archive with all that was said of it,
	// the other one goes.
	mixed := v.create(t, "mixed")
	kept, lost := v.classify(t, mixed), v.classify(t, mixed)
	rebuilt(t, v.positive(t, kept.ID, ids(kept)...))
	if got := ask("/delete-request", mixed); got != "true" {
		t.Errorf("/delete-request = %s, want true", got)
	}
	if got := ask("/delete-with-archive", mixed); got != "true" {
		t.Errorf("/delete-with-archive = %s, want true", got)
	}
	for _, f := range v.folders(t) {
		if f.ID == mixed {
			t.Error("the archived folder is still there")
		}
	}
	var dev struct {
		ID string `json:"user_id"`
	}
	w.page.Post(t, "/get-user-id", fields{"email": devEmail}).OK(t, &dev)
	keeper := &visitor{w: w, page: w.page, id: dev.ID}
	archived := map[string]bool{}
	for _, f := range keeper.folders(t) {
		for _, p := range f.Pictures {
			archived[p.ID] = p.Validated && p.Inferred
		}
	}
	if !archived[kept.PictureID] {
		t.Error("the verified picture is not with the dev user")
	}
	if _, there := archived[lost.PictureID]; there {
		t.Error("the unverified picture was archived")
	}
	var stored struct{ Inference inference }
	keeper.page.Post(t, "/get-picture", fields{"container_name": dev.ID, "picture_id": kept.PictureID}).OK(t, &stored)
	if len(stored.Inference.Boxes) != 3 || !stored.Inference.Boxes[0].Verified {
		t.Errorf("archived inference = %+v, want three verified boxes", stored.Inference)
	}
	// General stays with its pictures, on every route.
	general := v.folder(t, "General").ID
	inside := v.classify(t, general)
	for _, route := range []string{"/delete-permanently", "/delete-with-archive"} {
		v.page.Post(t, route, fields{"container_name": v.id, "folder_uuid": general}).
			Refused(t, 400, "Datastore Error deleting directory : User can't delete the default picture set, user uuid :"+v.id)
	}
	v.page.Post(t, "/get-picture", fields{"container_name": v.id, "picture_id": inside.PictureID}).OK(t, nil)
}
