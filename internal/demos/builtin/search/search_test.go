package search_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/builtin/builtintest"
	"granary/internal/demos/builtin/descriptor/descriptortest"
	"granary/internal/demos/builtin/search"
	"granary/internal/demos/plane"
)

const pictures = 70 // enough for an index that learns its space

// setup returns a folder with a data set of that many pictures and one of
// queries: picture 5 turned by a quarter, picture 9 recompressed.
func setup(t *testing.T, pictures uint64) (folder builtintest.Folder, indexed, asked string) {
	t.Helper()
	folder = builtintest.NewFolder(t, "search")
	all := map[string][]byte{}
	for i := range pictures {
		all[fmt.Sprintf("%02d.jpg", i)] = descriptortest.JPEG(descriptortest.Picture(i), 80)
	}
	indexed = folder.Dataset(t, []string{"museum"}, map[string]map[string][]byte{"museum": all})
	asked = folder.Dataset(t, []string{"mine"}, map[string]map[string][]byte{"mine": {
		"a.jpg": descriptortest.JPEG(descriptortest.Turn(descriptortest.Picture(5), plane.Rot90), 80),
		"b.jpg": descriptortest.JPEG(descriptortest.Picture(9), 20),
	}})
	return folder, indexed, asked
}

func kwargs(experiment, uid string, parameters map[string]any) map[string]any {
	return map[string]any{"experiment_id": experiment, "dataset_uid": uid, "parameters": parameters}
}

type output struct {
	DatasetURL string            `json:"dataset_url"`
	ResultsURL string            `json:"results_url"`
	Metadata   map[string]string `json:"metadata"`
	Error      []string          `json:"error"`
}

func TestIndexThenQuery(t *testing.T) {
	t.Parallel()
	for _, sketches := range []bool{false, true} {
		t.Run(fmt.Sprintf("sketches %t", sketches), func(t *testing.T) {
			t.Parallel()
			folder, indexed, asked := setup(t, pictures)
			said := folder.Run(t.Context(), t, search.Tasks(), "index_dataset", kwargs("e1", indexed, map[string]any{
				"feat_net": "resnet34", "transpositions": []string{"none", "hflip"}, "are_sketches": sketches,
			}))
			var made output
			if err := json.Unmarshal(said.Value, &made); err != nil {
				t.Fatal(err, said.Failure)
			}
			id := indexed + "+resnet34+nh"
			if sketches {
				id += "s"
			}
			if diff := cmp.Diff(output{
				DatasetURL: builtintest.BaseURL + "/datasets/dataset/" + indexed, Error: []string{},
				ResultsURL: builtintest.BaseURL + "/search/indexing/e1/result", Metadata: map[string]string{"index_id": id},
			}, made); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			var catalogue struct {
				Metadata map[string]any `json:"metadata"`
				Index    struct {
					Images []struct {
						Path   string `json:"path"`
						DocUID string `json:"doc_uid"`
					} `json:"images"`
					Transpositions []string `json:"transpositions"`
				} `json:"index"`
			}
			folder.Read(t, "search/indexing/e1.json", &catalogue)
			if diff := cmp.Diff(map[string]any{
				"dataset_uid": indexed, "index_id": id, "feat_net": "resnet34", "transpositions": []any{"none", "hflip"}, "from_experiment": "e1",
			}, catalogue.Metadata); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
			if images := catalogue.Index.Images; len(images) != pictures || images[5].Path != "images/05.jpg" || images[5].DocUID != "museum" {
				t.Errorf("index has %d pictures, the sixth is %v", len(images), images[5])
			}

			said = folder.Run(t.Context(), t, search.Tasks(), "query_index", kwargs("e2", asked, map[string]any{
				"index_id": id, "transpositions": []string{"none", "rot270"}, "cosine_n_filter": 3,
			}))
			if said.Failure != "" {
				t.Fatal(said.Failure)
			}
			var answers struct {
				Query struct {
					Images         []map[string]any `json:"images"`
					Transpositions []string         `json:"transpositions"`
				} `json:"query"`
				Pairs [][5]float64 `json:"pairs"`
			}
			folder.Read(t, "search/query/e2.json", &answers)
			if len(answers.Pairs) != 6 || len(answers.Query.Images) != 2 {
				t.Fatalf("answers are %v", answers)
			}
			for i, want := range map[int][5]float64{0: {5, 0, 0, 0, 1}, 3: {9, 1, 0, 0, 0}} {
				got := answers.Pairs[i]
				if got[2] < 0.8 || got[2] > 1 {
					t.Errorf("pair %v has a score of %v", got, got[2])
				}
				got[2] = 0
				if got != want {
					t.Errorf("pair %d is %v, want %v", i, got, want)
				}
			}
		})
	}
}

func TestQueryRefuses(t *testing.T) {
	t.Parallel()
	folder, _, asked := setup(t, 1)
	folder.Write(t, "search/index/broken", []byte("granary collection 1\n{}"))
	for name, test := range map[string]struct {
		parameters map[string]any
		want       string
	}{
		"an unknown index":    {map[string]any{"index_id": "other"}, "there is no index other"},
		"a way out":           {map[string]any{"index_id": "../index/broken"}, "is no id of an index"},
		"no index":            {map[string]any{}, "is no id of an index"},
		"a damaged index":     {map[string]any{"index_id": "broken"}, "damaged"},
		"a transposition":     {map[string]any{"index_id": "broken", "transpositions": []string{"up"}}, "unknown transposition"},
		"too many matches":    {map[string]any{"index_id": "broken", "cosine_n_filter": 5000}, "from 1 to 1000"},
		"an unknown argument": {map[string]any{"index_id": "broken", "colour": 1}, "unknown field"},
	} {
		said := folder.Run(t.Context(), t, search.Tasks(), "query_index", kwargs("e", asked, test.parameters))
		if !strings.Contains(said.Failure, test.want) {
			t.Errorf("%s: failure %q, want one with %q", name, said.Failure, test.want)
		}
	}
}

func TestIndexIDsAreFileNames(t *testing.T) {
	t.Parallel()
	folder, _, asked := setup(t, 1)
	said := folder.Run(t.Context(), t, search.Tasks(), "index_dataset", kwargs("e", asked, map[string]any{"feat_net": "../../" + strings.Repeat("x", 300)}))
	var made output
	if err := json.Unmarshal(said.Value, &made); err != nil {
		t.Fatal(err, said.Failure)
	}
	if id := made.Metadata["index_id"]; strings.Contains(id, "/") || len(id) > 255 {
		t.Errorf("index id is %q", id)
	}
}
