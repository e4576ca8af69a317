package dataset_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// sizes decodes every picture and returns "id suffix WxH".
func sizes(t *testing.T, f dataset.Folder) []string {
	t.Helper()
	images, err := f.Images()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range images {
		pixels, err := i.Decode()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %s %dx%d", i.ID, filepath.Ext(i.File), pixels.Bounds().Dx(), pixels.Bounds().Dy()))
	}
	return all
}

func TestPrepareFetchesAManifest(t *testing.T) {
	t.Parallel()
	o, data := newOrigin(t), t.TempDir()
	l := library(t, dataset.Config{Folder: data})
	jpg, png := picture(t, "jpg", 30, 20), picture(t, "png", 20, 30)
	o.put("/i/1/full/2500,/0/default.jpg", jpg, "")
	o.put("/i/2/full/,2500/0/default.jpg", []byte("<html>no such size</html>"), "")
	o.put("/i/2/full/,1000/0/default.jpg", png, "")
	o.put("/plain/3.png", png, "")
	page := `{"label":"%s","images":[{"resource":{"@id":"%s","width":%d,"height":%d,"service":{"@id":"%s"}}}]}`
	manifest := func(labels string) []byte {
		return []byte(`{"metadata":[{"label":"Title","value":"Codex"}],"sequences":[{"canvases":[` + strings.Join([]string{
			fmt.Sprintf(page, labels+"1r", "", 5000, 4000, o.URL+"/i/1"),
			fmt.Sprintf(page, labels+"1v", "", 4000, 5000, o.URL+"/i/2"),
			fmt.Sprintf(page, labels+"2r", o.URL+"/plain/3.png", 0, 0, o.URL+"/i/gone"),
			fmt.Sprintf(page, labels+"2v", "", 0, 0, o.URL+"/i/lost"),
		}, ",") + `]}]}`)
	}
	src := o.put("/manifest.json", manifest("f. "), `"1"`)
	d := dataset.Document{Type: "iiif", UID: "wit1_man1", Src: src}
	folder, err := l.Prepare(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0001.jpg .jpg 30x20", "0002.jpg .jpg 20x30", "0003.jpg .jpg 20x30"}, sizes(t, folder)); diff != "" {
		t.Errorf("pictures (-want +got):\n%s", diff)
	}
	if len(folder.Problems) != 1 || !strings.Contains(folder.Problems[0], "0004.jpg: fetch: the server answered 404") {
		t.Errorf("Problems = %q, want page 4", folder.Problems)
	}
	text, err := os.ReadFile(filepath.Join(folder.Dir, "images.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []dataset.Image
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	want := dataset.Image{ID: "0002.jpg", Src: o.URL + "/i/2", Path: "images/0002.jpg", Metadata: map[string]any{"page": 2.0, "label": "f. 1v"}}
	if diff := cmp.Diff(want, list[1]); diff != "" {
		t.Errorf("images.json (-want +got):\n%s", diff)
	}
	if text, err := os.ReadFile(filepath.Join(folder.Dir, "metadata.json")); err != nil || !strings.Contains(string(text), `"title":"Codex"`) {
		t.Errorf("metadata.json = %s, %v; want the title", text, err)
	}
	// A partial copy is tried again, but only for what is missing.
	o.requests("/i/1/full/2500,/0/default.jpg")
	o.put("/i/lost/full/2500,/0/default.jpg", jpg, "")
	if folder, err = l.Prepare(t.Context(), d, nil); err != nil || len(folder.Problems) != 0 || len(ids(t, folder)) != 4 {
		t.Errorf("second Prepare = %q, %v, want all four pages", folder.Problems, err)
	}
	if n := o.requests("/i/1/full/2500,/0/default.jpg"); n != 0 {
		t.Errorf("page 1 was fetched %d times again", n)
	}
	o.requests("/manifest.json")
	o.requests("/i/2/full/,1000/0/default.jpg")
	if _, err = l.Prepare(t.Context(), d, nil); err != nil || o.requests("/manifest.json") != 1 || o.requests("/i/2/full/,1000/0/default.jpg") != 0 {
		t.Errorf("third Prepare = %v, want one conditional request", err)
	}
}

func TestPrepareAsksForAListEveryTime(t *testing.T) {
	t.Parallel()
	o, l := newOrigin(t), library(t, dataset.Config{})
	glass := image.NewNRGBA(image.Rect(0, 0, 488, 100))
	glass.Set(1, 1, color.NRGBA{R: 9, A: 128})
	var seeThrough, animated bytes.Buffer
	if err := png.Encode(&seeThrough, glass); err != nil {
		t.Fatal(err)
	}
	if err := gif.Encode(&animated, image.NewPaletted(image.Rect(0, 0, 50, 60), color.Palette{color.Black, color.White}), nil); err != nil {
		t.Fatal(err)
	}
	a := o.put("/a", picture(t, "jpg", 1000, 500), "")
	b := o.put("/b", seeThrough.Bytes(), "")
	c := o.put("/c", animated.Bytes(), "")
	gone := o.URL + "/gone"
	list := func(entries ...string) []byte { return []byte("{" + strings.Join(entries, ",") + "}") }
	entry := func(stem, address string) string { return fmt.Sprintf("%q:%q", stem, address) }
	src := o.put("/list", list(entry("z_0,0,1,1", a), entry("sub/b", b), entry("gone", gone), entry("c", c)), `"same for ever"`)
	d := dataset.Document{Type: "url_list", UID: "wit1_man1_anno1", Src: src}
	folder, err := l.Prepare(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"z_0,0,1,1 .jpg 244x122", "sub/b .png 244x50", "c .jpg 50x60"}, sizes(t, folder)); diff != "" {
		t.Errorf("pictures (-want +got):\n%s", diff)
	}
	if len(folder.Problems) != 1 || !strings.HasPrefix(folder.Problems[0], "gone: ") {
		t.Errorf("Problems = %q, want the picture that is gone", folder.Problems)
	}
	o.requests("/a")
	o.put("/list", list(entry("renamed", a), entry("c", c)), `"same for ever"`)
	if folder, err = l.Prepare(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"renamed .jpg 244x122", "c .jpg 50x60"}, sizes(t, folder)); diff != "" {
		t.Errorf("pictures of the changed list (-want +got):\n%s", diff)
	}
	if n := o.requests("/a"); n != 0 {
		t.Errorf("a known picture was fetched %d times again", n)
	}
}

