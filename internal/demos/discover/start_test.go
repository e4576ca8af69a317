package discover_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"granary/internal/demos/dataset"
	"granary/internal/demos/discover"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
)

const (
	zipSource  = "http://front.example/a.zip"
	listSource = "http://front.example/list"
	notifyURL  = "http://front.example/watch?token=a%2Fb+c"
)

// TestStartReadsEveryEnvelope sends one task in every form that clients use.
func TestStartReadsEveryEnvelope(t *testing.T) {
	t.Parallel()
	one := []dataset.Document{{Type: "zip", UID: "a", Src: zipSource}}
	documents := `[{"type":"zip","uid":"a","src":"` + zipSource + `"}]`
	quoted := strings.ReplaceAll(documents, `"`, `\"`)
	tests := map[string]struct {
		contentType, body string
		documents         []dataset.Document
		parameters        string
		noNotify          bool
	}{
		"nested parameters": {
			jsonType, `{"experiment_id":"e1","notify_url":"` + notifyURL + `","documents":` + documents + `,"parameters":{"do":"x","count":7},"do":"ignored"}`,
			one, `{"count":7,"do":"x"}`, false,
		},
		"flat parameters": {
			jsonType, `{"experiment_id":"e1","notify_url":"` + notifyURL + `","documents":` + documents + `,"do":"x","count":"7"}`,
			one, `{"count":7,"do":"x"}`, false,
		},
		"texts inside JSON, with a charset": {
			"application/json; charset=utf-8", `{"experiment_id":"e1","notify_url":"` + notifyURL + `","documents":"` + quoted + `","parameters":"{\"do\":\"x\"}"}`,
			one, `{"count":1,"do":"x"}`, false,
		},
		"older names": {
			jsonType, `{"experiment_id":"e1","callback":"` + notifyURL + `","documents":{"b":"` + listSource + `","a":"` + listSource + `2"}}`,
			[]dataset.Document{{Type: "url_list", UID: "b", Src: listSource}, {Type: "url_list", UID: "a", Src: listSource + "2"}},
			`{"count":1,"do":""}`, false,
		},
		"an archive alone": {
			jsonType, `{"experiment_id":"e1","notify_url":"` + notifyURL + `","dataset_url":"` + zipSource + `","dataset_id":"a"}`,
			one, `{"count":1,"do":""}`, false,
		},
		"no documents": {jsonType, `{"experiment_id":"e1","do":"x","documents":null,"crops":null,"parameters":null}`, nil, `{"count":1,"do":"x"}`, true},
		"a uid made from the source": {
			jsonType, `{"experiment_id":"e1","documents":[{"type":"zip","src":"http://localhost:8001/media/datasets/ab-cd.zip"}]}`,
			[]dataset.Document{{Type: "zip", UID: "localhost8001^media^datasets^ab-cdzip", Src: "http://localhost:8001/media/datasets/ab-cd.zip"}},
			`{"count":1,"do":""}`, true,
		},
		"a form": {
			"application/x-www-form-urlencoded",
			url.Values{"experiment_id": {"e1"}, "notify_url": {notifyURL}, "documents": {documents}, "count": {"7"}, "do": {"x+y z"}}.Encode(),
			one, `{"count":7,"do":"x+y z"}`, false,
		},
		"a form with parameters as text": {
			"application/x-www-form-urlencoded",
			url.Values{"experiment_id": {"e1"}, "notify_url": {notifyURL}, "documents": {documents}, "parameters": {`{"count":7}`}}.Encode(),
			one, `{"count":7,"do":""}`, false,
		},
	}
	body, contentType := multipartForm(t, map[string]string{"experiment_id": "e1", "notify_url": notifyURL, "documents": documents, "do": "x"}, "", nil)
	tests["multipart"] = struct {
		contentType, body string
		documents         []dataset.Document
		parameters        string
		noNotify          bool
	}{contentType, body, one, `{"count":1,"do":"x"}`, false}
	each(t, func(t *testing.T, b *bundle) {
		for name, test := range tests {
			task := b.startAt(t, "/echo/start", test.contentType, test.body)
			got, err := b.Documents(t.Context(), task.ID)
			if diff := cmp.Diff(append([]dataset.Document{}, test.documents...), got); diff != "" || err != nil {
				t.Errorf("%s: documents, %v (-want +got):\n%s", name, err, diff)
			}
			if diff := cmp.Diff(test.parameters, task.Parameters); diff != "" {
				t.Errorf("%s: parameters (-want +got):\n%s", name, diff)
			}
			if want := map[bool]string{false: notifyURL}[test.noNotify]; task.NotifyURL != want || task.ExperimentID != "e1" || task.BaseURL != "http://granary.example" {
				t.Errorf("%s: task = %+v", name, task)
			}
			if _, err := uuid.Parse(task.ID); err != nil {
				t.Errorf("%s: the tracking id is %q", name, task.ID)
			}
		}
		if task := b.start(t, `{"do":"x"}`); uuid.Validate(task.ExperimentID) != nil {
			t.Errorf("experiment id = %q, want a UUID of ours", task.ExperimentID)
		}
	})
}

