package discover_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/discover"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

func onePicture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestModelsKeepTheirOrder reads the objects as texts: their order is shown.
func TestModelsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		write(t, b.folder+"/regions/models/own.pt", "weights")
		write(t, b.folder+"/regions/models/own.json", `{"name":"Our model","desc":"Finds what we need","path":"/secret"}`)
		for prefix, first := range map[string]string{
			"/regions": "illustration_extraction", "//region_extraction": "illustration_extraction", "/similarity": "moco_v2_800ep_pretrain",
			"/vectorization": "checkpoint0045", "/search/indexing": "moco_v2_800ep_pretrain",
		} {
			var models map[string]map[string]string
			b.json(t, http.MethodGet, prefix+"/models/", "", &models)
			for stem, model := range models {
				if model["model"] != stem || model["name"] == "" || model["desc"] == "" || model["path"] != "" {
					t.Errorf("%s: model %s = %v", prefix, stem, model)
				}
			}
			stems := order(t, b.do(t, http.MethodGet, prefix+"/models", "").Body.Bytes())
			if !slices.Contains(stems[:min(2, len(stems))], first) {
				t.Errorf("%s: models in the order %q, want %s in front", prefix, stems, first)
			}
			if strings.Contains(prefix, "region") && models["own"]["name"] != "Our model" {
				t.Errorf("%s: the file's model = %v", prefix, models["own"])
			}
		}
	})
}

// order returns the names of an object's members as they are written.
func order(t *testing.T, data []byte) []string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := name.(string)
		names = append(names, text)
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func TestQueuesAndMonitor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		for range 3 {
			b.start(t, `{"do":""}`)
		}
		type queue struct {
			Name       string `json:"name"`
			Size       int    `json:"size"`
			Processing int    `json:"processing"`
		}
		want := map[string]queue{}
		for _, name := range []string{"echo", "regions", "similarity", "vectorization", "clustering", "watermarks", "search"} {
			want[name] = queue{Name: name}
		}
		want["echo"] = queue{"echo", 3, 0}
		for _, path := range []string{"/echo/qsizes", "/reecho/monitor", "//watermarks/monitor/", "/search/query/qsizes", "/clustering/monitor"} {
			var got struct {
				Queues map[string]queue `json:"queues"`
				Size   *int64           `json:"total_size"`
			}
			b.json(t, http.MethodGet, path, "", &got)
			if diff := cmp.Diff(want, got.Queues); diff != "" {
				t.Errorf("%s: queues (-want +got):\n%s", path, diff)
			}
			if strings.Contains(path, "monitor") != (got.Size != nil) {
				t.Errorf("%s: total_size = %v", path, got.Size)
			}
		}
	})
}

func TestClearCounts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.ago.Store(int64(40 * 24 * time.Hour))
		old := b.start(t, `{"experiment_id":"old"}`)
		b.ago.Store(int64(10 * 24 * time.Hour))
		young := b.start(t, `{"experiment_id":"young"}`)
		b.run(t)
		b.await(t, old.ID, ended)
		b.await(t, young.ID, ended)
		b.engine.Stop()
		b.ago.Store(int64(40 * 24 * time.Hour))
		kept := b.start(t, `{"experiment_id":"queued"}`)
		b.ago.Store(0)
		for _, test := range []struct {
			path, form string
			want       map[string]int
		}{
			{"/echo/monitor/clear", "days_before=0", map[string]int{"cleared_runs": 0, "cleared_results": 0, "cleared_datasets": 0}},
			{"/echo/monitor/clear/" + old.ID + "/", "", map[string]int{"cleared_runs": 1, "cleared_results": 1, "cleared_datasets": 0}},
			{"/echo/monitor/clear/" + old.ID, "", map[string]int{"cleared_runs": 0, "cleared_results": 0, "cleared_datasets": 0}},
			{"//echo/monitor/clear/", "days_before=9", map[string]int{"cleared_runs": 1, "cleared_results": 1, "cleared_datasets": 0}},
			{"/clustering/monitor/clear", "", map[string]int{"cleared_runs": 0, "cleared_results": 0, "cleared_datasets": 0}},
			{"/similarity/monitor/clear/nobody/", "", map[string]int{"cleared_results": 0}},
			{"/watermarks/monitor/clear/", "days_before=x", map[string]int{"cleared_tmp_queries": 0, "cleared_results": 0}},
			{"/search/indexing/monitor/clear/", "", map[string]int{"cleared_index": 0, "cleared_results": 0}},
			{"/regions/clear", "dataset_id=x", map[string]int{"cleared_img_dir": 0}},
		} {
			var got map[string]int
			b.json(t, http.MethodPost, test.path, test.form, &got, "Content-Type", "application/x-www-form-urlencoded")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.path, diff)
			}
		}
		if got := b.await(t, kept.ID, func(string) bool { return true }); got != waiting {
			t.Errorf("log of the queued task after the clears = %s", got)
		}
		var said map[string]string
		b.json(t, http.MethodPost, "/search/monitor/clear/index/nobody/", "", &said)
		if diff := cmp.Diff(map[string]string{"error": "Experiment not found"}, said); diff != "" {
			t.Errorf("clear of an index (-want +got):\n%s", diff)
		}
		b.json(t, http.MethodPost, "/vectorization/delete_and_relaunch", "", &said)
		if said["Error"] != "Deprecated route, to be removed" {
			t.Errorf("the deprecated route = %v", said)
		}
	})
}

