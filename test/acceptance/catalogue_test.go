package acceptance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/test/harness"
)

// testSeeds reads the seeds, which need neither user nor credentials.
func testSeeds(t *testing.T, w *world) {
	var list struct {
		Seeds []map[string]string `json:"seeds"`
	}
	answer := w.page.Get(t, "/seeds").OK(t, &list)
	var names []string
	for _, s := range list.Seeds {
		if len(s) != 2 || s["seed_id"] == "" || s["seed_name"] == "" {
			t.Errorf("seed = %v, want seed_id and seed_name", s)
		}
		names = append(names, strings.ToLower(s["seed_name"]))
	}
	if !slices.IsSorted(names) {
		t.Errorf("seeds are not sorted by name: %v", names)
	}
	tag := answer.Header.Get("ETag")
	if tag == "" {
		t.Error("/seeds has no ETag")
	}
	// Another test may add a seed meanwhile, so the tag may have changed.
	again := w.page.WithHeader("If-None-Match", tag).Get(t, "/seeds")
	if again.Status != 304 && again.Header.Get("ETag") == tag {
		t.Errorf("/seeds with the same tag = %d, want 304", again.Status)
	}
}

// testMetadata reads what the model popup shows, and looks for secrets.
func testMetadata(t *testing.T, w *world) {
	var list []fields
	answer := w.page.Get(t, "/model-endpoints-metadata").OK(t, &list)
	defaults := 0
	for _, p := range list {
		if p["default"] == true {
			defaults++
		}
		if p["model_name"] != p["pipeline_name"] || p["model_name"] == "" {
			t.Errorf("model_name = %v, pipeline_name = %v, want them equal", p["model_name"], p["pipeline_name"])
		}
		if p["pipeline_name"] != swin {
			continue
		}
		delete(p, "default") // another test may import a new default
		delete(p, "pipeline_id")
		want := fields{
			"accuracy": 0.9, "created_by": "Avery", "creation_date": "2024-03-18", "dataset": "ds", "description": "desc", "job_name": "job",
			"model_name": swin, "models": []any{"seed-detector-1", "swinv1-base-dataaugv2-1"}, "pipeline_name": swin, "version": "1",
		}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("metadata (-want +got):\n%s", diff)
		}
	}
	if defaults != 1 {
		t.Errorf("%d pipelines are the default, want 1", defaults)
	}
	for _, secret := range []string{"endpoint\"", "api_key", "world-key", w.models.URL, "gAAAA"} {
		if bytes.Contains(answer.Body, []byte(secret)) {
			t.Errorf("the metadata holds %q", secret)
		}
	}
}

// testModelCalls holds what the models were sent against section 4.3.
func testModelCalls(t *testing.T, w *world) {
	v := w.user(t)
	models := harness.NewModels(t)
	name := "calls " + v.id
	w.server.Command(t, "pipeline", "import", w.server.Write(t, "calls.json", models.LegacyFile(t, name, "calls-key", nil)))
	data := w.drawer.Picture(t, "jpeg", 400, 300)
	body := v.request("General", name, harness.DataURL("image/jpeg", data))
	v.page.Post(t, "/inf", body).OK(t, nil)
	detector, classifier := models.Calls("detector"), models.Calls("classifier")
	if len(detector) != 1 || len(classifier) != 3 {
		t.Fatalf("%d detector and %d classifier calls, want 1 and 3", len(detector), len(classifier))
	}
	if sent, err := detector[0].Picture(); err != nil || !bytes.Equal(sent, data) || detector[0].Body[0] != '{' {
		t.Errorf("the detector was not sent the file as it is: %v", err)
	}
	sizes := map[image.Point]bool{}
	for _, c := range classifier {
		crop, err := c.Picture()
		if err != nil || c.Body[0] == '{' {
			t.Fatalf("the classifier was not sent bare base64: %v, %.40q", err, c.Body)
		}
		cfg, format, err := image.DecodeConfig(bytes.NewReader(crop))
		if err != nil || format != "jpeg" {
			t.Fatalf("crop is %q, %v, want the source's format jpeg", format, err)
		}
		sizes[image.Pt(cfg.Width, cfg.Height)] = true
	}
	if diff := cmp.Diff(map[image.Point]bool{{120, 90}: true, {80, 90}: true, {80, 60}: true}, sizes); diff != "" {
		t.Errorf("crop sizes (-want +got):\n%s", diff)
	}
	for _, c := range append(detector, classifier...) {
		want := map[string]string{"Authorization": "Bearer calls-key", "Content-Type": "application/json", "Azureml-Model-Deployment": "seed-detector-1"}
		if c.Model == "classifier" {
			want["Azureml-Model-Deployment"] = "swinv1-base-dataaugv2-1"
		}
		for header, value := range want {
			if got := c.Header.Get(header); got != value {
				t.Errorf("%s: %s = %q, want %q", c.Model, header, got, value)
			}
		}
	}
	// The world's file is encrypted; its key arrives decrypted all the same.
	v.classify(t, "General")
	if got := w.models.Calls("detector")[0].Header.Get("Authorization"); got != "Bearer world-key" {
		t.Errorf("Authorization from the encrypted file = %q, want Bearer world-key", got)
	}
	// Colours as numbers, on request.
	body["color_format"], body["image"] = "rgb", harness.DataURL("image/png", w.drawer.PNG(t))
	var got inference
	v.page.Post(t, "/inf", body).OK(t, &got)
	if diff := cmp.Diff([]any{237.0, 28.0, 36.0}, got.Boxes[0].Color); diff != "" {
		t.Errorf("rgb colour (-want +got):\n%s", diff)
	}
}

