package acceptance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"granary/test/front"
)

func testAikonRegions(t *testing.T, l *demoLab) {
	a := l.aikon(t)
	form(t, a.API, "/regions", "illustration_extraction")
	documents := []any{
		document("iiif", "wit1_man1", a.Manifest(t, "man1", page(t, "", 7), page(t, "", 8))),
		document("iiif", "wit2_man2", a.Manifest(t, "man2", page(t, "", 9))),
	}
	treatment, err := a.Treat(t.Context(), "regions", documents, map[string]any{"model": "illustration_extraction.pt", "postprocess": nil})
	if err != nil {
		t.Fatal(err)
	}
	treatment = a.Await(t, treatment.ID, front.Success)
	var want []string
	for _, uid := range []string{"wit1_man1", "wit2_man2"} {
		want = append(want, l.api.Base+"/datasets/document/iiif/"+uid+"/illustration_extraction+"+treatment.ID)
	}
	if got := unescaped(t, treatment.Fetched); !slices.Equal(got, want) {
		t.Errorf("results = %q, want %q", got, want)
	}
	calls := told(t, a.Front, treatment.TrackingID, 2, front.Success)
	// An older platform takes the first pair of each item for uid and address.
	var output struct {
		ResultsURL []json.RawMessage `json:"results_url"`
	}
	if err := json.Unmarshal(calls[len(calls)-1].Fields["output"], &output); err != nil || len(output.ResultsURL) != 2 {
		t.Fatalf("output = %s, %v", calls[len(calls)-1].Body, err)
	}
	for i, uid := range []string{"wit1_man1", "wit2_man2"} {
		if first := fmt.Sprintf(`{%q:%q`, uid, treatment.Fetched[i]); !strings.HasPrefix(string(output.ResultsURL[i]), first) {
			t.Errorf("item = %s, want it to begin with %s", output.ResultsURL[i], first)
		}
	}
	// The annotation lists one object for each canvas, in order.
	var list []front.Annotation
	if err := a.Get(t.Context(), treatment.Fetched[0], &list); err != nil || len(list) != 2 || list[0].Source != "0001.jpg" || list[1].Source != "0002.jpg" {
		t.Errorf("annotation = %+v, %v", list, err)
	}
}

func unescaped(t *testing.T, addresses []string) []string {
	t.Helper()
	out := make([]string, len(addresses))
	for i, address := range addresses {
		text, err := url.PathUnescape(address)
		if err != nil {
			t.Error(err)
		}
		out[i] = text
	}
	return out
}

// testAikonSimilarity compares the regions of two witnesses; numbers arrive as
// texts from the platform's forms.
func testAikonSimilarity(t *testing.T, l *demoLab) {
	a := l.aikon(t)
	documents := []any{
		document("url_list", "wit3_man3_anno3", a.List(t, "anno3", likeness(t, "wit3_man3_1_0,0,9,9.jpg", 40, false), likeness(t, "wit3_man3_2_0,0,9,9.jpg", 41, false))),
		document("url_list", "wit4_man4_anno4", a.List(t, "anno4", likeness(t, "wit4_man4_1_0,0,9,9.jpg", 41, true), likeness(t, "wit4_man4_2_0,0,9,9.jpg", 40, true))),
	}
	treatment, err := a.Treat(t.Context(), "similarity", documents, map[string]any{
		"algorithm": "cosine", "feat_net": "resnet34", "cosine_n_filter": "2", "segswap_n": "10", "transpositions": []string{"none", "rot90"},
		"use_transpositions": true, "cosine_preprocessing": false, "source_type": "regions",
	})
	if err != nil {
		t.Fatal(err)
	}
	treatment = a.Await(t, treatment.ID, front.Success)
	if len(treatment.Fetched) != 3 {
		t.Errorf("results = %q, want one for each pair of documents", treatment.Fetched)
	}
	var across front.Similarity
	name := l.api.Base + "/similarity/" + treatment.ID + "~cosine-wit3_man3_anno3-wit4_man4_anno4/result"
	if err := a.Get(t.Context(), name, &across); err != nil {
		t.Fatal(err)
	}
	best := map[string]string{}
	for _, pair := range across.Pairs {
		i, j := across.Index.Images[int(pair[0])].ID, across.Index.Images[int(pair[1])].ID
		if best[i] == "" {
			best[i] = j
		}
	}
	for i, want := range map[string]string{"wit3_man3_1_0,0,9,9": "wit4_man4_2_0,0,9,9", "wit3_man3_2_0,0,9,9": "wit4_man4_1_0,0,9,9"} {
		if best[i] != want {
			t.Errorf("the best match of %s is %q, want %s", i, best[i], want)
		}
	}
	if topk := string(across.Parameters["topk"]); topk != "2" {
		t.Errorf("topk = %s, want the number 2", topk)
	}
}

