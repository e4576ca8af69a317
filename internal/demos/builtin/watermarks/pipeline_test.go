package watermarks_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/builtin/builtintest"
	"granary/internal/demos/builtin/watermarks"
	"granary/internal/demos/plane"
	"granary/internal/platform/fault"
)

const marks = 70 // enough for a collection that learns its space

// tracings draws the collection: dark lines on white, as repertories print
// them, each in its own margins.
func tracings(t testing.TB, n int) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{"readme.txt": {Data: []byte("not a picture")}}
	for i := range n {
		side := 180 + i%5*20
		g, _ := newMark(uint64(i)).sheet(side+40, side+30, photo{seed: 1, light: -90, grain: 1, at: image.Rect(20, 15, side+20, side+15)})
		var file bytes.Buffer
		if err := png.Encode(&file, g.Image()); err != nil {
			t.Fatal(err)
		}
		files[fmt.Sprintf("repertory/%02d.png", i)] = &fstest.MapFile{Data: file.Bytes()}
	}
	return files
}

func setup(t testing.TB, n int) builtintest.Folder {
	t.Helper()
	folder := builtintest.NewFolder(t, "watermarks")
	dir := filepath.Join(folder.Root, "watermarks", "sources", "briquet")
	err := watermarks.Build(t.Context(), dir, tracings(t, n), watermarks.Metadata{Name: "Briquet", Description: "Tracings"}, func(text string) { t.Error(text) })
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

type output struct {
	Detection *struct {
		Boxes  [][4]float64 `json:"boxes"`
		Scores []float64    `json:"scores"`
	} `json:"detection"`
	Matches    [][]map[string]float64 `json:"matches"`
	QueryFlips []*string              `json:"query_flips"`
}

// ask photographs a mark turned that way and runs the task on it.
func ask(t testing.TB, folder builtintest.Folder, seed uint64, turn plane.Turn, kwargs map[string]any) (output, builtintest.Said) {
	t.Helper()
	g, _ := newMark(seed).sheet(520, 600, photo{seed: seed + 50, light: 26, grain: 7, at: image.Rect(150, 160, 400, 410), lines: true})
	var file bytes.Buffer
	if err := jpeg.Encode(&file, g.Turned(turn).Image(), &jpeg.Options{Quality: 70}); err != nil {
		t.Fatal(err)
	}
	folder.Write(t, "watermarks/queries/q.jpg", file.Bytes())
	kwargs["image_path"] = filepath.Join(folder.Root, "watermarks/queries/q.jpg")
	said := folder.Run(t.Context(), t, watermarks.Tasks(), "pipeline", kwargs)
	var out output
	if said.Failure == "" {
		if err := json.Unmarshal(said.Value, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out, said
}

// TestPhotographsFindTheirTracings looks marks of faint photographs, turned
// and mirrored, up in a collection of dark tracings.
func TestPhotographsFindTheirTracings(t *testing.T) {
	t.Parallel()
	folder := setup(t, marks)
	turns := []plane.Turn{plane.None, plane.Rot90, plane.Rot180, plane.Rot270, plane.HFlip}
	const tries = 25
	var hits int
	for i := range uint64(tries) {
		turn := turns[i%5]
		out, said := ask(t, folder, i, turn, map[string]any{"experiment_id": "e", "detect": true, "compare_to": "briquet"})
		if said.Failure != "" {
			t.Fatal(said.Failure)
		}
		first := out.Matches[0][0]
		if first["source_index"] == float64(i) {
			hits++
		} else {
			t.Logf("mark %d under %s: %v", i, turn, out.Matches[0][:2])
		}
	}
	t.Logf("%d of %d photographs find their tracing first", hits, tries)
	if hits < tries*9/10 {
		t.Errorf("%d of %d photographs find their tracing first, want nine in ten", hits, tries)
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	folder := setup(t, 5)
	out, said := ask(t, folder, 3, plane.Rot90, map[string]any{"experiment_id": "e", "detect": true, "compare_to": "briquet"})
	if said.Failure != "" {
		t.Fatal(said.Failure)
	}
	if len(out.Detection.Boxes) != len(out.Detection.Scores) || len(out.Matches) != len(out.Detection.Boxes) || out.Detection.Scores[0] < 0.5 {
		t.Errorf("%d boxes, %d lists of matches, scores %v", len(out.Detection.Boxes), len(out.Matches), out.Detection.Scores)
	}
	if got := fmt.Sprintf("%d", len(out.Matches[0])); got != "5" {
		t.Errorf("%s matches, want all five marks", got)
	}
	first := out.Matches[0][0]
	if first["source_index"] != 3 || first["query_index"] != 0 || first["similarity"] <= 0.3 || first["similarity"] > 1 {
		t.Errorf("first match is %v", first)
	}
	// The photograph is turned counter-clockwise by 90°, so that another three
	// quarter turns show the mark upright.
	if first["best_source_flip"] != 0 || first["best_query_flip"] != 3 {
		t.Errorf("flips of the first match are %v and %v, want 0 and 3", first["best_source_flip"], first["best_query_flip"])
	}
	flips := []*string{nil, new(string), new(string), new(string)}
	*flips[1], *flips[2], *flips[3] = "rot90", "rot180", "rot270"
	if diff := cmp.Diff(flips, out.QueryFlips); diff != "" {
		t.Errorf("query_flips (-want +got):\n%s", diff)
	}
	var file output
	folder.Read(t, "watermarks/results/job-1.json", &file)
	if diff := cmp.Diff(out, file); diff != "" {
		t.Errorf("the file is not the result (-result +file):\n%s", diff)
	}
}

func TestWithoutDetectionOrCollection(t *testing.T) {
	t.Parallel()
	folder := setup(t, 5)
	out, said := ask(t, folder, 2, plane.None, map[string]any{"experiment_id": "e", "detect": false, "compare_to": "briquet"})
	if said.Failure != "" || out.Detection != nil || len(out.Matches) != 1 || out.Matches[0][0]["source_index"] != 2 {
		t.Errorf("without detection: %s, %+v", said.Failure, out)
	}
	out, said = ask(t, folder, 2, plane.None, map[string]any{"experiment_id": "e", "detect": true, "compare_to": nil})
	if said.Failure != "" || out.Detection == nil || out.Matches != nil || out.QueryFlips != nil {
		t.Errorf("without a collection: %s, %+v", said.Failure, out)
	}
}

func TestFeaturesAreKeptUntilTheCollectionChanges(t *testing.T) {
	t.Parallel()
	folder := setup(t, 3)
	dir := filepath.Join(folder.Root, "watermarks/sources/briquet")
	described := func() bool {
		_, said := ask(t, folder, 1, plane.None, map[string]any{"experiment_id": "e", "detect": true, "compare_to": "briquet"})
		if said.Failure != "" {
			t.Fatal(said.Failure)
		}
		for _, r := range said.Reports {
			if r.Context == "Computing features" {
				return true
			}
		}
		return false
	}
	if described() {
		t.Error("marks that Build described are described again")
	}
	if err := os.Remove(filepath.Join(dir, "features.granary")); err != nil {
		t.Fatal(err)
	}
	if !described() || described() {
		t.Error("marks are not described once after their features were lost")
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	folder.Write(t, "watermarks/sources/briquet/index.json", append(index, ' '))
	if !described() {
		t.Error("marks are not described again after the index changed")
	}
}

func TestPipelineRefuses(t *testing.T) {
	t.Parallel()
	folder := setup(t, 1)
	folder.Write(t, "watermarks/sources/odd/metadata.json", []byte("{}"))
	folder.Write(t, "watermarks/sources/odd/index.json", []byte(`{"images":[{"name":"a","source":"b"}],"flips":["up"]}`))
	for name, test := range map[string]struct{ source, want string }{
		"an unknown collection": {"other", "Source UID not found"},
		"a way out":             {"../sources/briquet", "Source UID not found"},
		"an unknown flip":       {"odd", "unknown transposition"},
	} {
		_, said := ask(t, folder, 1, plane.None, map[string]any{"experiment_id": "e", "detect": false, "compare_to": test.source})
		if !strings.Contains(said.Failure, test.want) {
			t.Errorf("%s: failure %q, want one with %q", name, said.Failure, test.want)
		}
	}
	for _, path := range []string{"/etc/passwd", "../../secret.jpg", "watermarks/none.jpg"} {
		said := folder.Run(t.Context(), t, watermarks.Tasks(), "pipeline", map[string]any{"experiment_id": "e", "image_path": path, "detect": true})
		if said.Failure == "" {
			t.Errorf("image_path %s was opened", path)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	none := func(string) {}
	if err := watermarks.Build(t.Context(), dir, tracings(t, 1), watermarks.Metadata{}, none); !fault.Is(err, fault.Conflict) {
		t.Errorf("Build over a folder = %v, want Conflict", err)
	}
	for name, files := range map[string]fstest.MapFS{
		"no pictures": {"a/readme.txt": {}}, "a picture in no folder": {"mark.png": {}},
	} {
		if err := watermarks.Build(t.Context(), filepath.Join(dir, "new"), files, watermarks.Metadata{}, none); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: Build = %v, want Invalid", name, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
