package regions

import (
	"encoding/json"
	"image"
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/dataset"
)

func TestCodeNamesABox(t *testing.T) {
	t.Parallel()
	for want, test := range map[string]struct {
		box  image.Rectangle
		w, h int
	}{
		"gb638390": {image.Rect(866, 422, 866+429, 422+626), 1912, 2500},
		"3m3mi0i0": {image.Rect(100, 100, 600, 600), 1000, 1000},
		"0000zzzz": {image.Rect(0, 0, 77, 33), 77, 33},
	} {
		if got := Code(test.box, test.w, test.h); got != want {
			t.Errorf("Code(%v in %dx%d) = %s, want %s", test.box, test.w, test.h, got, want)
		}
	}
}

func TestBoxesAreWidenedAndClipped(t *testing.T) {
	t.Parallel()
	box := image.Rect(100, 200, 140, 300)
	for name, test := range map[string]struct {
		parameter string
		box, want image.Rectangle
	}{
		"nothing":             {``, box, box},
		"null":                {`null`, box, box},
		"empty text":          {`""`, box, box},
		"watermarks":          {`"watermarks"`, box, image.Rect(65, 195, 175, 305)},
		"square":              {`{"squarify": true}`, box, image.Rect(70, 200, 170, 300)},
		"margins":             {`{"h_margin": 0.5, "v_margin": 0.1, "theme": "dark"}`, box, image.Rect(80, 190, 160, 310)},
		"object as text":      {`"{\"h_margin\": 1}"`, box, image.Rect(60, 200, 180, 300)},
		"clipped":             {`{"h_margin": 1}`, image.Rect(0, 0, 390, 20), image.Rect(0, 0, 400, 20)},
		"no larger than page": {`{"squarify": true}`, image.Rect(0, 100, 40, 700), image.Rect(0, 200, 220, 600)},
	} {
		p, err := ParsePostprocess(json.RawMessage(test.parameter))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := p.apply(test.box, 400, 800); got != test.want {
			t.Errorf("%s: box = %v, want %v", name, got, test.want)
		}
	}
	for _, parameter := range []string{`"squares"`, `7`, `[]`, `{"h_margin": 2}`, `{"v_margin": -0.1}`, `{"squarify": "very"}`, `{`} {
		if _, err := ParsePostprocess(json.RawMessage(parameter)); err == nil {
			t.Errorf("ParsePostprocess(%s) passes", parameter)
		}
	}
}

func FuzzParsePostprocess(f *testing.F) {
	for _, seed := range []string{``, `null`, `""`, `"watermarks"`, `{"squarify":true,"h_margin":0.5,"v_margin":1}`, `"{\"h_margin\":1}"`, `{"h_margin":1e999}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePostprocess(data)
		if err != nil {
			return
		}
		if got := p.apply(image.Rect(10, 10, 50, 30), 60, 40); !got.In(image.Rect(0, 0, 60, 40)) || got.Empty() {
			t.Errorf("%s makes %v of a box", data, got)
		}
	})
}

func TestAnnotationsKeepTheSurestOfEqualBoxes(t *testing.T) {
	t.Parallel()
	picture := dataset.Image{ID: "a/1.jpg", Src: "images/a/1.jpg", Path: "images/a/1.jpg", DocUID: "doc"}
	things := []found{
		{box: image.Rect(10, 20, 30, 60), confidence: 0.80014},
		{box: image.Rect(100, 100, 200, 200), confidence: 0.9, class: &Class{1, "line"}},
		{box: image.Rect(10, 20, 30, 60), confidence: 0.5},
		{box: image.Rect(10, 900, 30, 960), confidence: 0.7}, // outside
	}
	got, err := json.Marshal(annotate(picture, image.Pt(300, 600), things, Postprocess{}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"source":"a/1.jpg","source_info":{"id":"a/1.jpg","src":"images/a/1.jpg","path":"images/a/1.jpg","metadata":null},` +
		`"width":300,"height":600,"doc_uid":"doc","crops":[` +
		`{"bbox":"c060c060","crop_id":"a/1.jpg-c060c060","source":"a/1.jpg","confidence":0.9,` +
		`"absolute":{"x1":100,"y1":100,"x2":200,"y2":200,"width":100,"height":100},` +
		`"relative":{"x1":0.3333,"y1":0.1667,"x2":0.6667,"y2":0.3333,"width":0.3333,"height":0.1667},"class":{"id":1,"label":"line"}},` +
		`{"bbox":"17172e2e","crop_id":"a/1.jpg-17172e2e","source":"a/1.jpg","confidence":0.8001,` +
		`"absolute":{"x1":10,"y1":20,"x2":30,"y2":60,"width":20,"height":40},` +
		`"relative":{"x1":0.0333,"y1":0.0333,"x2":0.1,"y2":0.1,"width":0.0667,"height":0.0667}}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("annotation (-want +got):\n%s", diff)
	}
}
