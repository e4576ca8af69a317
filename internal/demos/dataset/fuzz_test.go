package dataset

import (
	"archive/zip"
	"bytes"
	"image"
	"path/filepath"
	"strings"
	"testing"
)

// inside reports whether a name stays in its folder, judged by other means
// than the code under test.
func inside(name string) bool {
	joined := filepath.Join("/folder", filepath.FromSlash(name))
	return strings.HasPrefix(joined, "/folder/") && !strings.Contains(name, "\x00")
}

func FuzzParseImages(f *testing.F) {
	f.Add([]byte(`[{"id":"1.jpg","src":null,"path":"images/1.jpg","metadata":{"page":1}}]`))
	f.Add([]byte(`[{"path":"../x"}]`))
	f.Add([]byte(`[{"path":"a/../../x"},{"path":"/x"},{"path":""}]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		images, err := ParseImages(text)
		for _, i := range images {
			if err == nil && (!inside(i.Path) || i.Src == "") {
				t.Errorf("ParseImages accepted %+v", i)
			}
		}
	})
}

func FuzzParseList(f *testing.F) {
	f.Add([]byte(`{"b":"http://h/1","a":"http://h/2","b":"http://h/3"}`))
	f.Add([]byte(`{"../x":"http://h/1"}`))
	f.Add([]byte(`{"a":["http://h/1"]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ParseList(text, 3)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, e := range list {
			if !inside(e.Stem) || seen[e.Stem] {
				t.Errorf("ParseList gave %q", e.Stem)
			}
			seen[e.Stem] = true
		}
		if len(list) > 3 {
			t.Errorf("ParseList gave %d entries, want at most 3", len(list))
		}
	})
}

func FuzzParseCrops(f *testing.F) {
	f.Add([]byte(`[{"doc_uid":"a","source":"1.jpg","crops":[{"crop_id":"1.jpg-0000zzzz","relative":{"x1":0,"y1":0,"x2":1,"y2":1}}]}]`))
	f.Add([]byte(`[{"crops":[{"crop_id":"a","relative":{"x":-1e308,"y":1e308,"width":1e308,"height":-0}}]}]`))
	f.Add([]byte(`[{"crops":[{"crop_id":"../a","relative":{"x":0,"y":0,"width":1,"height":1}}]}]`))
	f.Add([]byte(`[{"crops":[{"crop_id":"a/","relative":{}}]}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseCrops(text)
		if err != nil {
			return
		}
		bounds := image.Rect(0, 0, 640, 480)
		for _, source := range list {
			for _, c := range source.Crops {
				if !inside(croppedPath(c.ID)) {
					t.Errorf("parseCrops accepted the id %q", c.ID)
				}
				if at := c.Relative.pixels(bounds.Size()); !at.In(bounds) {
					t.Errorf("box %v is %v in pixels, outside %v", c.Relative, at, bounds)
				}
			}
		}
	})
}

func FuzzEntryName(f *testing.F) {
	for _, name := range []string{"a/b.jpg", "./a.jpg", "../a.jpg", `..\a.jpg`, "/a.jpg", "a//b.jpg", "a/../../b.jpg", "C:\\a.jpg", "\xff.jpg", "a\x00.jpg", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if name, safe := entryName(raw); safe && !inside(name) {
			t.Errorf("entryName(%q) = %q, outside its folder", raw, name)
		}
	})
}

func FuzzOpenZip(f *testing.F) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, name := range []string{"a.jpg", "b/c.png"} {
		if _, err := w.Create(name); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(archive.Bytes())
	f.Add(archive.Bytes()[:archive.Len()/2])
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\xff", 18)))
	f.Fuzz(func(t *testing.T, data []byte) {
		opened, err := openZip(bytes.NewReader(data), int64(len(data)), 5)
		if err == nil && len(opened.File) > 5 {
			t.Errorf("openZip accepted %d entries, want at most 5", len(opened.File))
		}
	})
}
