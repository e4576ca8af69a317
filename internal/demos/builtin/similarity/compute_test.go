package similarity_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/builtin/builtintest"
	"granary/internal/demos/builtin/descriptor/descriptortest"
	"granary/internal/demos/builtin/similarity"
)

// found is a result document as a client reads it.
type found struct {
	Parameters map[string]any `json:"parameters"`
	Index      struct {
		Sources        map[string]map[string]any `json:"sources"`
		Images         []map[string]any          `json:"images"`
		Transpositions []string                  `json:"transpositions"`
	} `json:"index"`
	Pairs [][5]float64 `json:"pairs"`
}

type output struct {
	DatasetURL  string              `json:"dataset_url"`
	Annotations *found              `json:"annotations"`
	ResultsURL  []map[string]string `json:"results_url"`
	Error       []string            `json:"error"`
}

// setup lays out documents alpha, of pictures 0..5, and beta, of turned copies
// of them by the same numbers and one picture more.
func setup(t *testing.T) (builtintest.Folder, string) {
	t.Helper()
	folder := builtintest.NewFolder(t, "similarity")
	alpha, beta := map[string][]byte{}, map[string][]byte{}
	for i := range uint64(6) {
		img := descriptortest.Picture(i)
		alpha[fmt.Sprintf("a%d.jpg", i)] = descriptortest.JPEG(img, 90)
		kind := descriptortest.Kinds()[i]
		beta[fmt.Sprintf("b%d.jpg", i)] = descriptortest.JPEG(descriptortest.Copy(img, i, kind), 80)
	}
	beta["sub/b6.jpg"] = descriptortest.JPEG(descriptortest.Picture(77), 80)
	return folder, folder.Dataset(t, []string{"beta", "alpha"}, map[string]map[string][]byte{"alpha": alpha, "beta": beta})
}

func kwargs(uid string, parameters map[string]any) map[string]any {
	all := map[string]any{
		"feat_net": "resnet34", "algorithm": "cosine", "cosine_n_filter": 2, "segswap_prefilter": true, "segswap_n": 3,
		"transpositions": []string{"none", "hflip", "vflip", "rot90", "rot180", "rot270"}, "skip_pairs": []string{}, "client_id": "abc",
	}
	for name, value := range parameters {
		all[name] = value
	}
	return map[string]any{"experiment_id": "exp-1", "dataset_uid": uid, "parameters": all}
}

// bestOf returns the path of the picture that is most like the one of that
// path, with the score and the turns of both.
func (f *found) bestOf(t *testing.T, path string) (other string, score float64, turns [2]string) {
	t.Helper()
	i := slices.IndexFunc(f.Index.Images, func(image map[string]any) bool { return image["path"] == path })
	score = -1
	for _, p := range f.Pairs {
		if a, b := int(p[0]), int(p[1]); (a == i || b == i) && p[2] > score {
			other, score = fmt.Sprint(f.Index.Images[a+b-i]["path"]), p[2]
			turns = [2]string{f.Index.Transpositions[int(p[3])], f.Index.Transpositions[int(p[4])]}
		}
	}
	return other, score, turns
}