func TestPrepareFetchesOnePicture(t *testing.T) {
	t.Parallel()
	o, l := newOrigin(t), library(t, dataset.Config{})
	src := o.put("/some/Page%201.png", picture(t, "png", 30, 20), "")
	src = strings.Replace(src, "%25", "%", 1)
	o.put("/some/Page 1.png", picture(t, "png", 30, 20), "")
	folder, err := l.Prepare(t.Context(), dataset.Document{Type: "img", UID: "one", Src: src}, nil)
	if err != nil {
		t.Fatal(err)
	}
	images, err := folder.Images()
	want := []dataset.Image{{ID: "Page 1.png", Src: src, Path: "images/Page 1.png", DocUID: "one"}}
	if diff := cmp.Diff(want, images, cmpopts.IgnoreFields(dataset.Image{}, "File")); err != nil || diff != "" {
		t.Errorf("Images = %v (-want +got):\n%s", err, diff)
	}
	src = o.put("/broken.jpg", []byte("no picture"), "")
	if _, err := l.Prepare(t.Context(), dataset.Document{Type: "img", UID: "broken", Src: src}, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("Prepare of no picture = %v, want it refused", err)
	}
}

// pdf returns a document of so many pages of 200×100 points with a cross on each.
func pdf(pages int) []byte {
	var out bytes.Buffer
	var at []int
	object := func(text string) {
		at = append(at, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(at), text)
	}
	out.WriteString("%PDF-1.4\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	var kids []string
	for i := range pages {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+i))
	}
	object(fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", pages, strings.Join(kids, " ")))
	const draw = "0 0 m 200 100 l S 0 100 m 200 0 l S"
	object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(draw), draw))
	for range pages {
		object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 3 0 R >>")
	}
	table := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, table)
	return out.Bytes()
}

func TestPrepareDrawsAPDF(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("pdftoppm"); err != nil {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("pdftoppm is not installed and REQUIRE_SERVICES=1")
		}
		t.Skip("pdftoppm cannot be had: install poppler-utils")
	}
	o, l := newOrigin(t), library(t, dataset.Config{Limits: dataset.Limits{Pages: 10}})
	src := o.put("/some/thesis.pdf", pdf(9), "")
	folder, err := l.Prepare(t.Context(), dataset.Document{Type: "pdf", UID: "thesis", Src: src}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 9 {
		want = append(want, fmt.Sprintf("thesis_%03d.jpg .jpg 3000x1500", i+1))
	}
	if diff := cmp.Diff(want, sizes(t, folder)); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	for name, tc := range map[string]struct {
		data []byte
		kind fault.Kind
	}{
		"too many pages": {pdf(11), fault.TooLarge},
		"no PDF":         {[]byte("%PDF-1.4 nothing"), fault.Invalid},
	} {
		src := o.put("/"+name, tc.data, "")
		if _, err := l.Prepare(t.Context(), dataset.Document{Type: "pdf", UID: name, Src: src}, nil); fault.Of(err) != tc.kind || err == nil {
			t.Errorf("%s: Prepare = %v, want kind %v", name, err, tc.kind)
		}
	}
}

func TestPrepareSaysThatPopplerIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // not parallel: the environment is everybody's
	o, l := newOrigin(t), library(t, dataset.Config{})
	_, err := l.Prepare(t.Context(), dataset.Document{Type: "pdf", UID: "x", Src: o.put("/x.pdf", pdf(1), "")}, nil)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Message(err), "poppler-utils") {
		t.Errorf("Prepare without poppler = %v, want the package to install", err)
	}
}

func TestPrepareGivesUpOnAHostThatIsDown(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(down.Close)
	o, l := newOrigin(t), library(t, dataset.Config{})
	list := map[string]string{}
	for i := range 500 {
		list[fmt.Sprint(i)] = fmt.Sprintf("%s/%d", down.URL, i)
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Prepare(t.Context(), dataset.Document{Type: "url_list", UID: "x", Src: o.put("/list", text, "")}, nil)
	if !fault.Is(err, fault.Unavailable) || asked.Load() > 100 {
		t.Errorf("Prepare = %v after %d requests, want it to give up early", err, asked.Load())
	}
}

// A job may end in the middle of a slow manifest; the next one asks only for
// the rest.
func TestPrepareTakesAnInterruptedManifestUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	jpg := picture(t, "jpg", 30, 20)
	var asked sync.Map
	o := newOrigin(t)
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, again := asked.LoadOrStore(r.URL.Path, true); again && r.URL.Path != "/4.jpg" {
			t.Errorf("%s was asked for twice", r.URL.Path)
		}
		if r.URL.Path == "/4.jpg" && ctx.Err() == nil {
			cancel()
			<-r.Context().Done()
			return
		}
		_, _ = w.Write(jpg)
	}))
	t.Cleanup(pages.Close)
	var items []string
	for i := range 5 {
		items = append(items, fmt.Sprintf(`{"items":[{"items":[{"body":{"id":"%s/%d.jpg"}}]}]}`, pages.URL, i+1))
	}
	d := dataset.Document{Type: "iiif", UID: "slow", Src: o.put("/m", []byte(`{"items":[`+strings.Join(items, ",")+`]}`), "")}
	data := t.TempDir()
	if _, err := library(t, dataset.Config{Folder: data, Threads: 1}).Prepare(ctx, d, nil); err == nil {
		t.Fatal("Prepare with an ended context gave no error")
	}
	folder, err := library(t, dataset.Config{Folder: data, Threads: 1}).Prepare(t.Context(), d, nil)
	if err != nil || len(ids(t, folder)) != 5 {
		t.Errorf("Prepare = %v, %v; want five pages", folder, err)
	}
	left, err := filepath.Glob(filepath.Join(data, "shared/documents/.staging/*.[pn]*"))
	if err != nil || len(left) != 0 {
		t.Errorf("%q was left behind, %v", left, err)
	}
}

func TestPrepareAdoptsACompleteCopyOfAnExistingInstallation(t *testing.T) {
	t.Parallel()
	o, data := newOrigin(t), t.TempDir()
	src := o.put("/m.json", []byte("not asked for"), "")
	lay(t, data, map[string]string{
		"shared/documents/iiif/whole/images/0001.jpg": string(picture(t, "jpg", 9, 9)),
		"shared/documents/iiif/whole/images.json":     `[{"id":"0001.jpg","src":"s","path":"images/0001.jpg","metadata":null}]`,
		"shared/documents/iiif/whole/metadata.json":   `{"src":"` + src + `"}`,
		"shared/documents/iiif/half/images/0001.jpg":  string(picture(t, "jpg", 9, 9)),
		"shared/documents/iiif/half/images.json":      `[{"id":"1","path":"images/0001.jpg"},{"id":"2","path":"images/0002.jpg"}]`,
		"shared/documents/iiif/half/metadata.json":    `{"src":"` + src + `"}`,
	})
	l := library(t, dataset.Config{Folder: data})
	if folder, err := l.Prepare(t.Context(), dataset.Document{Type: "iiif", UID: "whole", Src: src}, nil); err != nil || len(ids(t, folder)) != 1 {
		t.Errorf("Prepare of a complete copy = %v, %v", folder, err)
	}
	if n := o.requests("/m.json"); n != 0 {
		t.Errorf("%d requests for a complete copy, want none", n)
	}
	if _, err := l.Prepare(t.Context(), dataset.Document{Type: "iiif", UID: "half", Src: src}, nil); !fault.Is(err, fault.Invalid) || o.requests("/m.json") != 1 {
		t.Errorf("Prepare of half a copy = %v, want its manifest to be asked for", err)
	}
}

