package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"granary/test/front"
	"granary/test/harness"
)

// model is an entry of a form's choice.
type model struct {
	Name  *string `json:"name"`
	Model *string `json:"model"`
	Desc  *string `json:"desc"`
	Path  *string `json:"path"`
}

// form asks for the models of an app, as displaying its form does.
func form(t *testing.T, api front.API, prefix string, first string) {
	t.Helper()
	var models map[string]model
	answer, err := api.Do(t.Context(), http.MethodGet, prefix+"/models", "", nil)
	if err == nil {
		err = answer.JSON(&models)
	}
	if err != nil {
		t.Fatalf("models of %s: %v", prefix, err)
	}
	for stem, m := range models {
		if m.Name == nil || m.Desc == nil || m.Model == nil || *m.Model != stem || m.Path != nil {
			t.Errorf("model %s of %s = %s", stem, prefix, answer.Body)
		}
	}
	if !strings.HasPrefix(string(answer.Body), `{"`+first+`":`) {
		t.Errorf("models of %s = %.100s, want %s first", prefix, answer.Body, first)
	}
}

// testPipeline is a watermark pipeline of the demo front: regions, then
// similarity over what was found, started from within the first end.
func testPipeline(t *testing.T, l *demoLab) {
	d := l.demo(t, 1)
	d.Pipeline = true
	form(t, d.API, "/regions", "illustration_extraction")
	form(t, d.API, "/similarity", "moco_v2_800ep_pretrain")
	src := d.Archive(t, "ab-cd", page(t, "one.jpg", 1), page(t, "sub/two.jpg", 2))
	task, err := d.Submit(t.Context(), "/regions",
		map[string]any{"model": "illustration_extraction.pt", "postprocess": ""}, []any{document("zip", src, src)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := poll(t, d.API, "/regions", task.TrackingID, "extract_objects", finished)
	task = d.Await(t, task.ID, front.Success)
	calls := told(t, d.Front, task.TrackingID, 1, front.Success)
	if end := calls[len(calls)-1]; !sameJSON(t, end.Fields["output"], log) {
		t.Errorf("log of the finished task = %.300s, want the output of its SUCCESS", log)
	}
	uid := strings.NewReplacer("http://", "", ".", "", ":", "", "/", "^").Replace(src)
	for key := range task.Regions {
		if key != uid+"@@illustration_extraction+"+task.ID {
			t.Errorf("annotations are named %q", key)
		}
	}
	next := d.Await(t, task.Next, front.Success)
	if next.TrackingID == task.TrackingID || next.Similar == nil {
		t.Fatalf("the second task = %+v", next)
	}
	for _, image := range next.Similar.Index.Images {
		if !strings.Contains(image.ID, ".jpg-") || image.DocUID != uid {
			t.Errorf("image %+v of the second task is no region", image)
		}
	}
	poll(t, d.API, "/similarity", next.TrackingID, "compute_similarity", finished)
}

// testThirdGeneration is the same with the newest prefixes, over two manifests
// and without what only the first generation reads.
func testThirdGeneration(t *testing.T, l *demoLab) {
	d := l.demo(t, 3)
	d.Pipeline = true
	form(t, d.API, "/region_extraction", "illustration_extraction")
	documents := []any{
		document("iiif", "first", d.Manifest(t, "first", page(t, "", 3), page(t, "", 4))),
		document("iiif", "second", d.Manifest(t, "second", page(t, "", 5))),
	}
	task, err := d.Submit(t.Context(), "/region_extraction", map[string]any{"model": "illustration_extraction"}, documents, nil)
	if err != nil {
		t.Fatal(err)
	}
	task = d.Await(t, task.ID, front.Success)
	told(t, d.Front, task.TrackingID, 2, front.Success)
	if next := d.Await(t, task.Next, front.Success); next.Similar == nil {
		t.Errorf("the second task = %+v", next)
	}
}

// testWatermarks is what the demo front really sends: a picture and nothing
// else, so that only the status tells of the end.
func testWatermarks(t *testing.T, l *demoLab) {
	sheet := page(t, "", 6)
	started, err := l.api.StartUpload(t.Context(), "/watermarks/start", "image", sheet.Data, nil)
	if err != nil || started.ExperimentID == "" {
		t.Fatalf("start = %+v, %v", started, err)
	}
	var log struct {
		Detection struct {
			Boxes  [][4]float64 `json:"boxes"`
			Scores []float64    `json:"scores"`
		} `json:"detection"`
	}
	text := poll(t, l.api, "/watermarks", started.TrackingID, "pipeline", finished)
	if err := json.Unmarshal(text, &log); err != nil || len(log.Detection.Boxes) == 0 || len(log.Detection.Boxes) != len(log.Detection.Scores) {
		t.Fatalf("log of the finished task = %.300s, %v", text, err)
	}
	var result json.RawMessage
	if err := l.api.Get(t.Context(), "/watermarks/task/"+started.TrackingID+"/result", &result); err != nil || !sameJSON(t, result, text) {
		t.Errorf("result = %.300s, %v; want the log", result, err)
	}
	var sources []any
	if err := l.api.Get(t.Context(), "/watermarks/sources", &sources); err != nil || len(sources) != 0 {
		t.Errorf("sources = %v, %v; want an empty list", sources, err)
	}
	for path, want := range map[string]string{
		"/watermarks/task/unknown/result":         "Result unknown not found",
		"/watermarks/sources/unknown/images.zip":  "Source UID not found",
		"/watermarks/sources/unknown/index.json":  "Source UID not found",
		"/watermarks/sources/unknown/../../other": "",
	} {
		refused(t, l.api, http.MethodGet, path, "", "", http.StatusNotFound, want)
	}
}

func testSearch(t *testing.T, l *demoLab) {
	d := l.demo(t, 3)
	index := d.Archive(t, "index", likeness(t, "a.jpg", 20, false), likeness(t, "b.jpg", 21, false), likeness(t, "c.jpg", 22, false))
	task, err := d.Submit(t.Context(), "/search/indexing", map[string]any{"feat_net": "resnet34"}, []any{document("zip", "collection", index)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Await(t, task.ID, front.Success)
	output := func(id string) (out struct {
		DatasetURL string `json:"dataset_url"`
		ResultsURL string `json:"results_url"`
		Metadata   struct {
			IndexID string `json:"index_id"`
		} `json:"metadata"`
	},
	) {
		if err := json.Unmarshal(d.AwaitEvent(t, id, front.Success).Fields["output"], &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	indexed := output(task.TrackingID)
	if want := l.api.Base + "/search/indexing/" + task.ID + "/result"; indexed.ResultsURL != want || indexed.Metadata.IndexID == "" {
		t.Errorf("output of indexing = %+v, want the address %s", indexed, want)
	}
	query := d.Archive(t, "query", likeness(t, "asked.jpg", 21, true))
	asked, err := d.Submit(t.Context(), "/search/query", map[string]any{"index_id": indexed.Metadata.IndexID}, []any{document("zip", "query", query)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Await(t, asked.ID, front.Success)
	var found struct {
		Pairs [][]float64 `json:"pairs"`
	}
	if err := l.api.Get(t.Context(), output(asked.TrackingID).ResultsURL, &found); err != nil {
		t.Fatal(err)
	}
	if len(found.Pairs) == 0 || found.Pairs[0][0] != 1 {
		t.Errorf("pairs = %v, want the second picture of the index first", found.Pairs)
	}
	refused(t, l.api, http.MethodPost, "/search/query/start", "application/json", `{"documents":[{"type":"zip","src":"http://x.example/a.zip"}]}`,
		http.StatusBadRequest, "")
}

// testClustering sends the parameters as the form does, as a text inside JSON,
// and the data set once as documents and once as the first generation does, as
// an archive alone.
func testClustering(t *testing.T, l *demoLab) {
	d := l.demo(t, 3)
	var pictures []front.Picture
	for i := range 12 {
		pictures = append(pictures, likeness(t, fmt.Sprintf("p%02d.jpg", i), uint64(110+i%2), i > 1))
	}
	src := d.Archive(t, "groups", pictures...)
	const parameters = `{"n_prototypes":2,"background_option":"0_dti","transformation_sequence":"identity"}`
	task, err := d.Submit(t.Context(), "/clustering", parameters, []any{document("zip", "groups", src)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Await(t, task.ID, front.Success)
	told(t, d.Front, task.TrackingID, 0, front.Success)
	older, err := l.api.Start(t.Context(), "/clustering/start", map[string]any{
		"experiment_id": "older", "dataset_id": "groups", "dataset_url": src, "parameters": parameters, "notify_url": "",
	})
	if err != nil {
		t.Fatal(err)
	}
	var output struct {
		ResultURL string `json:"result_url"`
	}
	log := poll(t, l.api, "/clustering", older.TrackingID, "train_dti", finished)
	if err := json.Unmarshal(log, &output); err != nil || output.ResultURL == "" {
		t.Fatalf("log = %.300s, %v", log, err)
	}
	for _, address := range []string{output.ResultURL, l.api.Base + "/clustering/" + older.TrackingID + "/result", l.api.Base + "/clustering/older/result"} {
		names, err := front.Entries(fetch(t, http.MethodGet, address, nil).Body)
		if err != nil || !slices.Contains(names, "cluster_by_path.json") {
			t.Errorf("GET %s holds %q, %v", address, names, err)
		}
	}
}

// testDemoFailure is a task whose documents are not there.
func testDemoFailure(t *testing.T, l *demoLab) {
	d := l.demo(t, 1)
	task, err := d.Submit(t.Context(), "/similarity", map[string]any{}, []any{document("zip", "gone", d.URL+"/gone.zip")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	task = d.Await(t, task.ID, front.Failed)
	told(t, d.Front, task.TrackingID, 0, front.Failed)
	if !strings.Contains(task.Error, "gone") || strings.Contains(task.Error, l.server.Folder) {
		t.Errorf("error = %q, want the document and no path of the server", task.Error)
	}
	var state runningLog
	log := poll(t, d.API, "/similarity", task.TrackingID, "compute_similarity", finished)
	if err := json.Unmarshal(log, &state); err != nil || state.Status != front.Failed || len(state.Infos) == 0 || len(state.Errors) == 0 {
		t.Errorf("log of the failed task = %s, %v", log, err)
	}
}

// testWrongToken is a front that has forgotten its tokens: it refuses with 200,
// which is an answer, so nothing is sent twice.
func testWrongToken(t *testing.T, l *demoLab) {
	f := front.New(t)
	d := front.NewDemo(f, l.api, 1)
	src := f.Archive(t, "set", likeness(t, "a.jpg", 30, false), likeness(t, "b.jpg", 30, true))
	started, err := d.Start(t.Context(), "/similarity/start", map[string]any{
		"experiment_id": "forgotten", "documents": []any{document("zip", "set", src)}, "notify_url": f.URL + "/demo1/none/watch?token=old",
	})
	if err != nil {
		t.Fatal(err)
	}
	poll(t, d.API, "/similarity", started.TrackingID, "compute_similarity", finished)
	f.AwaitEvent(t, started.TrackingID, front.Success)
	// A later task of the same front is told of after the first one.
	after, err := d.Submit(t.Context(), "/similarity", map[string]any{}, []any{document("zip", "set", src)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Await(t, after.ID, front.Success)
	told(t, f, started.TrackingID, 1, front.Success)
}

func testMonitor(t *testing.T, l *demoLab) {
	api := front.API{Base: l.api.Base + "/"}
	prefixes := map[string][]string{
		"/regions": {"cleared_results", "cleared_documents"}, "/region_extraction": {"cleared_results", "cleared_documents"},
		"/similarity": {"cleared_results"}, "/vectorization": {"cleared_results"},
		"/clustering": {"cleared_runs", "cleared_datasets", "cleared_results"}, "/dticlustering": {"cleared_runs", "cleared_datasets", "cleared_results"},
		"/watermarks":      {"cleared_tmp_queries", "cleared_results"},
		"/search/indexing": {"cleared_index", "cleared_results"}, "/search/query": {"cleared_index", "cleared_results"},
	}
	for prefix, counters := range prefixes {
		var seen struct {
			Size   *int64 `json:"total_size"`
			Error  any    `json:"error"`
			Queues map[string]struct {
				Name string `json:"name"`
				Size *int64 `json:"size"`
			} `json:"queues"`
		}
		for _, path := range []string{prefix + "/monitor", prefix + "/monitor/"} {
			if err := api.Get(t.Context(), path, &seen); err != nil {
				t.Error(err)
			}
			if seen.Size == nil || seen.Error != nil || len(seen.Queues) < 5 {
				t.Errorf("%s = %+v", path, seen)
			}
			for name, queue := range seen.Queues {
				if queue.Name != name || queue.Size == nil {
					t.Errorf("%s: queue %s = %+v", path, name, queue)
				}
			}
		}
		if err := api.Get(t.Context(), prefix+"/qsizes", &seen); err != nil {
			t.Error(err)
		}
		for _, path := range []string{"/monitor/clear", "/monitor/clear/", "/monitor/clear/nobody/", "/monitor/clear/nobody"} {
			var cleared map[string]int
			if err := api.Post(t.Context(), prefix+path, "days_before=30", &cleared); err != nil {
				t.Error(err)
			}
			if len(cleared) != len(counters) {
				t.Errorf("%s%s = %v, want %q", prefix, path, cleared, counters)
			}
			for _, name := range counters {
				if n, ok := cleared[name]; !ok || n != 0 {
					t.Errorf("%s%s: %s = %d, %t; want 0", prefix, path, name, n, ok)
				}
			}
		}
	}
	var index map[string]any
	if err := api.Post(t.Context(), "/search/monitor/clear/index/nobody/", "", &index); err != nil || index["error"] != "Experiment not found" {
		t.Errorf("clear of an index = %v, %v", index, err)
	}
}

// TestLongCallbacks sets the limit of callbacks so low that inline annotations
// do not fit: newer front ends are served as ever, and the first generation
// sees a failure instead of an empty success.
func TestLongCallbacks(t *testing.T) {
	t.Parallel()
	l := newDemoLab(t, harness.Local(t), "demos.callbacks.max_bytes=2000")
	first, third := l.demo(t, 1), l.demo(t, 3)
	for d, want := range map[*front.Demo]string{first: front.Failed, third: front.Success} {
		src := d.Archive(t, "pages", page(t, "one.jpg", 1), page(t, "two.jpg", 2))
		task, err := d.Submit(t.Context(), "/regions", map[string]any{}, []any{document("zip", "pages", src)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		task = d.Await(t, task.ID, want)
		for _, c := range d.Callbacks(task.TrackingID) {
			if len(c.Body) > 2000 {
				t.Errorf("%s has %d bytes", c.Event, len(c.Body))
			}
		}
	}
}