// TestDocumentsAndDeletes goes through the routes of one document.
func TestDocumentsAndDeletes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		data := archive(t)
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }))
		t.Cleanup(front.Close)
		b.run(t)
		task := b.start(t, `{"experiment_id":"e1","documents":[{"type":"zip","uid":"a^b","src":"`+front.URL+`/a.zip"}]}`)
		b.await(t, task.ID, ended)
		at := "http://granary.example/datasets/document/zip/a^b"
		document := map[string]any{"uid": "a^b", "type": "zip", "src": front.URL + "/a.zip", "url": at, "download": at + "/download"}
		var got map[string]any
		b.json(t, http.MethodGet, "//datasets/dataset/"+task.DatasetUID+"/", "", &got)
		want := map[string]any{"uid": task.DatasetUID, "url": "http://granary.example/datasets/dataset/" + task.DatasetUID, "documents": []any{document}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("data set (-want +got):\n%s", diff)
		}
		clear(got)
		b.json(t, http.MethodGet, "/datasets/document/zip/a%5Eb/", "", &got)
		if diff := cmp.Diff(document, got); diff != "" {
			t.Errorf("document (-want +got):\n%s", diff)
		}
		w := b.do(t, http.MethodGet, "/datasets/document/zip/a%5Eb/download", "")
		if kind := w.Header().Get("Content-Type"); w.Code != http.StatusOK || kind != "application/zip" || !bytes.HasPrefix(w.Body.Bytes(), []byte("PK")) {
			t.Errorf("download = %d, %s", w.Code, kind)
		}
		for _, path := range []string{"/datasets/document/zip", "/datasets/document/zip/", "//datasets/document/zip/./", "/datasets/document/zip/a^b/MODEL+e1", "/datasets/dataset/x", "/datasets/document/tape/a^b"} {
			if w := b.do(t, http.MethodGet, path, ""); w.Code != http.StatusNotFound && w.Code/100 != 3 {
				t.Errorf("GET %s = %d %s, want 404", path, w.Code, w.Body)
			}
		}
		var counters map[string]int
		b.json(t, http.MethodPost, "/similarity/a%5Eb/delete?algorithm=cosine", "", &counters)
		if diff := cmp.Diff(map[string]int{"cleared_images": 1, "cleared_results": 0, "cleared_result_directories": 0, "cleared_features": 0}, counters); diff != "" {
			t.Errorf("delete of pairs (-want +got):\n%s", diff)
		}
		for path, want := range map[string]map[string]int{
			"/regions/a^b/delete?model_name=m.pt": {"cleared_annotations": 0}, "/regions/a^b/delete": {"cleared_document": 1}, "/vectorization/a^b/delete": {"cleared_images": 0, "cleared_results": 0},
		} {
			counters = nil
			b.json(t, http.MethodPost, path, "", &counters)
			if diff := cmp.Diff(want, counters); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
		var said map[string]string
		b.json(t, http.MethodPost, "/regions/none/delete", "", &said)
		if diff := cmp.Diff(map[string]string{"error": "Document none not found"}, said); diff != "" {
			t.Errorf("delete of an unknown document (-want +got):\n%s", diff)
		}
	})
}

// TestResultNames asks for one result under every spelling of its name.
func TestResultNames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.run(t)
		task := b.start(t, `{"experiment_id":"e1"}`)
		b.await(t, task.ID, ended)
		var tag string
		for _, path := range []string{"/echo/e1~a%5Eb+c/result", "/reecho/e1~a^b+c/result", "//echo/e1%7Ea%5Eb%2Bc/result/"} {
			w := b.do(t, http.MethodGet, path, "")
			if kind := w.Header().Get("Content-Type"); w.Code != http.StatusOK || w.Body.String() != `{"pairs":[]}` || kind != jsonType {
				t.Errorf("GET %s = %d, %s, %s", path, w.Code, kind, w.Body)
			}
			tag = w.Header().Get("ETag")
		}
		const path = "/echo/e1~a^b+c/result"
		if w := b.do(t, http.MethodGet, path, "", "If-None-Match", tag); tag == "" || w.Code != http.StatusNotModified || w.Body.Len() > 0 {
			t.Errorf("with the tag %s = %d %s, want 304", tag, w.Code, w.Body)
		}
		if w := b.do(t, http.MethodHead, path, ""); w.Code != http.StatusOK || w.Body.Len() > 0 || w.Header().Get("Content-Length") != "12" {
			t.Errorf("HEAD = %d, %s, %d bytes", w.Code, w.Header().Get("Content-Length"), w.Body.Len())
		}
		for _, name := range []string{"e1~a^b%20c", "e1", "..~echo~results~e1~a^b+c", "e1~..~e1~a^b+c", "e1%2Fa^b+c%00"} {
			if w := b.do(t, http.MethodGet, "/echo/"+name+"/result", ""); w.Code != http.StatusNotFound && w.Code != http.StatusBadRequest {
				t.Errorf("GET of the result %s = %d %s, want 404", name, w.Code, w.Body)
			}
		}
	})
}

func TestTokenGuardsEveryRoute(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, nil, func(t *testing.T, db *database.DB) {
		b := setup(t, db, discover.Config{Token: "open/sesame"})
		for _, test := range []struct {
			target, header string
			want           int
		}{
			{"/echo/qsizes", "", 401},
			{"/echo/qsizes", "Bearer wrong", 401},
			{"/echo/qsizes", "Basic open/sesame", 401},
			{"/echo/qsizes?token=open", "", 401},
			{"/echo/x~y/result", "", 401},
			{"/datasets/dataset/x", "", 401},
			{"//echo/x/status", "", 401},
			{"/echo/qsizes", "Bearer open/sesame", 200},
			{"/echo/qsizes?token=open%2Fsesame", "", 200},
		} {
			w := b.do(t, http.MethodGet, test.target, "", "Authorization", test.header)
			if w.Code != test.want || w.Header().Get("Content-Type") != jsonType {
				t.Errorf("%s with %q = %d %s, want %d", test.target, test.header, w.Code, w.Body, test.want)
			}
		}
	})
}