func TestSimilarity(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"cosine", "segswap"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			folder, uid := setup(t)
			said := folder.Run(t.Context(), t, similarity.Tasks(), "compute_similarity", kwargs(uid, map[string]any{"algorithm": algorithm}))
			if said.Failure != "" {
				t.Fatal(said.Failure)
			}
			var out output
			if err := json.Unmarshal(said.Value, &out); err != nil {
				t.Fatal(err)
			}
			name := func(s string) string { return builtintest.BaseURL + "/similarity/exp-1~" + s + "/result" }
			want := output{
				DatasetURL: builtintest.BaseURL + "/datasets/dataset/" + uid, Annotations: out.Annotations, Error: []string{},
				ResultsURL: []map[string]string{
					{"doc_pair": "alpha-alpha", "result_url": name(algorithm + "-alpha-alpha")},
					{"doc_pair": "alpha-beta", "result_url": name(algorithm + "-alpha-beta")},
					{"doc_pair": "beta-beta", "result_url": name(algorithm + "-beta-beta")},
					{"doc_pair": "dataset", "result_url": name(uid + "-scores")},
				},
			}
			if diff := cmp.Diff(want, out); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if got := said.Events("PROGRESS"); len(got) != 3 || !strings.Contains(string(got[1]), `"doc_pair":"alpha-beta"`) {
				t.Errorf("events are %s, want one for each pair of documents", got)
			}
			var between, inline found
			folder.Read(t, "similarity/results/exp-1/"+algorithm+"-alpha-beta.json", &between)
			folder.Read(t, "similarity/results/exp-1/"+uid+"-scores.json", &inline)
			if diff := cmp.Diff(&inline, out.Annotations); diff != "" {
				t.Errorf("annotations are not the document of the data set (-file +inline):\n%s", diff)
			}
			between.check(t, algorithm)
			inline.check(t, algorithm)
			for i := range 6 {
				other, score, turns := between.bestOf(t, fmt.Sprintf("images/a%d.jpg", i))
				if other != fmt.Sprintf("images/b%d.jpg", i) || score < 0.4 {
					t.Errorf("picture %d is most like %s with %v, want its copy", i, other, score)
				}
				if turned := turns[0] != turns[1]; algorithm == "cosine" && turned != (i < 2) {
					t.Errorf("picture %d is found under %v", i, turns)
				}
			}
		})
	}
}

// check holds a document to what clients rely on.
func (f *found) check(t *testing.T, algorithm string) {
	t.Helper()
	parameters := map[string]any{
		"algorithm": algorithm, "topk": 2.0, "feat_net": "resnet34", "segswap_prefilter": true, "segswap_n": 3.0,
		"raw_transpositions": []any{"none", "hflip", "vflip", "rot90", "rot180", "rot270"},
	}
	if diff := cmp.Diff(parameters, f.Parameters); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	paired := map[int]bool{}
	for _, p := range f.Pairs {
		i, j := int(p[0]), int(p[1])
		paired[i], paired[j] = true, true
		if i >= j || p[2] < 0 || p[2] > 1 || int(p[3]) >= len(f.Index.Transpositions) || int(p[4]) >= len(f.Index.Transpositions) {
			t.Errorf("pair %v", p)
		}
	}
	if len(paired) != len(f.Index.Images) {
		t.Errorf("%d of %d pictures have a pair, want all", len(paired), len(f.Index.Images))
	}
	if diff := cmp.Diff(map[string]any{"uid": "beta", "type": "zip", "src": "http://pictures.test/beta.zip", "metadata": map[string]any{}}, f.Index.Sources["beta"]); diff != "" {
		t.Errorf("source beta (-want +got):\n%s", diff)
	}
	last := f.Index.Images[len(f.Index.Images)-1]
	if diff := cmp.Diff(map[string]any{"id": "sub/b6.jpg", "src": "images/sub/b6.jpg", "path": "images/sub/b6.jpg", "metadata": nil, "doc_uid": "beta"}, last); diff != "" {
		t.Errorf("last picture (-want +got):\n%s", diff)
	}
}

