package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"granary/test/front"
)

// refused checks a refusal: its status and {"error", "code"}, with that text
// unless it is empty.
func refused(t *testing.T, api front.API, method, path, contentType, body string, status int, text string) {
	t.Helper()
	answer, err := api.Do(t.Context(), method, path, contentType, []byte(body))
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return
	}
	var said map[string]string
	if err := json.Unmarshal(answer.Body, &said); err != nil && text != "" {
		t.Errorf("%s %s = %d %.200s: %v", method, path, answer.Status, answer.Body, err)
	}
	switch {
	case answer.Status != status:
		t.Errorf("%s %s %.200s = %d %.200s, want %d", method, path, body, answer.Status, answer.Body, status)
	case text != "" && (said["error"] != text || said["code"] == ""):
		t.Errorf("%s %s = %s, want the error %q and a code", method, path, answer.Body, text)
	}
}

func testBadStarts(t *testing.T, l *demoLab) {
	const kind = "application/json"
	for _, test := range []struct{ path, contentType, body, text string }{
		{"/regions/start", kind, `{}`, "No data in request: Task aborted!"},
		{"/similarity/start", "text/plain", `x`, "No JSON in request: Similarity task aborted!"},
		{"/search/indexing/start", "", ``, "No JSON in request: Indexing task aborted!"},
		{"/search/query/start", "", ``, "No JSON in request: Query task aborted!"},
		{"/regions/start", kind, `{"documents":`, ""},
		{"/regions/start", kind, `{"experiment_id":"x"}`, ""},
		{"/regions/start", kind, `{"documents":[{"type":"tape","src":"http://x.example/"}]}`, ""},
		{"/regions/start", kind, `{"documents":[{"type":"zip","src":"http://x.example/a.zip"}],"notify_url":"file:///etc/passwd"}`, ""},
		{"/regions/start", kind, `{"documents":"not a list"}`, ""},
		{"/regions/start", kind, `[1,2]`, ""},
		{"/similarity/start", kind, `{"documents":[{"type":"zip","src":"http://x.example/a.zip"}],"parameters":"{"}`, ""},
		{"/similarity/start", kind, `{"documents":[{"type":"zip","src":"http://x.example/a.zip"}],"crops":{"a":1}}`, ""},
		{"/watermarks/start", "application/x-www-form-urlencoded", `detect=true`, ""},
	} {
		refused(t, l.api, http.MethodPost, test.path, test.contentType, test.body, http.StatusBadRequest, test.text)
	}
	refused(t, l.api, http.MethodGet, "/datasets/dataset/unknown", "", "", http.StatusNotFound, "")
	refused(t, l.api, http.MethodGet, "/datasets/document/zip/unknown", "", "", http.StatusNotFound, "Document unknown not found")
	refused(t, l.api, http.MethodGet, "/datasets/document/zip/unknown/download", "", "", http.StatusNotFound, "Document unknown not found")
	refused(t, l.api, http.MethodPost, "/regions/clear", "application/x-www-form-urlencoded", "", http.StatusBadRequest, "dataset_id is missing")
}

// testOlderRequests are start requests in the forms that clients have used:
// texts instead of lists, the older names, a form.
func testOlderRequests(t *testing.T, l *demoLab) {
	f := front.New(t)
	d := front.NewDemo(f, l.api, 1)
	list := f.List(t, "old", likeness(t, "p1.jpg", 60, false), likeness(t, "p2.jpg", 60, true))
	experiment := uuid.NewString()
	notify := f.URL + "/demo1/" + experiment + "/watch"
	byText, err := json.Marshal([]any{document("url_list", "old", list)})
	if err != nil {
		t.Fatal(err)
	}
	for name, start := range map[string]func() (front.Started, error){
		"callback and a dictionary of documents": func() (front.Started, error) {
			return d.Start(t.Context(), "/similarity/start", map[string]any{"experiment_id": experiment, "callback": notify, "documents": map[string]string{"old": list}})
		},
		"texts inside JSON": func() (front.Started, error) {
			return d.Start(t.Context(), "/similarity/start", map[string]any{
				"experiment_id": experiment, "notify_url": notify, "documents": string(byText), "parameters": `{"cosine_n_filter":"3"}`,
			})
		},
		"a form": func() (front.Started, error) {
			form := url.Values{"experiment_id": {experiment}, "notify_url": {notify}, "documents": {string(byText)}, "model": {"illustration_extraction"}}
			answer, err := l.api.Do(t.Context(), http.MethodPost, "/regions/start", "application/x-www-form-urlencoded", []byte(form.Encode()))
			var started front.Started
			if err == nil {
				err = answer.JSON(&started)
			}
			return started, err
		},
	} {
		started, err := start()
		if err != nil || started.ExperimentID != experiment {
			t.Errorf("%s: %+v, %v", name, started, err)
			continue
		}
		if end := f.AwaitEvent(t, started.TrackingID, front.Success); end.ExperimentID != experiment {
			t.Errorf("%s: the end says %s", name, end.Body)
		}
	}
	none, err := d.Start(t.Context(), "/similarity/start", map[string]any{"documents": map[string]string{"old": list}})
	if _, idErr := uuid.Parse(none.ExperimentID); err != nil || idErr != nil {
		t.Errorf("start without an experiment = %+v, %v; want a UUID of ours", none, err)
	}
}