// testFacts serves the fact sheets of NACHET_DATA, and says so when they
// cannot be had.
func testFacts(t *testing.T, w *world) {
	var want, got any
	if err := json.Unmarshal([]byte(echium), &want); err != nil {
		t.Fatal(err)
	}
	w.page.Get(t, "/seed-data/Echium%20vulgare").OK(t, &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fact sheet (-want +got):\n%s", diff)
	}
	// The one error that is a bare text.
	missing := w.page.Get(t, "/seed-data/zz")
	if missing.Status != 400 || missing.Short() != `"No information found for zz."` {
		t.Errorf("unknown seed = %d %s, want 400 with a bare text", missing.Status, missing.Short())
	}
	if got := w.page.Get(t, "/reload-seed-data").OK(t, nil).Short(); got != `["Seed data reloaded successfully"]` {
		t.Errorf("/reload-seed-data = %s", got)
	}
	w.facts.broken.Store(true)
	defer w.facts.broken.Store(false)
	w.page.Get(t, "/reload-seed-data").RefusedLike(t, 400, "Unhandled API error : An error happend when reloading the seed data: ")
	w.page.Get(t, "/seed-data/Echium%20vulgare").OK(t, nil) // what was fetched stays
}

// testPlain reads the small routes, and what is no route, at the root and
// under /api.
func testPlain(t *testing.T, w *world) {
	for _, prefix := range []string{"", "/api"} {
		page := w.page.At(w.server.URL + prefix)
		health := page.Get(t, "/health").OK(t, nil)
		if health.Short() != "ok" || health.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s/health = %q as %q, want ok as HTML", prefix, health.Short(), health.Header.Get("Content-Type"))
		}
		var version struct{ Version string }
		script := harness.NewClient(w.server.URL+prefix, "") // the platform's own /version has no page's CORS list
		script.Get(t, "/version").OK(t, &version)
		if version.Version == "" {
			t.Errorf("%s/version has no version", prefix)
		}
		if got := page.Get(t, "/ready").OK(t, nil).Short(); got != `{"status":"ready"}` {
			t.Errorf("%s/ready = %s", prefix, got)
		}
		if got := page.Get(t, "/ping").OK(t, nil); !strings.Contains(got.Short(), "server is running") {
			t.Errorf("%s/ping = %s", prefix, got.Short())
		}
		page.Get(t, "/seeds").OK(t, nil)
		v := w.user(t)
		var who struct {
			ID string `json:"user_id"`
		}
		page.Post(t, "/get-user-id", fields{"email": v.email}).OK(t, &who)
		v.page = page
		if who.ID != v.id || len(v.folders(t)) != 1 {
			t.Errorf("%s: user %s, want %s with one folder", prefix, who.ID, v.id)
		}
		v.classify(t, "General")

		// What is no route is HTML, not the array.
		for _, tc := range []struct {
			method, path string
			status       int
		}{
			{"GET", "/inf", 405},
			{"PUT", "/seeds", 405},
			{"DELETE", "/create-dir", 405},
			{"POST", "/seeds", 405},
			{"GET", "/coffee", 404},
			{"POST", "/no-such-route", 404},
		} {
			got := script.Do(t, tc.method, tc.path, nil)
			if got.Status != tc.status || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") {
				t.Errorf("%s = %d as %q, want %d as HTML", got.Request, got.Status, got.Header.Get("Content-Type"), tc.status)
			}
		}
	}
}

