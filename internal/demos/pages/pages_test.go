package pages_test

import (
	"bytes"
	"image"
	_ "image/jpeg" // thumbnails are JPEG
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos"
	"granary/internal/demos/dataset"
)

const pairsOfTwo = `{"index":{"sources":{"doc":{"uid":"doc","type":"zip"}},"transpositions":["none","rot90"],"images":[
{"id":"a.png","src":"images/a.png","path":"images/a.png","metadata":null,"doc_uid":"doc"},
{"id":"crop-1","src":"images/b.png","path":"cropped/crop-1.jpg","metadata":{"crop":"0.100,0.200,0.500,0.900"},"doc_uid":"doc"}]},
"pairs":[[0,1,0.87,0,1]]}`

func TestResultsAreDrawn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		app, endpoint, output string
		files                 func(t *testing.T) map[string]string
		want, never           []string
	}{
		"alike pictures with their scores and turns": {
			app: "similarity",
			files: func(*testing.T) map[string]string {
				return map[string]string{"similarity/results/e/d-scores.json": pairsOfTwo}
			},
			want: []string{
				"0.87", "turned by 90°", "/console/demos/pictures/zip/doc/images/a.png?size=176",
				"/pictures/zip/doc/images/b.png?crop=0.100%2C0.200%2C0.500%2C0.900",
			},
			never: []string{"cropped/crop-1.jpg"},
		},
		"boxes on pages": {
			app: "regions",
			files: func(*testing.T) map[string]string {
				return map[string]string{"shared/documents/zip/doc/annotations/m+e.json": `[{"source":"a.png","source_info":{"id":"a.png","path":"images/a.png"},
					"width":40,"height":20,"crops":[{"confidence":0.75,"absolute":{"x1":3,"y1":4,"x2":13,"y2":16,"width":10,"height":12},"class":{"id":1,"label":"line"}}]}]`}
			},
			want: []string{`viewBox="0 0 40 20"`, `x="3" y="4" width="10" height="12"`, "1 · line · 0.75", "1 found"},
		},
		"drawings beside their originals": {
			app: "vectorization",
			files: func(*testing.T) map[string]string {
				return map[string]string{"vectorization/results/doc/b.svg": "<svg/>"}
			},
			want:  []string{"/tasks/t1/files/vectorization/results/doc/b.svg", "/pictures/zip/doc/images/b.png"},
			never: []string{"images/a.png"},
		},
		"groups with prototype and members": {
			app: "dticlustering",
			files: func(t *testing.T) map[string]string {
				t.Helper()
				return map[string]string{"dticlustering/results/t1.zip": archive(t, "prototypes/prototype2.png", "clusters/cluster2/0_raw.png", "clusters/cluster2/0_tsf.png", "clusters.html")}
			},
			want:  []string{"Group 2", "1 picture", "/archive/prototypes/prototype2.png", "/archive/clusters/cluster2/0_raw.png"},
			never: []string{"0_tsf.png"},
		},
		"watermarks on the uploaded picture": {
			app: "watermarks", output: `{"detection":{"boxes":[[0.25,0.5,0.75,1]],"scores":[0.9]}}`,
			want: []string{"/tasks/t1/upload", `x="10" y="10" width="20" height="10"`},
		},
		"marks of a collection that are like a watermark": {
			app: "watermarks", output: `{"detection":{"boxes":[[0.25,0.5,0.75,1]],"scores":[0.9]},"matches":[[{"similarity":0.66,"source_index":0},{"similarity":0.5,"source_index":7}]]}`,
			want:  []string{"/console/demos/sources/watermarks/briquet/s%201/m.png?size=176", "0.66", "crop=0.2500%2C0.5000%2C0.7500%2C1.0000"},
			never: []string{">0.50<"},
		},
		"what an app says went wrong": {
			app: "similarity", output: `{"error":["page <3> is blank"]}`,
			files: func(*testing.T) map[string]string {
				return map[string]string{"similarity/results/e/d-scores.json": pairsOfTwo}
			},
			want: []string{"page &lt;3&gt; is blank"},
		},
		"replaced results say so": {app: "vectorization", want: []string{"a later task on the same documents"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.task.App = tc.app
			f.task.Parameters = `{"compare_to":"briquet"}`
			if tc.output != "" {
				f.output = tc.output
			}
			if tc.files != nil {
				f.files = tc.files(t)
			}
			w := get(t, f, "/console/demos/tasks/t1")
			check(t, w, tc.want, tc.never)
		})
	}
}