// testFileAnswers holds results and downloads against what HTTP clients may
// ask of a file.
func testFileAnswers(t *testing.T, l *demoLab) {
	a := l.aikon(t)
	src := a.Archive(t, "files", likeness(t, "a.jpg", 70, false), likeness(t, "sub/b.jpg", 70, true))
	started, err := a.Start(t.Context(), "/similarity/start", map[string]any{"experiment_id": "files+1", "documents": []any{document("zip", "f^1@a", src)}})
	if err != nil {
		t.Fatal(err)
	}
	log := poll(t, a.API, "/similarity", started.TrackingID, "compute_similarity", finished)
	var output struct {
		DatasetURL string `json:"dataset_url"`
		ResultsURL []struct {
			ResultURL string `json:"result_url"`
		} `json:"results_url"`
	}
	if err := json.Unmarshal(log, &output); err != nil || len(output.ResultsURL) == 0 {
		t.Fatalf("output = %.300s, %v", log, err)
	}
	address := output.ResultsURL[0].ResultURL
	whole := fetch(t, http.MethodGet, address, nil)
	tag := whole.Header.Get("ETag")
	if whole.Status != http.StatusOK || tag == "" || whole.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("GET %s = %d, %v", address, whole.Status, whole.Header)
	}
	path := strings.TrimPrefix(address, l.api.Base)
	for _, same := range []string{
		"/" + path, path + "/", strings.ReplaceAll(path, "~", "%7E"), strings.ReplaceAll(strings.ReplaceAll(path, "%2B", "+"), "%5E", "^"),
	} {
		if got := fetch(t, http.MethodGet, l.api.Base+same, nil); !bytes.Equal(got.Body, whole.Body) {
			t.Errorf("GET %s = %d %.100s, want the same file", same, got.Status, got.Body)
		}
	}
	if got := fetch(t, http.MethodGet, address, http.Header{"If-None-Match": {tag}}); got.Status != http.StatusNotModified {
		t.Errorf("GET with its ETag = %d, want 304", got.Status)
	}
	if got := fetch(t, http.MethodHead, address, nil); got.Status != http.StatusOK || len(got.Body) != 0 {
		t.Errorf("HEAD = %d with %d bytes", got.Status, len(got.Body))
	}
	var set front.Dataset
	if err := a.Get(t.Context(), output.DatasetURL, &set); err != nil || len(set.Documents) != 1 || set.URL != output.DatasetURL || set.Documents[0].UID != "f^1@a" {
		t.Fatalf("data set = %+v, %v", set, err)
	}
	one := set.Documents[0]
	if one.URL != l.api.Base+"/datasets/document/zip/f^1@a" || one.Download != one.URL+"/download" || one.Src != src {
		t.Errorf("document = %+v", one)
	}
	for _, address := range []string{one.Download, strings.ReplaceAll(one.Download, "^", "%5E"), strings.Replace(one.Download, "/datasets", "//datasets", 1)} {
		got := fetch(t, http.MethodGet, address, nil)
		if names, err := front.Entries(got.Body); err != nil || len(names) != 3 {
			t.Errorf("GET %s = %d with %q, %v", address, got.Status, names, err)
		}
	}
}

func fetch(t *testing.T, method, address string, header http.Header) front.Answer {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return front.Answer{Status: response.StatusCode, Header: response.Header, Body: body.Bytes()}
}