func TestSegswapWithoutPrefilterFindsTheSame(t *testing.T) {
	t.Parallel()
	folder, uid := setup(t)
	said := folder.Run(t.Context(), t, similarity.Tasks(), "compute_similarity", kwargs(uid, map[string]any{
		"algorithm": "segswap", "segswap_prefilter": false, "segswap_n": 1, "transpositions": []string{"hflip"},
	}))
	if said.Failure != "" {
		t.Fatal(said.Failure)
	}
	var between found
	folder.Read(t, "similarity/results/exp-1/segswap-alpha-beta.json", &between)
	if diff := cmp.Diff([]string{"none", "hflip"}, between.Index.Transpositions); diff != "" {
		t.Errorf("transpositions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{"hflip"}, between.Parameters["raw_transpositions"]); diff != "" {
		t.Errorf("raw_transpositions (-want +got):\n%s", diff)
	}
	for i := range 6 {
		if other, score, _ := between.bestOf(t, fmt.Sprintf("images/a%d.jpg", i)); other != fmt.Sprintf("images/b%d.jpg", i) {
			t.Errorf("picture %d is most like %s with %v, want its copy", i, other, score)
		}
	}
}

func TestSkippedPairsAreNotCompared(t *testing.T) {
	t.Parallel()
	folder, uid := setup(t)
	said := folder.Run(t.Context(), t, similarity.Tasks(), "compute_similarity", kwargs(uid, map[string]any{
		"skip_pairs": []string{"beta-alpha", "alpha-alpha"},
	}))
	if said.Failure != "" {
		t.Fatal(said.Failure)
	}
	if got := said.Events("PROGRESS"); len(got) != 1 || !strings.Contains(string(got[0]), `"beta-beta"`) {
		t.Errorf("events are %s, want beta-beta alone", got)
	}
	files, err := os.ReadDir(filepath.Join(folder.Root, "similarity/results/exp-1"))
	if err != nil || len(files) != 2 {
		t.Errorf("files are %v, %v; want two", files, err)
	}
}

func TestUnreadablePicturesAreLeftOut(t *testing.T) {
	t.Parallel()
	folder := builtintest.NewFolder(t, "similarity")
	uid := folder.Dataset(t, []string{"one", "none"}, map[string]map[string][]byte{"one": {
		"1.jpg": descriptortest.JPEG(descriptortest.Picture(1), 80), "2.jpg": []byte("not a picture"),
		"3.jpg": descriptortest.JPEG(descriptortest.Picture(3), 80),
	}})
	said := folder.Run(t.Context(), t, similarity.Tasks(), "compute_similarity", kwargs(uid, nil))
	var out output
	if err := json.Unmarshal(said.Value, &out); err != nil {
		t.Fatal(err, said.Failure)
	}
	if len(out.Error) != 2 || len(out.Annotations.Index.Images) != 2 || len(out.Annotations.Pairs) != 1 {
		t.Errorf("output has errors %q, %d pictures and pairs %v; want two, two and one", out.Error, len(out.Annotations.Index.Images), out.Annotations.Pairs)
	}
	if got := said.Texts("warning"); len(got) != 2 {
		t.Errorf("warnings are %q, want two", got)
	}
}

func TestSimilarityRefuses(t *testing.T) {
	t.Parallel()
	folder, uid := setup(t)
	tests := map[string]struct {
		kwargs map[string]any
		want   string
	}{
		"an algorithm":     {kwargs(uid, map[string]any{"algorithm": "magic"}), "neither cosine nor segswap"},
		"no matches":       {kwargs(uid, map[string]any{"cosine_n_filter": 0}), "from 1 to 1000"},
		"a transposition":  {kwargs(uid, map[string]any{"transpositions": []string{"rot45"}}), "unknown transposition"},
		"a data set":       {kwargs(strings.Repeat("0", 64), nil), "there is no data set"},
		"a way out":        {map[string]any{"experiment_id": "..", "dataset_uid": uid, "parameters": kwargs(uid, nil)["parameters"]}, "cannot name a folder"},
		"an odd parameter": {kwargs(uid, map[string]any{"magic": 1}), "unknown field"},
	}
	for name, test := range tests {
		said := folder.Run(t.Context(), t, similarity.Tasks(), "compute_similarity", test.kwargs)
		if !strings.Contains(said.Failure, test.want) {
			t.Errorf("%s: failure %q, want one with %q", name, said.Failure, test.want)
		}
	}
}

func TestSimilarityStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	folder, uid := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if said := folder.Run(ctx, t, similarity.Tasks(), "compute_similarity", kwargs(uid, nil)); said.Value != nil {
		t.Errorf("a cancelled job returned %.100s", said.Value)
	}
}
