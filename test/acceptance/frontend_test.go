package acceptance

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	fernetlib "github.com/fernet/fernet-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"granary/test/harness"
)

// fernet returns what encrypts a value as the original's insertion tool does.
func fernet(t *testing.T, key string) func(string) string {
	t.Helper()
	parsed, err := fernetlib.DecodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return func(plain string) string {
		token, err := fernetlib.EncryptAndSign([]byte(plain), parsed)
		if err != nil {
			t.Fatal(err)
		}
		return string(token)
	}
}

// factServer plays the site behind NACHET_DATA.
type factServer struct {
	*httptest.Server
	broken atomic.Bool
}

const echium = `{"scientific_name":"Echium vulgare","family":{"en":"Boraginaceae","fr":"Boraginacées"}}`

func newFactServer(t *testing.T) *factServer {
	t.Helper()
	s := &factServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.broken.Load() || r.URL.Path != "/seeds/all.json" {
			http.Error(w, "gone", http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(`{"Echium vulgare":` + echium + `}`))
	}))
	t.Cleanup(s.Close)
	return s
}

// testStart is what a page does first: three calls at once, the one for the
// user with credentials, then the folders.
func testStart(t *testing.T, w *world) {
	v := w.user(t)
	var who struct {
		ID string `json:"user_id"`
	}
	var seeds struct {
		Seeds []struct{ ID, Name string } `json:"seeds"`
	}
	var pipelines []fields
	var calls sync.WaitGroup
	calls.Go(func() { w.page.Get(t, "/seeds").OK(t, &seeds) })
	calls.Go(func() { w.page.Post(t, "/get-user-id", fields{"email": v.email}).OK(t, &who) })
	calls.Go(func() { w.page.Get(t, "/model-endpoints-metadata").OK(t, &pipelines) })
	calls.Wait()
	if who.ID != v.id {
		t.Errorf("user_id = %q, want %q", who.ID, v.id)
	}
	if len(seeds.Seeds) < 15 || len(pipelines) == 0 {
		t.Errorf("%d seeds and %d pipelines, want at least 15 and 1", len(seeds.Seeds), len(pipelines))
	}
	folders := v.folders(t)
	if len(folders) != 1 || folders[0].Name != "General" || folders[0].Count != 0 || folders[0].Pictures == nil {
		t.Errorf("folders of a new account = %+v, want one empty General", folders)
	}
}

// testPreflight holds every route's preflight against specification section 2.
func testPreflight(t *testing.T, w *world) {
	for _, path := range []string{
		"/get-user-id", "/get-directories", "/create-dir", "/del", "/inf", "/seeds", "/model-endpoints-metadata",
		"/feedback-positive", "/feedback-negative", "/new-batch-import", "/upload-picture", "/api/inf",
	} {
		method := http.MethodPost
		if path == "/seeds" || path == "/model-endpoints-metadata" {
			method = http.MethodGet
		}
		ask := func(from string) harness.Answer {
			return harness.NewClient(w.server.URL, "").WithHeader("Origin", from).
				WithHeader("Access-Control-Request-Method", method).
				WithHeader("Access-Control-Request-Headers", "access-control-allow-origin,content-type").
				Do(t, http.MethodOptions, path, nil)
		}
		answer := ask(origin)
		if answer.Status != http.StatusOK {
			t.Errorf("preflight of %s = %d, want 200", path, answer.Status)
		}
		want := map[string]string{
			"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true",
			"Access-Control-Allow-Headers": "access-control-allow-origin,content-type",
			"Access-Control-Allow-Methods": "GET, POST, OPTIONS", "Access-Control-Max-Age": "86400",
		}
		for name, value := range want {
			if got := answer.Header.Get(name); got != value {
				t.Errorf("preflight of %s: %s = %q, want %q", path, name, got, value)
			}
		}
		if got := strings.Join(answer.Header.Values("Vary"), ","); !strings.Contains(got, "Origin") {
			t.Errorf("preflight of %s: Vary = %q, want Origin in it", path, got)
		}
		// Exactly the listed origin: scheme, host and port.
		for _, other := range []string{"http://localhost:3001", "https://localhost:3000", "http://evil.example", "null"} {
			for name := range ask(other).Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("preflight of %s from %s has the header %s, want none", path, other, name)
				}
			}
		}
	}
	// A page elsewhere gets the normal answer, without any CORS header.
	answer := harness.NewClient(w.server.URL, "").WithHeader("Origin", "http://evil.example").Get(t, "/seeds").OK(t, nil)
	if got := answer.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("Access-Control-Allow-Origin for an unlisted origin = %q, want none", got)
	}
}

// testFolders makes folders, sees them in order, and deletes them in every way
// that clients use.
func testFolders(t *testing.T, w *world) {
	v := w.user(t)
	first, second := v.create(t, "trial-1"), v.create(t, "trial.2 é 種子")
	var names, ids []string
	for _, f := range v.folders(t) {
		names, ids = append(names, f.Name), append(ids, f.ID)
	}
	if diff := cmp.Diff([]string{"General", "trial-1", "trial.2 é 種子"}, names); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{first, second}, ids[1:]); diff != "" {
		t.Errorf("folder ids (-want +got):\n%s", diff)
	}
	var bare []folder
	v.page.Post(t, "/dir", fields{"container_name": v.id}).OK(t, &bare)
	if len(bare) != 3 || bare[0].Name != "General" {
		t.Errorf("/dir = %+v, want the same three folders", bare)
	}
	// The front end's button sends the id as folder_name.
	deleted := func(body fields) {
		t.Helper()
		body["container_name"] = v.id
		if got := v.page.Post(t, "/del", body).OK(t, nil).Short(); got != "[true]" {
			t.Errorf("/del = %s, want [true]", got)
		}
	}
	v.classify(t, first)
	deleted(fields{"folder_name": first})
	deleted(fields{"folder_name": "trial.2 é 種子"})
	if left := v.folders(t); len(left) != 1 {
		t.Errorf("folders after both deletions = %+v, want only General", left)
	}
	// The same name is free again.
	if again := v.create(t, "trial-1"); again == first {
		t.Errorf("a new folder has the deleted one's id %s", again)
	}
	// General stays, whatever it is called, and keeps its pictures.
	kept := v.classify(t, "General")
	for _, ref := range []string{"General", ids[0]} {
		v.page.Post(t, "/del", fields{"container_name": v.id, "folder_name": ref}).
			Refused(t, 400, "Datastore Error deleting directory : User can't delete the default picture set, user uuid :"+v.id)
	}
	v.page.Post(t, "/get-picture", fields{"container_name": v.id, "picture_id": kept.PictureID}).OK(t, nil)
}