// check proves that a page was answered with some texts and without others.
func check(t *testing.T, w *httptest.ResponseRecorder, want, never []string) {
	t.Helper()
	page := w.Body.String()
	if w.Code != http.StatusOK {
		t.Fatalf("status = %d: %s", w.Code, page)
	}
	for _, text := range want {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	for _, text := range never {
		if strings.Contains(page, text) {
			t.Errorf("the page has %q", text)
		}
	}
}

func TestDamagedResultIsAnErrorPage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.files = map[string]string{"similarity/results/e/d-scores.json": strings.Replace(pairsOfTwo, "[0,1,", "[0,9,", 1)}
	if w := get(t, f, "/console/demos/tasks/t1"); w.Code != http.StatusBadRequest {
		t.Errorf("status = %d, want 400", w.Code)
	}
}

func TestRunningTaskIsFollowed(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.task.State, f.task.EndedAt = demos.Running, nil
	w := get(t, f, "/console/demos/tasks/t1")
	check(t, w, []string{
		`data-events="/console/jobs/j1/events"`, `data-after="4"`, "Describing", "3 of 7", "reading &lt;doc&gt;", "console/job.js",
		`action="/console/demos/tasks/t1/cancel"`, "http://front.example/notify", "trial &lt;1&gt;",
	}, []string{`id="result-title"`})
}

