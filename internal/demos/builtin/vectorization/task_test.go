package vectorization_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/builtin/builtintest"
	"granary/internal/demos/builtin/vectorization"
	"granary/internal/demos/builtin/vectorization/trace/tracetest"
	"granary/internal/demos/plane"
	"granary/internal/platform/worker/guest"
)

const actor = "compute_vectorization"

func scan(t *testing.T, seed uint64) plane.Gray {
	t.Helper()
	g, err := tracetest.Spoil(tracetest.Random(seed, 400, 400, 3).Render(), tracetest.Damage{Noise: 3, Light: 0.2, Ink: 30, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func jpegFile(t *testing.T, seed uint64) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, scan(t, seed).Image(), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func pngFile(t *testing.T, seed uint64) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, scan(t, seed).Image()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func kwargs(uid string) map[string]any {
	return map[string]any{"experiment_id": "exp-1", "dataset_uid": uid, "model": "checkpoint0045"}
}

func TestDocumentsBecomeDrawings(t *testing.T) {
	t.Parallel()
	folder := builtintest.NewFolder(t, "vectorization")
	uid := folder.Dataset(t, []string{"wit1_a^b", "empty", "broken", "second"}, map[string]map[string][]byte{
		"wit1_a^b": {"0001.jpg": jpegFile(t, 1), "part.one/0001.png": pngFile(t, 2), "bad.jpg": []byte("no picture")},
		"broken":   {"1.png": []byte("no picture")},
		"second":   {"plate.v2.jpeg": jpegFile(t, 3)},
	})
	said := folder.Run(t.Context(), t, vectorization.Tasks(), actor, kwargs(uid))
	if said.Failure != "" {
		t.Fatal(said.Failure)
	}
	type result = map[string]string
	type output struct {
		DatasetURL string   `json:"dataset_url"`
		ResultsURL []result `json:"results_url"`
		Error      []string `json:"error"`
	}
	var got output
	if err := json.Unmarshal(said.Value, &got); err != nil {
		t.Fatal(err)
	}
	first := result{"doc_id": "wit1_a^b", "result_url": builtintest.BaseURL + "/vectorization/wit1_a%5Eb/result"}
	second := result{"doc_id": "second", "result_url": builtintest.BaseURL + "/vectorization/second/result"}
	dataset := builtintest.BaseURL + "/datasets/dataset/" + uid
	if len(got.Error) != 4 {
		t.Errorf("errors are %q, want four", got.Error)
	}
	if diff := cmp.Diff(output{DatasetURL: dataset, ResultsURL: []result{first, second}, Error: got.Error}, got); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}

	var events []output
	for _, raw := range said.Events("PROGRESS") {
		var event output
		if err := json.Unmarshal(raw, &event); err != nil {
			t.Fatal(err)
		}
		events = append(events, event)
	}
	if diff := cmp.Diff([]output{{dataset, []result{first}, []string{}}, {dataset, []result{second}, []string{}}}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	var failures []string
	for _, raw := range said.Events("ERROR") {
		failures = append(failures, string(raw))
	}
	if diff := cmp.Diff([]string{
		`{"error":"Document empty has no images","completed":false}`,
		`{"error":"No image of document broken could be vectorized","completed":false}`,
	}, failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}

	results := filepath.Join(folder.Root, "vectorization/results")
	if diff := cmp.Diff([]string{"0001-2.svg", "0001.svg"}, archived(t, results, "wit1_a^b")); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"plate.v2.svg"}, archived(t, results, "second")); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

// archived checks that a document's archive holds its drawings, and returns
// their names.
func archived(t *testing.T, results, uid string) []string {
	t.Helper()
	archive, err := zip.OpenReader(filepath.Join(results, uid, uid+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, file := range archive.File {
		if file.Method != zip.Deflate {
			t.Errorf("%s is stored by method %d, want deflated", file.Name, file.Method)
		}
		in, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		beside, err := os.ReadFile(filepath.Join(results, uid, file.Name))
		if err != nil || !bytes.Equal(text, beside) {
			t.Errorf("%s differs from the file beside the archive: %v", file.Name, err)
		}
		if d, err := tracetest.Parse(text); err != nil || d.W != 400 || len(d.Items) < 20 {
			t.Errorf("%s is no drawing of the picture: %v", file.Name, err)
		}
		names = append(names, file.Name)
	}
	slices.Sort(names)
	return names
}

func TestVectorizationFails(t *testing.T) {
	t.Parallel()
	folder := builtintest.NewFolder(t, "vectorization")
	empty := folder.Dataset(t, []string{"one"}, nil)
	for name, test := range map[string]struct {
		kwargs map[string]any
		want   string
	}{
		"without any picture":    {kwargs(empty), "no picture of the data set could be vectorized"},
		"on an unknown data set": {kwargs(strings.Repeat("0", 64)), "there is no data set"},
		"on a path":              {kwargs("../../etc"), "no uid of a data set"},
		"on unknown arguments":   {map[string]any{"dataset_uid": empty, "threshold": 3}, "unknown field"},
	} {
		if said := folder.Run(t.Context(), t, vectorization.Tasks(), actor, test.kwargs); !strings.Contains(said.Failure, test.want) {
			t.Errorf("the task %s ends with %q, want %q", name, said.Failure, test.want)
		}
	}
}

func TestCropsAreIgnored(t *testing.T) {
	t.Parallel()
	folder := builtintest.NewFolder(t, "vectorization")
	uid := folder.Dataset(t, []string{"one"}, map[string]map[string][]byte{"one": {"1.jpg": jpegFile(t, 1)}})
	uid += "@" + strings.Repeat("a", 64)
	said := folder.Run(t.Context(), t, vectorization.Tasks(), actor, kwargs(uid))
	if said.Failure != "" || !strings.Contains(string(said.Value), uid) {
		t.Errorf("the task says %s, %s, want a result that names the data set with its crops", said.Value, said.Failure)
	}
}

func TestVectorizationStops(t *testing.T) {
	t.Parallel()
	folder := builtintest.NewFolder(t, "vectorization")
	uid := folder.Dataset(t, []string{"one"}, map[string]map[string][]byte{"one": {"1.jpg": jpegFile(t, 1)}})
	var ended error
	stopped := func(ctx context.Context, job *guest.Job) (any, error) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, ended = vectorization.Tasks()[actor](ctx, job)
		return nil, ended
	}
	folder.Run(t.Context(), t, map[string]guest.Task{actor: stopped}, actor, kwargs(uid))
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("a cancelled task returns %v, want context.Canceled", ended)
	}
}