// testPipelineOfTest uses the pipeline with a fixed answer, which this
// server's configuration allows; it takes no other's place.
func testPipelineOfTest(t *testing.T, w *world) {
	want := `[{"models":["test_model1"],"pipeline_name":"test_pipeline"}]`
	if got := w.page.Get(t, "/test").OK(t, nil).Short(); got != want {
		t.Errorf("/test = %s, want %s", got, want)
	}
	v := w.user(t)
	body := v.request("General", "test_pipeline", harness.DataURL("image/png", w.drawer.Picture(t, "png", 1000, 500)))
	body["imageDims"] = []int{1000, 500}
	var got inference
	v.page.Post(t, "/inf", body).OK(t, &got)
	if len(got.Boxes) != 1 || got.FileName != "test_image.jpg" || len(got.Boxes[0].TopN) != 1 {
		t.Fatalf("inference = %+v, want one box of test_image.jpg with one guess", got)
	}
	b := got.Boxes[0]
	if diff := cmp.Diff(rect(78, 34, 860, 280), b.corners()); diff != "" || b.Label != "Ambrosia artemisiifolia" || b.Score != 1 {
		t.Errorf("box = %+v, corners (-want +got):\n%s", b, diff)
	}
	v.classify(t, "General") // the others still work
}

// sized returns a PNG of one colour, which is small whatever its size.
func sized(t *testing.T, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// testValidation goes through the rules of section 5.
func testValidation(t *testing.T, w *world) {
	small := w.drawer.PNG(t)
	jpg := w.drawer.Picture(t, "jpeg", 64, 48)
	tif := w.drawer.Picture(t, "tiff", 64, 48)
	for _, ok := range []struct {
		header string
		data   []byte
	}{
		{"image/png", small},
		{"image/PNG", small}, // the header is lower-cased first
		{"image/jpeg", jpg},
		{"image/tiff", tif},
		{"image/png", sized(t, 2000, 1000)}, // only one side is over the limit
	} {
		sum := sha256.Sum256(ok.data)
		var got []string
		w.page.Post(t, "/image-validation", fields{"image": harness.DataURL(ok.header, ok.data)}).OK(t, &got)
		if diff := cmp.Diff([]string{hex.EncodeToString(sum[:])}, got); diff != "" {
			t.Errorf("validation as %s (-want +got):\n%s", ok.header, diff)
		}
	}
	const bitmap = "#define x_width 8\n#define x_height 1\nstatic char x_bits[] = {0x00};\n"
	const prefix = "API Error validating image : "
	for _, tc := range []struct{ header, text string }{
		{harness.DataURL("image/png", sized(t, 2000, 2000)), prefix + "invalid file size: 2000x2000"},
		{harness.DataURL("image/png", small[:len(small)/2]), prefix + "invalid file not resizable"},
		{harness.DataURL("image/png", []byte(bitmap)), prefix + "invalid file extension: plain"},
		{harness.DataURL("image/png", []byte("P6\n1 1\n255\nabc")), prefix + "invalid file extension: x-portable-pixmap"},
		{strings.Replace(harness.DataURL("", small), "data:;base64", "data:image/", 1), prefix + "invalid file header: data:image/"},
		{harness.DataURL("image/jpg", jpg), prefix + "invalid file header: data:image/jpg;base64"},
		{harness.DataURL("image/jpeg", small), prefix + "invalid file header: data:image/jpeg;base64"},
		{"", prefix + "Missing image"},
	} {
		w.page.Post(t, "/image-validation", fields{"image": tc.header}).Refused(t, 400, tc.text)
	}
	for _, image := range []string{"nocomma", "data:image/png;base64,***", harness.DataURL("image/png", []byte("no picture at all"))} {
		w.page.Post(t, "/image-validation", fields{"image": image}).RefusedLike(t, 400, "Unhandled API error : Error validating image")
	}
}