func TestPrepareEndsWithItsContext(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(release) })
	l := library(t, dataset.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	_, err := l.Prepare(ctx, dataset.Document{Type: "zip", UID: "x", Src: slow.URL}, nil)
	if err == nil || ctx.Err() == nil {
		t.Errorf("Prepare of a hanging source = %v, want it to end", err)
	}
	if _, err := l.Remove(t.Context(), "zip", "x"); err != nil {
		t.Errorf("Remove afterwards = %v, want the lock to be free", err)
	}
}

func TestClearRemovesWhatNobodyNeeds(t *testing.T) {
	t.Parallel()
	o, data := newOrigin(t), t.TempDir()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	l := library(t, dataset.Config{Folder: data, Now: func() time.Time { return now }})
	body := archive(t, entry{"1.png", picture(t, "png", 9, 9), 0})
	for _, uid := range []string{"old", "busy", "young"} {
		d := dataset.Document{Type: "zip", UID: uid, Src: o.put("/"+uid, body, "")}
		if _, err := l.Prepare(t.Context(), d, nil); err != nil {
			t.Fatal(err)
		}
		if uid != "young" {
			// A second request notes the time; the first is that of the file.
			now = time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
		} else {
			now = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		if _, err := l.Prepare(t.Context(), d, nil); err != nil {
			t.Fatal(err)
		}
	}
	lay(t, data, map[string]string{"shared/documents/zip/legacy/images/1.jpg": "x"})
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(data, "shared/documents/zip/legacy"), long, long); err != nil {
		t.Fatal(err)
	}
	before, err := l.Size(t.Context())
	if err != nil || before <= 0 {
		t.Errorf("Size = %d, %v; want that of four documents", before, err)
	}
	inUse := func(_ context.Context, _, uid string, _ time.Time) (bool, error) { return uid == "busy", nil }
	removed, err := l.Clear(t.Context(), time.Date(2029, 6, 1, 0, 0, 0, 0, time.UTC), inUse)
	if err != nil || removed != 2 {
		t.Errorf("Clear = %d, %v; want the old and the legacy one", removed, err)
	}
	for uid, there := range map[string]bool{"old": false, "legacy": false, "busy": true, "young": true} {
		if _, err := l.Find("zip", uid); (err == nil) != there {
			t.Errorf("Find(%s) after Clear = %v, want there: %v", uid, err, there)
		}
	}
	if after, err := l.Size(t.Context()); err != nil || after >= before {
		t.Errorf("Size = %d, %v after Clear; before it was %d", after, err, before)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	lay(t, data, map[string]string{
		"shared/documents/zip/x/images/1.jpg": "x", "shared/documents/zip/x/images/2.jpg": "x",
		"shared/documents/zip/x/annotations/m+1.json": "[]", "shared/documents/zip/x/annotations/m+2.json": "[]",
		"shared/documents/zip/x/annotations/n+1.json": "[]",
	})
	l := library(t, dataset.Config{Folder: data})
	for _, tc := range []struct {
		uid, model string
		want       int
	}{{"x", "m", 2}, {"x", "m", 0}, {"y", "m", 0}, {"../zip/x", "", 0}} {
		if got, err := l.RemoveAnnotations(t.Context(), "zip", tc.uid, tc.model); got != tc.want || err != nil {
			t.Errorf("RemoveAnnotations(%s, %s) = %d, %v; want %d", tc.uid, tc.model, got, err, tc.want)
		}
	}
	for _, want := range []int{2, 0} {
		if got, err := l.Remove(t.Context(), "zip", "x"); got != want || err != nil {
			t.Errorf("Remove = %d, %v; want %d", got, err, want)
		}
	}
	left, err := os.ReadDir(filepath.Join(data, "shared/documents/.staging"))
	left = slices.DeleteFunc(left, func(f os.DirEntry) bool { return f.Name() == "swap.lock" })
	if err != nil || len(left) != 0 {
		t.Errorf("%v was left behind, %v", left, err)
	}
}
