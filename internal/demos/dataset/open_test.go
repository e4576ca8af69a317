package dataset_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// picture returns a JPEG or PNG whose left half is red and right half blue.
func picture(t testing.TB, name string, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.RGBA{R: uint8(255 * ((2*x/w + 1) % 2)), B: uint8(255 * (2 * x / w)), A: 255})
		}
	}
	var out bytes.Buffer
	var err error
	if strings.HasSuffix(name, "png") {
		err = png.Encode(&out, img)
	} else {
		err = jpeg.Encode(&out, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// lay writes files under root.
func lay(t testing.TB, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A folder as existing installations have them: without and with images.json,
// with null for what was not known, and with a file that is not there.
func legacy(t *testing.T, crops string) (root, uid string) {
	t.Helper()
	root = t.TempDir()
	set := dataset.Set{
		Documents: []dataset.Document{{Type: "zip", UID: "a", Src: "http://h/a.zip"}, {Type: "iiif", UID: "b", Src: "http://h/b"}},
		Crops:     json.RawMessage(crops),
	}
	base := dataset.BaseUID(set.Documents)
	text, err := json.Marshal(map[string]any{"uid": base, "documents": set.Documents})
	if err != nil {
		t.Fatal(err)
	}
	lay(t, root, map[string]string{
		"shared/datasets/" + base + "/info.json":      string(text),
		"shared/documents/zip/a/images/sub/2.jpg":     string(picture(t, "jpg", 100, 50)),
		"shared/documents/zip/a/images/1.PNG":         string(picture(t, "png", 40, 40)),
		"shared/documents/zip/a/images/notes.json":    "{}",
		"shared/documents/iiif/b/images/0001.jpg":     string(picture(t, "jpg", 60, 60)),
		"shared/documents/iiif/b/images/leftover.jpg": "x",
		"shared/documents/iiif/b/images.json": `[{"id":"0001.jpg","src":"http://h/i/1","path":"images/0001.jpg","metadata":{"page":1,"label":"f. 1"}},
			{"id":"0002.jpg","src":null,"path":"images/0002.jpg","metadata":null}]`,
	})
	if crops != "" {
		lay(t, root, map[string]string{"shared/datasets/" + base + "/crops_" + dataset.CropsUID(set.Crops) + ".json": crops})
	}
	return root, set.UID()
}

func TestOpenViewReadsExistingFolders(t *testing.T) {
	t.Parallel()
	root, uid := legacy(t, "")
	view, err := dataset.OpenView(t.Context(), root, uid)
	if err != nil {
		t.Fatal(err)
	}
	want := []dataset.Image{
		{ID: "1.PNG", Src: "images/1.PNG", Path: "images/1.PNG", DocUID: "a"},
		{ID: "sub/2.jpg", Src: "images/sub/2.jpg", Path: "images/sub/2.jpg", DocUID: "a"},
		{ID: "0001.jpg", Src: "http://h/i/1", Path: "images/0001.jpg", DocUID: "b", Metadata: map[string]any{"page": 1.0, "label": "f. 1"}},
	}
	if diff := cmp.Diff(want, view.Images(), cmpopts.IgnoreFields(dataset.Image{}, "File")); diff != "" {
		t.Errorf("OpenView (-want +got):\n%s", diff)
	}
	for _, i := range view.Images() {
		if _, err := i.Decode(); err != nil {
			t.Errorf("Decode(%s) = %v", i.ID, err)
		}
	}
}

func TestOpenViewCutsCrops(t *testing.T) {
	t.Parallel()
	root, uid := legacy(t, `[
		{"doc_uid":"a","source":"sub/2.jpg","source_info":{},"crops":[
			{"crop_id":"sub/2.jpg-right","relative":{"x1":0.5,"y1":0,"x2":1,"y2":1,"width":0.5,"height":1}},
			{"crop_id":"sub/2.jpg-none","relative":{"x":0.5,"y":0.5,"width":0,"height":0.2}},
			{"crop_id":"sub/2.jpg-out","relative":{"x1":-3,"y1":0.5,"x2":0.5,"y2":1e9}}]},
		{"doc_uid":"b","source":"0002.jpg","crops":[]},
		{"doc_uid":"b","source":"leftover.jpg","crops":[]}]`)
	view, err := dataset.OpenView(t.Context(), root, uid)
	if err != nil {
		t.Fatal(err)
	}
	type found struct {
		ID, Path, Crop string
		W, H           int
		Blue           bool
	}
	var got []found
	for _, i := range view.Images() {
		pixels, err := i.Decode()
		if err != nil {
			t.Fatal(err)
		}
		crop, _ := i.Metadata["crop"].(string)
		size := pixels.Bounds().Size()
		r, _, b, _ := pixels.At(size.X/2, size.Y/2).RGBA()
		got = append(got, found{i.ID, i.Path, crop, size.X, size.Y, b > r})
	}
	want := []found{
		{"sub/2.jpg-right", "cropped/sub/2.jpg-right.jpg", "0.500,0.000,1.000,1.000", 50, 50, true},
		{"sub/2.jpg-none", "cropped/sub/2.jpg-none.jpg", "0.500,0.500,0.500,0.700", 244, 244, false},
		{"sub/2.jpg-out", "cropped/sub/2.jpg-out.jpg", "-3.000,0.500,0.500,1000000000.000", 50, 25, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("crops (-want +got):\n%s", diff)
	}
	if len(view.Problems) != 2 {
		t.Errorf("Problems = %q, want one for each picture that is not there", view.Problems)
	}
	again, err := dataset.OpenView(t.Context(), root, uid)
	if diff := cmp.Diff(view, again); err != nil || diff != "" {
		t.Errorf("OpenView of cut crops = %v (-first +again):\n%s", err, diff)
	}
}

func TestOpenViewRefuses(t *testing.T) {
	t.Parallel()
	for name, crops := range map[string]string{
		"crop id outside":     `[{"doc_uid":"a","source":"1.PNG","crops":[{"crop_id":"../../../x","relative":{"x1":0,"y1":0,"x2":1,"y2":1}}]}]`,
		"crop without a box":  `[{"doc_uid":"a","source":"1.PNG","crops":[{"crop_id":"x","relative":{"x1":0}}]}]`,
		"crops that are text": `"[]"`,
	} {
		root, uid := legacy(t, crops)
		if view, err := dataset.OpenView(t.Context(), root, uid); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: OpenView = %v, %v; want an invalid error", name, view, err)
		}
	}
	root, uid := legacy(t, "")
	for uid, kind := range map[string]fault.Kind{
		"../../etc":              fault.Invalid,
		strings.Repeat("0", 64):  fault.NotFound,
		uid + "@../../../secret": fault.Invalid,
	} {
		if view, err := dataset.OpenView(t.Context(), root, uid); fault.Of(err) != kind || err == nil {
			t.Errorf("OpenView(%q) = %v, %v; want kind %v", uid, view, err, kind)
		}
	}
}

func TestDecodeRefusesHugePictures(t *testing.T) {
	t.Parallel()
	data := picture(t, "png", 4, 4)
	copy(data[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65536×65536
	file := filepath.Join(t.TempDir(), "x.png")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (dataset.Image{ID: "x.png", File: file}).Decode(); fault.Of(err) == fault.Internal {
		t.Errorf("Decode = %v, want a refusal", err)
	}
}