// testAikonVectorization has three witnesses: the platform handles the first
// new one of each notification, so each needs a notification of its own.
func testAikonVectorization(t *testing.T, l *demoLab) {
	a := l.aikon(t)
	form(t, a.API, "/vectorization", "checkpoint0045")
	var documents []any
	for i := range 3 {
		uid := fmt.Sprintf("wit%d_man%d_anno%d", i+5, i+5, i+5)
		documents = append(documents, document("url_list", uid, a.List(t, uid, diagram(t, fmt.Sprintf("%s_1.jpg", uid), uint64(i)), diagram(t, fmt.Sprintf("%s_2.jpg", uid), uint64(i+9)))))
	}
	treatment, err := a.Treat(t.Context(), "vectorization", documents, map[string]any{"model": "0045"})
	if err != nil {
		t.Fatal(err)
	}
	treatment = a.Await(t, treatment.ID, front.Success)
	calls := told(t, a.Front, treatment.TrackingID, 3, front.Success)
	for i, c := range calls {
		var output struct {
			ResultsURL []json.RawMessage `json:"results_url"`
		}
		if c.Event == "STARTED" {
			continue
		}
		want := 1
		if i == len(calls)-1 {
			want = 3
		}
		if err := json.Unmarshal(c.Fields["output"], &output); err != nil || len(output.ResultsURL) != want {
			t.Errorf("%s names %d documents, want %d: %.300s", c.Event, len(output.ResultsURL), want, c.Body)
		}
	}
	if len(treatment.Fetched) != 3 {
		t.Errorf("documents = %q, want three", treatment.Fetched)
	}
}

// testAikonDeletes removes regions and pairs as the platform does, twice.
func testAikonDeletes(t *testing.T, l *demoLab) {
	a := l.aikon(t)
	manifest := a.Manifest(t, "man8", page(t, "", 10))
	list := a.List(t, "anno8", likeness(t, "p1.jpg", 50, false), likeness(t, "p2.jpg", 50, true))
	drawing := a.List(t, "anno9", diagram(t, "d1.jpg", 4))
	tasks := map[string]any{
		"regions": document("iiif", "wit8_man8", manifest), "similarity": document("url_list", "wit8_man8_anno8", list),
		"vectorization": document("url_list", "wit9_man9_anno9", drawing),
	}
	for task, one := range tasks {
		treatment, err := a.Treat(t.Context(), task, []any{one}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Await(t, treatment.ID, front.Success)
	}
	type counters = map[string]int
	for _, step := range []struct {
		path string
		want counters
	}{
		{"/regions/wit8_man8/delete?model_name=other", counters{"cleared_annotations": 0}},
		{"/regions/wit8_man8/delete?model_name=illustration_extraction", counters{"cleared_annotations": 1}},
		{"/regions/wit8_man8/delete", counters{"cleared_document": 1}},
		{"/similarity/wit8_man8_anno8/delete?algorithm=segswap&feat_net=resnet34", counters{"cleared_results": 0}},
		{"/similarity/wit8_man8_anno8/delete?algorithm=cosine", counters{"cleared_results": 1}},
		{"/vectorization/wit9_man9_anno9/delete", counters{"cleared_images": 1, "cleared_results": 2}},
	} {
		var got counters
		if err := a.Post(t.Context(), step.path, "", &got); err != nil {
			t.Error(err)
			continue
		}
		for name, want := range step.want {
			if n, ok := got[name]; !ok || n != want {
				t.Errorf("%s = %v, want %s: %d", step.path, got, name, want)
			}
		}
	}
	for _, prefix := range []string{"/regions", "/similarity", "/vectorization"} {
		var got map[string]string
		if err := a.Post(t.Context(), prefix+"/wit77_man77/delete", "", &got); err != nil || got["error"] != "Document wit77_man77 not found" {
			t.Errorf("delete of an unknown document of %s = %v, %v", prefix, got, err)
		}
	}
}