// TestStartOfEveryApp starts each app under each of its addresses, with and
// without needless slashes.
func TestStartOfEveryApp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		body := `{"documents":[{"type":"zip","src":"` + zipSource + `"}],"index_id":"i"}`
		for path, app := range map[string]string{
			"/regions/start": "regions", "//regions//start/": "regions", "/region_extraction/start": "regions", "/similarity/start/": "similarity",
			"/vectorization/start": "vectorization", "/clustering/start": "dticlustering", "//dticlustering/start": "dticlustering",
			"/search/indexing/start": "search", "//search/query/start": "search",
		} {
			if task := b.startAt(t, path, jsonType, body); task.App != app {
				t.Errorf("%s started %s", path, task.App)
			}
		}
		form, contentType := multipartForm(t, map[string]string{"detect": "False", "unknown": "x"}, "image", onePicture(t))
		task := b.startAt(t, "/watermarks/start", contentType, form)
		if diff := cmp.Diff(`{"compare_to":null,"detect":false}`, task.Parameters); diff != "" || task.UploadKey == "" {
			t.Errorf("upload %q, parameters (-want +got):\n%s", task.UploadKey, diff)
		}
		similar := b.startAt(t, "/similarity/start", jsonType, body)
		var parameters struct {
			ClientID string `json:"client_id"`
		}
		if err := json.Unmarshal([]byte(similar.Parameters), &parameters); err != nil || len(parameters.ClientID) != 8 {
			t.Errorf("parameters = %s, want a client id of 8 digits", similar.Parameters)
		}
	})
}

