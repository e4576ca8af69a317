package pages_test

import (
	"net/http"
	"testing"

	"granary/internal/platform/fault"
	"granary/internal/platform/web"
)

// FuzzResults draws whatever a worker may have written.
func FuzzResults(f *testing.F) {
	f.Add("similarity", pairsOfTwo)
	f.Add("similarity", `{"index":{"images":[{}],"transpositions":["x"]},"pairs":[[0,0,1,1e300,-1e300]]}`)
	f.Add("similarity", `{"index":{"images":[{"metadata":{"crop":"1"}}]},"pairs":[[1e300,0]]}`)
	f.Add("regions", `[{"crops":[{"absolute":{"x1":-9223372036854775808}}]}]`)
	f.Add("watermarks", `{"detection":{"boxes":[[1e308,-1e308,0,0]],"scores":[]},"matches":[[]]}`)
	f.Add("dticlustering", "PK\x05\x06")
	f.Fuzz(func(t *testing.T, app, text string) {
		service := newFake(t)
		if _, err := service.App(app); err != nil {
			t.Skip()
		}
		service.task.App, service.output = app, text
		service.files = map[string]string{
			"similarity/results/e/d-scores.json": text, "shared/documents/zip/doc/annotations/m+e.json": text, "dticlustering/results/t1.zip": text,
		}
		switch w := get(t, service, "/console/demos/tasks/t1"); w.Code {
		case http.StatusOK, web.Status(fault.Invalid):
		default:
			t.Errorf("status = %d: %s", w.Code, w.Body)
		}
	})
}