// testClassify sends each format of picture and looks at everything that the
// answer holds and that the models were sent.
func testClassify(t *testing.T, w *world) {
	v := w.user(t)
	id := v.create(t, "formats")
	for i, tc := range []struct{ claimed, format string }{
		{"image/png", "png"}, {"image/jpeg", "jpeg"}, {"image/tiff", "tiff"}, {"image/PNG", "tiff"},
	} {
		data := w.drawer.Picture(t, tc.format, 1000, 500)
		body := v.request(id, swin, harness.DataURL(tc.claimed, data))
		body["imageDims"] = []int{1000, 500}
		var got inference
		answer := v.page.Post(t, "/inf", body).OK(t, &got)
		checkInference(t, answer, got)
		if folder := v.folder(t, id); folder.Count != i+1 || !folder.Pictures[i].Inferred || folder.Pictures[i].Validated {
			t.Errorf("%s as %s: folder = %+v, want %d pictures, the last classified and not verified", tc.format, tc.claimed, folder, i+1)
		}
		var stored struct{ Image string }
		v.page.Post(t, "/get-picture", fields{"container_name": v.id, "picture_id": got.PictureID}).OK(t, &stored)
		if want := "data:image/" + tc.format + ";base64," + base64.StdEncoding.EncodeToString(data); stored.Image != want {
			t.Errorf("%s as %s: the stored image differs: begins %.40q, want %.40q", tc.format, tc.claimed, stored.Image, want)
		}
	}
}

// checkInference holds an answer for harness.Seeds at 1000×500 pixels against
// specification sections 3.7 and 4.4.
func checkInference(t *testing.T, answer harness.Answer, got inference) {
	t.Helper()
	var top fields
	answer.OK(t, &top)
	for _, key := range []string{"boxes", "filename", "inference_id", "labelOccurrence", "models", "pipeline_id", "totalBoxes"} {
		if _, ok := top[key]; !ok {
			t.Errorf("the answer has no %s", key)
		}
	}
	if got.Total != 3 || len(got.Boxes) != 3 || got.Occurrence["Ambrosia trifida"] != 3 || got.FileName != "default_filename" {
		t.Fatalf("inference = %+v, want three boxes of Ambrosia trifida", got)
	}
	for _, id := range []string{got.ID, got.PictureID, got.PipelineID} {
		if uuid.Validate(id) != nil {
			t.Errorf("id %q is no UUID", id)
		}
	}
	if len(got.Models) != 2 || got.Models[0].Name != "seed-detector-1" || got.Models[0].Version != "1" || got.Models[1].Name != "swinv1-base-dataaugv2-1" {
		t.Errorf("models = %+v, want the detector and the classifier", got.Models)
	}
	wantRects := []fields{rect(100, 50, 400, 200), rect(500, 250, 700, 400), rect(750, 50, 950, 150)}
	for i, b := range got.Boxes {
		if diff := cmp.Diff(wantRects[i], b.corners()); diff != "" {
			t.Errorf("box %d (-want +got):\n%s", i, diff)
		}
		if b.Label != "Ambrosia trifida" || b.Score != 0.75 || b.ObjectType != 1 || b.Verified || b.Overlap || b.Overlaps == nil || b.Color != "#ED1C24" {
			t.Errorf("box %d = %+v, want an unverified Ambrosia trifida, score 0.75, colour #ED1C24", i, b)
		}
		if len(b.TopN) != 5 || b.TopN[0].ID != b.TopID || b.TopN[1].Label != "Ambrosia artemisiifolia" || b.TopN[1].Score != 0.18 {
			t.Errorf("box %d: topN = %+v, want five guesses, the first with top_id", i, b.TopN)
		}
	}
}

// testTargetFolder selects folders by id, by name, General and unknown.
func testTargetFolder(t *testing.T, w *world) {
	v, other := w.user(t), w.user(t)
	id := v.create(t, "selected")
	foreign := other.create(t, "foreign")
	for _, tc := range []struct{ ref, lands string }{
		{id, "selected"},
		{"selected", "selected"},
		{"General", "General"},
		{v.folder(t, "General").ID, "General"},
		{"nowhere", "General"},
		{uuid.NewString(), "General"},
		{foreign, "General"}, // somebody else's is as unknown as none
	} {
		before := v.folder(t, tc.lands).Count
		v.classify(t, tc.ref)
		if got := v.folder(t, tc.lands).Count; got != before+1 {
			t.Errorf("classify in %q: %s holds %d pictures, want %d", tc.ref, tc.lands, got, before+1)
		}
	}
	if got := other.folder(t, foreign).Count; got != 0 {
		t.Errorf("somebody else's folder holds %d pictures, want 0", got)
	}
}