// TestStartRefuses holds every refusal against its status and shape.
func TestStartRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		for name, test := range map[string]struct {
			path, contentType, body, text string
			status                        int
		}{
			"an empty object":       {"/echo/start", jsonType, `{}`, "No data in request: Task aborted!", 400},
			"an empty form":         {"/echo/start", "", ``, "No data in request: Task aborted!", 400},
			"half an object":        {"/echo/start", jsonType, `{"do":`, "", 400},
			"a list":                {"/echo/start", jsonType, `[1]`, "", 400},
			"no form":               {"/echo/start", "application/x-www-form-urlencoded", `%zz=1`, "the body is not a form", 400},
			"no multipart":          {"/echo/start", "multipart/form-data; boundary=x", `--y`, "", 400},
			"no boundary":           {"/echo/start", "multipart/form-data", `--y`, "", 400},
			"text for similarity":   {"/similarity/start", "text/plain", `x`, "No JSON in request: Similarity task aborted!", 400},
			"a form for indexing":   {"/search/indexing/start", "application/x-www-form-urlencoded", `a=b`, "No JSON in request: Indexing task aborted!", 400},
			"nothing for query":     {"/search/query/start", "", ``, "No JSON in request: Query task aborted!", 400},
			"no index":              {"/search/query/start", jsonType, `{"documents":[{"type":"zip","src":"http://x.example/"}]}`, "", 400},
			"no documents":          {"/regions/start", jsonType, `{"model":"m"}`, "", 400},
			"documents of no kind":  {"/echo/start", jsonType, `{"documents":7}`, "", 400},
			"a dictionary in parts": {"/echo/start", jsonType, `{"documents":"{\"a\":"}`, "", 400},
			"parameters of no kind": {"/echo/start", jsonType, `{"parameters":[1]}`, "", 400},
			"a number out of range": {"/echo/start", jsonType, `{"count":51}`, "", 400},
			"no picture":            {"/watermarks/start", "application/x-www-form-urlencoded", `detect=true`, "the file image is missing", 400},
			"an unknown route":      {"/echo/restart", jsonType, `{}`, "", 404},
		} {
			w := b.do(t, http.MethodPost, test.path, test.body, "Content-Type", test.contentType)
			var said map[string]string
			err := json.Unmarshal(w.Body.Bytes(), &said)
			if w.Code != test.status || err != nil || said["error"] == "" || said["code"] == "" || len(said) != 2 {
				t.Errorf("%s: %d %s, %v; want %d with error and code", name, w.Code, w.Body, err, test.status)
			}
			if test.text != "" && said["error"] != test.text {
				t.Errorf("%s: error = %q, want %q", name, said["error"], test.text)
			}
			if got := w.Header().Get("Content-Type"); got != jsonType {
				t.Errorf("%s: content type = %q", name, got)
			}
		}
		if w := b.do(t, http.MethodGet, "/echo/start", ""); w.Code != http.StatusMethodNotAllowed || !strings.Contains(w.Header().Get("Allow"), "POST") {
			t.Errorf("GET of a start route = %d, Allow %q", w.Code, w.Header().Get("Allow"))
		}
	})
}

// TestStartIsBounded sends too much of everything.
func TestStartIsBounded(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, nil, func(t *testing.T, db *database.DB) {
		b := setup(t, db, discover.Config{MaxBody: 2 << 20})
		one := `{"type":"zip","src":"` + zipSource + `"},`
		for name, test := range map[string]struct {
			body string
			want int
		}{
			"a long body":       {`{"do":"` + strings.Repeat("x", 2<<20) + `"}`, http.StatusRequestEntityTooLarge},
			"many documents":    {`{"documents":[` + strings.TrimSuffix(strings.Repeat(one, 10_001), ",") + `]}`, http.StatusRequestEntityTooLarge},
			"a long experiment": {`{"experiment_id":"` + strings.Repeat("x", 513) + `"}`, http.StatusBadRequest},
			"a long source":     {`{"documents":[{"type":"zip","uid":"a","src":"http://x.example/` + strings.Repeat("x", 9000) + `"}]}`, http.StatusBadRequest},
			"a deep value":      {`{"documents":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, http.StatusBadRequest},
			"an endless number": {`{"count":1e400}`, http.StatusBadRequest},
		} {
			if w := b.do(t, http.MethodPost, "/echo/start", test.body, "Content-Type", jsonType); w.Code != test.want {
				t.Errorf("%s = %d %.200s, want %d", name, w.Code, w.Body, test.want)
			}
		}
		for parts, want := range map[int]int{100: http.StatusOK, 101: http.StatusRequestEntityTooLarge} {
			fields := map[string]string{}
			for i := range parts {
				fields[strconv.Itoa(i)] = "x"
			}
			form, contentType := multipartForm(t, fields, "", nil)
			if w := b.do(t, http.MethodPost, "/echo/start", form, "Content-Type", contentType); w.Code != want {
				t.Errorf("%d parts = %d %s, want %d", parts, w.Code, w.Body, want)
			}
		}
	})
}

func multipartForm(t *testing.T, fields map[string]string, file string, data []byte) (body, contentType string) {
	t.Helper()
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if file != "" {
		part, err := form.CreateFormFile(file, "x.jpg")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), form.FormDataContentType()
}
