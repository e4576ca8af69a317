package acceptance

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"granary/test/front"
	"granary/test/harness"
)

// testDemoTraversal puts paths out of the data folder into every id of every
// route. None may answer a file, and none may fail inside.
func testDemoTraversal(t *testing.T, l *demoLab) {
	secret := filepath.Join(l.server.Folder, "secret.json")
	if err := os.WriteFile(secret, []byte(`{"secret":"granary"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ids := []string{
		"..%2F..%2Fsecret", "..~..~secret", "..~..~..~secret", "~etc~passwd", "%2Fetc%2Fpasswd", "..", "%2e%2e", ".", "%00", "a%00b", "..%5C..%5Csecret",
		"....~~secret", "x~..~..~..~..~secret", "%252e%252e%252fsecret", strings.Repeat("x", 4000), "%ff%fe", "'%20OR%201=1--",
	}
	routes := []string{
		"GET /similarity/ID/result", "GET /regions/ID/result", "GET /vectorization/ID/result", "GET /watermarks/task/ID/result",
		"GET /search/indexing/ID/result", "GET /search/query/ID/result", "GET /watermarks/sources/ID/images.zip", "GET /watermarks/sources/a/ID",
		"GET /datasets/dataset/ID", "GET /datasets/document/zip/ID", "GET /datasets/document/ID/a", "GET /datasets/document/zip/ID/download",
		"GET /datasets/document/zip/a/ID", "GET /datasets/document/zip/ID/ID", "GET /similarity/ID/status", "POST /similarity/ID/cancel", "POST /ID/cancel",
		"POST /regions/ID/delete", "POST /regions/ID/delete?model_name=ID", "POST /similarity/ID/delete?algorithm=ID", "POST /vectorization/ID/delete",
		"POST /similarity/monitor/clear/ID/", "POST /watermarks/monitor/clear/ID", "POST /search/monitor/clear/index/ID/",
	}
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		for _, id := range ids {
			answer, err := l.api.Do(t.Context(), method, strings.ReplaceAll(path, "ID", id), "", nil)
			if err != nil {
				t.Errorf("%s with %.40q: %v", route, id, err)
				continue
			}
			if answer.Status >= http.StatusInternalServerError || bytes.Contains(answer.Body, []byte("granary\"}")) || bytes.Contains(answer.Body, []byte("root:")) ||
				bytes.Contains(answer.Body, []byte(l.server.Folder)) {
				t.Errorf("%s with %.40q = %d %.200s", route, id, answer.Status, answer.Body)
			}
		}
	}
	// Ids of a start request name folders too.
	f := front.New(t)
	src := f.Archive(t, "set", likeness(t, "a.jpg", 80, false), likeness(t, "b.jpg", 80, true))
	for _, id := range []string{"../../escaped", "/tmp/escaped", "a/b", "..", "~", "a~b", "\x00", strings.Repeat("é", 200)} {
		started, err := l.api.Start(t.Context(), "/similarity/start", map[string]any{"experiment_id": id, "documents": []any{document("zip", "../../escaped", src)}})
		if err != nil {
			continue // refused, which is as good
		}
		if started.ExperimentID != id {
			t.Errorf("start of %q is echoed as %q", id, started.ExperimentID)
		}
		poll(t, l.api, "/similarity", started.TrackingID, "compute_similarity", finished)
	}
	err := filepath.WalkDir(filepath.Dir(l.server.Folder), func(path string, _ os.DirEntry, err error) error {
		if err == nil && filepath.Base(path) == "escaped" {
			t.Errorf("an id made %s", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// testHostileArchives sends archives that would write elsewhere or fill the
// disk. Each is the failure of its document.
func testHostileArchives(t *testing.T, l *demoLab) {
	d := l.demo(t, 1)
	slip := packed(t, map[string][]byte{"../../../slipped.jpg": likeness(t, "", 81, false).Data, "/slipped.jpg": {1}, `..\slipped.jpg`: {1}, "images/../../slipped.jpg": {1}})
	bomb := packed(t, map[string][]byte{"bomb.jpg": make([]byte, 300<<20)})
	for name, data := range map[string][]byte{"slip": slip, "bomb": bomb, "cut": slip[:len(slip)/2], "empty": {}, "text": []byte("<html>")} {
		src := d.File("/media/"+name+".zip", "application/zip", data)
		task, err := d.Submit(t.Context(), "/similarity", map[string]any{}, []any{document("zip", name, src)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		task = d.Await(t, task.ID, front.Failed)
		if strings.Contains(task.Error, l.server.Folder) {
			t.Errorf("%s: error = %q", name, task.Error)
		}
	}
	err := filepath.WalkDir(filepath.Dir(l.server.Folder), func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // a temporary file went meanwhile
		}
		if strings.Contains(filepath.Base(path), "slipped") && !strings.Contains(path, "/images/") {
			t.Errorf("an archive made %s", path)
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && info.Size() > 200<<20 {
			t.Errorf("a bomb is %d bytes at %s", info.Size(), path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func packed(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := zip.NewWriter(&out)
	for name, data := range files {
		entry, err := writer.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestPrivateAddressesAreRefused turns the address policy on: a document at a
// loopback address is not fetched.
func TestPrivateAddressesAreRefused(t *testing.T) {
	t.Parallel()
	l := newDemoLab(t, harness.Local(t), "demos.fetch.public_only=true")
	f := front.New(t)
	src := f.Archive(t, "inner", likeness(t, "a.jpg", 90, false))
	for i, address := range []string{src, strings.Replace(src, "127.0.0.1", "localhost", 1), "http://169.254.169.254/latest/meta-data", "http://[::1]/a.zip", "file:///etc/passwd", ""} {
		started, err := l.api.Start(t.Context(), "/similarity/start", map[string]any{"documents": []any{document("zip", fmt.Sprint("inner", i), address)}})
		if err != nil {
			continue // refused at once
		}
		log := poll(t, l.api, "/similarity", started.TrackingID, "compute_similarity", finished)
		if !bytes.Contains(log, []byte(`"ERROR"`)) {
			t.Errorf("a task over %s = %.200s, want a failure", address, log)
		}
	}
}

// TestPrivateCallbacksAreRefused turns the policy on for callbacks: the task
// runs, and nobody at a loopback address hears of it.
func TestPrivateCallbacksAreRefused(t *testing.T) {
	t.Parallel()
	l := newDemoLab(t, harness.Local(t), "demos.callbacks.public_only=true")
	d := l.demo(t, 1)
	src := d.Archive(t, "open", likeness(t, "a.jpg", 91, false), likeness(t, "b.jpg", 91, true))
	task, err := d.Submit(t.Context(), "/similarity", map[string]any{}, []any{document("zip", "open", src)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	poll(t, d.API, "/similarity", task.TrackingID, "compute_similarity", finished)
	harness.Eventually(t, "the callbacks are given up", func() bool { return len(l.server.LogLines("callback not delivered", `"outcome":"failed"`)) > 0 })
	if heard := d.Heard(); len(heard) > 0 {
		t.Errorf("the front heard of %q", heard)
	}
}

// TestDemoToken asks every request for the shared token.
func TestDemoToken(t *testing.T) {
	t.Parallel()
	l := newDemoLab(t, harness.Local(t), "demos.token=open/sesame")
	for _, path := range []string{"/similarity/monitor", "/similarity/monitor?token=wrong", "/datasets/dataset/x", "/similarity/models"} {
		refused(t, l.api, http.MethodGet, path, "", "", http.StatusUnauthorized, "a token is needed here")
	}
	refused(t, l.api, http.MethodPost, "/similarity/start", "application/json", "{}", http.StatusUnauthorized, "a token is needed here")
	var seen map[string]any
	if err := l.api.Get(t.Context(), "/similarity/monitor?token=open%2Fsesame", &seen); err != nil {
		t.Error(err)
	}
	got := fetch(t, http.MethodGet, l.api.Base+"/similarity/monitor", http.Header{"Authorization": {"Bearer open/sesame"}})
	if got.Status != http.StatusOK {
		t.Errorf("with the token in a header = %d", got.Status)
	}
}
