package regions_test

import (
	"bytes"
	"encoding/json"
	"image/jpeg"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/builtin/builtintest"
	"granary/internal/demos/builtin/regions"
	"granary/internal/demos/builtin/regions/layout/layouttest"
)

const actor = "extract_objects"

func page(t *testing.T, seed uint64) []byte {
	t.Helper()
	drawn, err := layouttest.Draw(seed, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, drawn.Gray.Image(), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func kwargs(uid, model string, postprocess any) map[string]any {
	return map[string]any{"experiment_id": "exp-1", "dataset_uid": uid, "model": model, "postprocess": postprocess}
}

func TestDocumentsAreAnnotated(t *testing.T) {
	t.Parallel()
	folder := builtintest.NewFolder(t, "regions")
	uid := folder.Dataset(t, []string{"wit1_a^b", "empty", "broken", "second"}, map[string]map[string][]byte{
		"wit1_a^b": {"0001.jpg": page(t, 0), "0002.jpg": []byte("no picture"), "sub/0003.jpg": page(t, 2)},
		"broken":   {"1.png": []byte("no picture")},
		"second":   {"1.jpg": page(t, 3)},
	})
	said := folder.Run(t.Context(), t, regions.Tasks(), actor, kwargs(uid, "illustration_extraction.pt", nil))
	if said.Failure != "" {
		t.Fatal(said.Failure)
	}
	const first = builtintest.BaseURL + "/datasets/document/zip/wit1_a%5Eb/illustration_extraction+exp-1"
	results := `"results_url":[{"wit1_a^b":"` + first + `","doc_id":"wit1_a^b","result_url":"` + first + `"},{"second":"`
	if !strings.Contains(string(said.Value), results) {
		t.Errorf("the result lacks %s:\n%.300s", results, said.Value)
	}
	var got struct {
		DatasetURL  string                          `json:"dataset_url"`
		Annotations map[string][]regions.Annotation `json:"annotations"`
		Error       []string                        `json:"error"`
	}
	if err := json.Unmarshal(said.Value, &got); err != nil {
		t.Fatal(err)
	}
	if want := builtintest.BaseURL + "/datasets/dataset/" + uid; got.DatasetURL != want || len(got.Error) != 4 {
		t.Errorf("dataset_url is %s with errors %q, want %s and four", got.DatasetURL, got.Error, want)
	}
	list := got.Annotations["wit1_a^b@@illustration_extraction+exp-1"]
	var file []regions.Annotation
	folder.Read(t, "shared/documents/zip/wit1_a^b/annotations/illustration_extraction+exp-1.json", &file)
	if diff := cmp.Diff(file, list); diff != "" {
		t.Errorf("annotations differ from the file (-file +result):\n%s", diff)
	}
	var sources []string
	for _, a := range list {
		sources = append(sources, a.Source)
		if readable := a.Source != "0002.jpg"; (len(a.Crops) > 0) != readable || (a.Height == 1000) != readable {
			t.Errorf("%s is %dx%d with %d crops", a.Source, a.Width, a.Height, len(a.Crops))
		}
	}
	if diff := cmp.Diff([]string{"0001.jpg", "0002.jpg", "sub/0003.jpg"}, sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	events := said.Events("PROGRESS")
	if len(events) != 2 || !strings.Contains(string(events[0]), `"annotations":[{"source":"0001.jpg"`) || !strings.Contains(string(events[0]), first) {
		t.Errorf("events are %.300s, want one for each document with its annotations", events)
	}
	var stored json.RawMessage
	folder.Read(t, "regions/results/exp-1.json", &stored)
	if !bytes.Equal(stored, said.Value) {
		t.Error("the stored result differs from the one that was told")
	}
}

func TestEachModelFindsItsKind(t *testing.T) {
	t.Parallel()
	folder := builtintest.NewFolder(t, "regions")
	uid := folder.Dataset(t, []string{"one"}, map[string]map[string][]byte{"one": {"1.jpg": page(t, 2)}})
	found := map[string]int{}
	for _, model := range []string{"", "diagram_extraction", "line_extraction.pth", "character_line_extraction", "fasterrcnn_watermark_extraction"} {
		said := folder.Run(t.Context(), t, regions.Tasks(), actor, kwargs(uid, model, "watermarks"))
		if said.Failure != "" {
			t.Fatal(said.Failure)
		}
		var got struct {
			Annotations map[string][]regions.Annotation `json:"annotations"`
		}
		if err := json.Unmarshal(said.Value, &got); err != nil {
			t.Fatal(err)
		}
		for name, list := range got.Annotations {
			name = strings.TrimSuffix(strings.TrimPrefix(name, "one@@"), "+exp-1")
			for _, crop := range list[0].Crops {
				if crop.Class != nil {
					found[name+" "+crop.Class.Label]++
					continue
				}
				found[name]++
			}
		}
	}
	t.Log(found)
	lines := found["line_extraction"]
	if found["illustration_extraction"] == 0 || lines < 10 || found["character_line_extraction line"] != lines || found["character_line_extraction character"] < 10*lines {
		t.Errorf("found %v, want figures, the lines twice and their characters", found)
	}
	if found["diagram_extraction"] > found["illustration_extraction"] {
		t.Errorf("found %v, want no more drawings than figures", found)
	}
}

func TestRegionsFails(t *testing.T) {
	t.Parallel()
	folder := builtintest.NewFolder(t, "regions")
	empty := folder.Dataset(t, []string{"one"}, nil)
	elsewhere := kwargs(empty, "", nil)
	elsewhere["experiment_id"] = "../x"
	for name, test := range map[string]struct {
		kwargs map[string]any
		want   string
	}{
		"without any picture":    {kwargs(empty, "", nil), "no picture of the data set could be read"},
		"on an unknown model":    {kwargs(empty, "yolo_999", nil), "there is no model"},
		"on an odd margin":       {kwargs(empty, "", map[string]any{"h_margin": 3}), "want 0 to 1"},
		"on an unknown data set": {kwargs(strings.Repeat("0", 64), "", nil), "there is no data set"},
		"outside its folder":     {elsewhere, "cannot name a file"},
	} {
		if said := folder.Run(t.Context(), t, regions.Tasks(), actor, test.kwargs); !strings.Contains(said.Failure, test.want) {
			t.Errorf("the task %s ends with %q, want %q", name, said.Failure, test.want)
		}
	}
}