func TestStartReadsTheForm(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, pair := range [][2]string{
		{"endpoint", ""},
		{"type", "iiif"},
		{"src", "http://a.example/1\n\n http://a.example/2 "},
		{"p.algorithm", "segswap"},
		{"p.cosine_n_filter", "5"},
		{"p.transpositions", "none"},
		{"p.transpositions", "hflip"},
		{"p.skip_pairs", ""},
	} {
		if err := form.WriteField(pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/console/demos/apps/similarity/start", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	w := visit(t, f, r)
	if got, want := w.Header().Get("Location"), "/console/demos/tasks/t1"; w.Code != http.StatusSeeOther || got != want {
		t.Fatalf("start = %d %s, want 303 %s", w.Code, got, want)
	}
	in := f.started[0]
	wantDocuments := []dataset.Document{{Type: "iiif", Src: "http://a.example/1"}, {Type: "iiif", Src: "http://a.example/2"}}
	if diff := cmp.Diff(wantDocuments, in.Documents); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	got := map[string]string{}
	for name, value := range in.Parameters {
		got[name] = string(value)
	}
	want := map[string]string{
		"algorithm": `"segswap"`, "cosine_n_filter": `"5"`, "transpositions": `["none","hflip"]`, "segswap_prefilter": "false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
}

func TestPagesShowAppsFormsAndTasks(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	check(t, get(t, f, "/console/demos"), []string{"Similarity", "Clustering", "/console/demos/apps/watermarks"}, nil)
	check(t, get(t, f, "/console/demos/apps/similarity?src=http://x.example/a.zip"), []string{"First &amp; best", "http://x.example/a.zip", "upside down, mirrored"}, nil)
	check(t, get(t, f, "/console/demos/apps/watermarks"), []string{"Briquet", `type="file"`}, []string{`name="src"`})
	check(t, get(t, f, "/console/demos/apps/search"), []string{"Make an index", "Look pictures up"}, nil)
	check(t, get(t, f, "/console/demos/tasks?app=similarity&state=failed&experiment=e"), []string{"trial &lt;1&gt;", "Waiting or running"}, nil)
	want := demos.TaskFilter{App: "similarity", State: demos.Failed, ExperimentID: "e", Limit: 50}
	if diff := cmp.Diff(want, f.filter); diff != "" {
		t.Errorf("filter (-want +got):\n%s", diff)
	}
}

func TestJobLeadsToItsTask(t *testing.T) {
	t.Parallel()
	w := get(t, newFake(t), "/console/demos/jobs/j1")
	if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != "/console/demos/tasks/t1" {
		t.Errorf("job = %d %s, want 303 to its task", w.Code, got)
	}
}

func TestCancelStopsTheTask(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	w := visit(t, f, httptest.NewRequest(http.MethodPost, "/console/demos/tasks/t1/cancel", nil))
	if diff := cmp.Diff([]string{"t1"}, f.stopped); w.Code != http.StatusSeeOther || diff != "" {
		t.Errorf("cancel = %d, stopped (-want +got):\n%s", w.Code, diff)
	}
}

func TestPicturesAreServedAtTheSizeShown(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]image.Point{
		"/console/demos/pictures/zip/doc/images/a.png":                              {X: 40, Y: 20},
		"/console/demos/pictures/zip/doc/images/a.png?size=176":                     {X: 40, Y: 20},
		"/console/demos/pictures/zip/doc/images/a.png?crop=0.5,0,1,0.5":             {X: 20, Y: 10},
		"/console/demos/sources/watermarks/briquet/s%201/m.png?size=176":            {X: 40, Y: 20},
		"/console/demos/tasks/t1/upload?size=352":                                   {X: 40, Y: 20},
		"/console/demos/tasks/t1/archive/prototypes/prototype0.png?size=176":        {X: 40, Y: 20},
		"/console/demos/tasks/t1/archive/clusters/cluster3/raw/12.png?crop=0,0,1,1": {X: 40, Y: 20},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.files = map[string]string{"dticlustering/results/t1.zip": archive(t, "prototypes/prototype0.png", "clusters/cluster3/raw/12.png")}
			w := get(t, f, target)
			config, _, err := image.DecodeConfig(w.Body)
			if err != nil {
				t.Fatalf("status %d: %v", w.Code, err)
			}
			if got := (image.Point{X: config.Width, Y: config.Height}); got != want {
				t.Errorf("size = %v, want %v", got, want)
			}
		})
	}
}

func TestPicturesRefuseWhatIsNoPicture(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]int{
		"/console/demos/pictures/zip/doc/images.json":                 404,
		"/console/demos/pictures/zip/doc/images/none.png":             404,
		"/console/demos/pictures/zip/doc/images/..%2fimages.json":     404,
		"/console/demos/pictures/zip/other/images/a.png":              404,
		"/console/demos/pictures/zip/doc/images/a.png?size=1000000":   400,
		"/console/demos/pictures/zip/doc/images/a.png?crop=0,0,2,1":   400,
		"/console/demos/pictures/zip/doc/images/a.png?crop=0,0,NaN,1": 400,
		"/console/demos/pictures/zip/doc/images/a.png?crop=0,0,1":     400,
		"/console/demos/tasks/t1/archive/clusters.html":               404,
		"/console/demos/tasks/t1/files/similarity/results/other.json": 404,
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.files = map[string]string{"dticlustering/results/t1.zip": archive(t, "clusters.html")}
			if w := get(t, f, target); w.Code != want {
				t.Errorf("status = %d, want %d", w.Code, want)
			}
		})
	}
}

func TestFilesOfAppsCannotActInTheBrowser(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.files = map[string]string{"vectorization/results/doc/b.svg": "<svg/>"}
	w := get(t, f, "/console/demos/tasks/t1/files/vectorization/results/doc/b.svg")
	if got := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(got, "sandbox; default-src 'none'") {
		t.Errorf("Content-Security-Policy = %q, want a sandbox", got)
	}
	if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" || w.Body.String() != "<svg/>" {
		t.Errorf("X-Content-Type-Options = %q, body %q", got, w.Body)
	}
}
