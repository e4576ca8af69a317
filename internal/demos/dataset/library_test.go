package dataset_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
	"granary/internal/platform/fetch"
)

// origin is the server that documents come from.
type origin struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string]file
	asked map[string]int
}

// file is what the origin answers; a nil body is 404.
type file struct {
	body []byte
	etag string
}

func newOrigin(t testing.TB) *origin {
	t.Helper()
	o := &origin{files: map[string]file{}, asked: map[string]int{}}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.asked[r.URL.Path]++
		f := o.files[r.URL.Path]
		o.mu.Unlock()
		if f.body == nil {
			http.NotFound(w, r)
			return
		}
		if f.etag != "" {
			w.Header().Set("ETag", f.etag)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *origin) put(path string, body []byte, etag string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.files[path] = file{body, etag}
	return o.URL + path
}

// requests returns how often path was asked for since the last call.
func (o *origin) requests(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.asked[path]
	delete(o.asked, path)
	return n
}

// archive returns a zip of the entries, in order.
func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode != 0 {
			header.SetMode(e.mode)
		}
		f, err := w.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type entry struct {
	name string
	body []byte
	mode os.FileMode
}

func library(t testing.TB, cfg dataset.Config) *dataset.Library {
	t.Helper()
	if cfg.Folder == "" {
		cfg.Folder = t.TempDir()
	}
	if cfg.Fetch == nil {
		cfg.Fetch = fetch.New(fetch.Config{Attempts: 2, Backoff: time.Millisecond})
	}
	l, err := dataset.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// ids lists the pictures of a folder.
func ids(t *testing.T, f dataset.Folder) []string {
	t.Helper()
	images, err := f.Images()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range images {
		all = append(all, i.ID)
	}
	return all
}

func TestPrepareUnpacksAZip(t *testing.T) {
	t.Parallel()
	o, l := newOrigin(t), library(t, dataset.Config{})
	jpg, png := picture(t, "jpg", 30, 20), picture(t, "png", 30, 20)
	src := o.put("/set.zip", archive(
		t, entry{"b/", nil, os.ModeDir | 0o755}, entry{`b\2.JPG`, jpg, 0}, entry{"./a.png", png, 0}, entry{"notes.txt", []byte("x"), 0},
		entry{".hidden/c.jpg", jpg, 0}, entry{"__MACOSX/._a.png", png, 0}, entry{"meta.json", []byte("{}"), 0}, entry{"broken.jpg", []byte("x"), 0},
	), "")
	var steps atomic.Int64
	folder, err := l.Prepare(t.Context(), dataset.Document{Type: "zip", UID: "set", Src: src}, func(_, total int64) { steps.Store(total) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.png", "b/2.JPG"}, ids(t, folder)); diff != "" {
		t.Errorf("pictures (-want +got):\n%s", diff)
	}
	if len(folder.Problems) != 1 || !strings.HasPrefix(folder.Problems[0], "broken.jpg: ") {
		t.Errorf("Problems = %q, want the broken picture", folder.Problems)
	}
	if steps.Load() != 8 {
		t.Errorf("progress told of %d entries, want 8", steps.Load())
	}
	text, err := os.ReadFile(filepath.Join(folder.Dir, "metadata.json"))
	if want := `{"src":"` + src + `"}`; err != nil || string(text) != want {
		t.Errorf("metadata.json = %s, %v; want %s", text, err, want)
	}
	left, err := os.ReadDir(filepath.Join(filepath.Dir(filepath.Dir(folder.Dir)), ".staging"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if !strings.HasSuffix(f.Name(), ".lock") {
			t.Errorf("%s was left behind", f.Name())
		}
	}
}

func TestPrepareRefusesHostileArchives(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	jpg := picture(t, "jpg", 30, 20)
	many := make([]entry, 30)
	for i := range many {
		many[i] = entry{name: strconv.Itoa(i) + ".txt"}
	}
	flood := make([]entry, 3000)
	for i := range flood {
		flood[i] = entry{name: strings.Repeat("x", 900) + strconv.Itoa(i)}
	}
	for _, tc := range []struct {
		name string
		data []byte
		kind fault.Kind
	}{
		{"parent path", archive(t, entry{"../../x.jpg", jpg, 0}), fault.Invalid},
		{"parent path inside", archive(t, entry{"a/../../x.jpg", jpg, 0}), fault.Invalid},
		{"parent path with backslashes", archive(t, entry{`..\x.jpg`, jpg, 0}), fault.Invalid},
		{"absolute path", archive(t, entry{"/etc/x.jpg", jpg, 0}), fault.Invalid},
		{"link", archive(t, entry{"x.jpg", []byte("/etc/passwd"), os.ModeSymlink | 0o777}), fault.Invalid},
		{"a file where a folder is", archive(t, entry{"a.jpg/b.jpg", jpg, 0}, entry{"a.jpg", jpg, 0}), fault.Invalid},
		{"name twice", archive(t, entry{"a.jpg", jpg, 0}, entry{"a.jpg", jpg, 0}), fault.Invalid},
		{"too many entries", archive(t, many...), fault.TooLarge},
		{"a table of contents without end", archive(t, flood...), fault.TooLarge},
		{"a bomb", archive(t, entry{"a.png", bytes.Repeat([]byte{0}, 2<<20), 0}), fault.TooLarge},
		{"larger than allowed", archive(t, entry{"a.png", bytes.Repeat(jpg, 5<<20/len(jpg)), 0}), fault.TooLarge},
		{"no archive", jpg, fault.Invalid},
		{"cut short", archive(t, entry{"a.jpg", jpg, 0})[:100], fault.Invalid},
		{"no picture", archive(t, entry{"a.json", []byte("{}"), 0}), fault.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			l := library(t, dataset.Config{Folder: folder, Limits: dataset.Limits{Entries: 20, UnpackedBytes: 4 << 20}})
			src := o.put("/"+t.Name(), tc.data, "")
			got, err := l.Prepare(t.Context(), dataset.Document{Type: "zip", UID: "x", Src: src}, nil)
			if fault.Of(err) != tc.kind || err == nil {
				t.Errorf("Prepare = %v, %v; want kind %v", got, err, tc.kind)
			}
			if _, err := l.Find("zip", "x"); !fault.Is(err, fault.NotFound) {
				t.Errorf("Find = %v, want nothing to be found", err)
			}
			if names, err := filepath.Glob(filepath.Join(folder, "*")); err != nil || len(names) != 1 {
				t.Errorf("data folder holds %q, %v; want only shared", names, err)
			}
		})
	}
}

func TestPrepareAsksAgainOnlyWhenItMust(t *testing.T) {
	t.Parallel()
	o, l := newOrigin(t), library(t, dataset.Config{})
	one, two := archive(t, entry{"1.png", picture(t, "png", 9, 9), 0}), archive(t, entry{"2.png", picture(t, "png", 9, 9), 0})
	prepare := func(src, want string, requests int) {
		t.Helper()
		folder, err := l.Prepare(t.Context(), dataset.Document{Type: "zip", UID: "x", Src: src}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{want}, ids(t, folder)); diff != "" {
			t.Errorf("pictures (-want +got):\n%s", diff)
		}
		if got := o.requests(strings.TrimPrefix(src, o.URL)); got != requests {
			t.Errorf("%d requests, want %d", got, requests)
		}
	}
	plain := o.put("/plain.zip", one, "")
	prepare(plain, "1.png", 1)
	prepare(plain, "1.png", 0) // no ETag, no date: the copy is good
	tagged := o.put("/tagged.zip", two, `"1"`)
	prepare(tagged, "2.png", 1) // another source under the same uid
	prepare(tagged, "2.png", 1) // 304
	o.put("/tagged.zip", one, `"2"`)
	prepare(tagged, "1.png", 1)
	o.put("/tagged.zip", nil, "")
	folder, err := l.Prepare(t.Context(), dataset.Document{Type: "zip", UID: "x", Src: tagged}, nil)
	if err != nil || len(folder.Problems) != 1 {
		t.Errorf("Prepare from a source that is gone = %q, %v; want the copy and one problem", folder.Problems, err)
	}
}

func TestAReplacedCopyKeepsAnnotationsAndReaders(t *testing.T) {
	t.Parallel()
	o, data := newOrigin(t), t.TempDir()
	l := library(t, dataset.Config{Folder: data})
	src := o.put("/x.zip", archive(t, entry{"1.png", picture(t, "png", 9, 9), 0}), `"1"`)
	d := dataset.Document{Type: "zip", UID: "x", Src: src}
	folder, err := l.Prepare(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	lay(t, folder.Dir, map[string]string{"annotations/m+e.json": "[]"})
	set, root := dataset.Set{Documents: []dataset.Document{d}}, filepath.Join(data, "job")
	if err := l.MakeView(t.Context(), root, set, "regions"); err != nil {
		t.Fatal(err)
	}
	o.put("/x.zip", archive(t, entry{"2.png", picture(t, "png", 9, 9), 0}), `"2"`)
	if folder, err = l.Prepare(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder.Dir, "annotations/m+e.json")); err != nil {
		t.Errorf("annotations after a replacement: %v", err)
	}
	view, err := dataset.OpenView(t.Context(), root, set.UID())
	if err != nil {
		t.Fatal(err)
	}
	if got := view.Images(); len(got) != 1 || got[0].ID != "1.png" {
		t.Errorf("view after a replacement has %v, want the picture it was made with", got)
	}
	if _, err := view.Images()[0].Decode(); err != nil {
		t.Errorf("Decode after a replacement = %v", err)
	}
}

func TestPrepareOfOneDocumentRunsOnce(t *testing.T) {
	t.Parallel()
	o, data := newOrigin(t), t.TempDir()
	src := o.put("/x.zip", archive(t, entry{"1.png", picture(t, "png", 9, 9), 0}), "")
	// Two libraries on one folder are two processes.
	libraries := []*dataset.Library{library(t, dataset.Config{Folder: data}), library(t, dataset.Config{Folder: data})}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			if _, err := libraries[i%2].Prepare(t.Context(), dataset.Document{Type: "zip", UID: "x", Src: src}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := o.requests("/x.zip"); got != 1 {
		t.Errorf("the source was asked %d times, want 1", got)
	}
}

func TestMakeViewLaysOutWhatWorkersExpect(t *testing.T) {
	t.Parallel()
	o, data := newOrigin(t), t.TempDir()
	l := library(t, dataset.Config{Folder: data})
	lay(t, data, map[string]string{"regions/models/m.pt": "weights"})
	d := dataset.Document{Type: "zip", UID: "x", Src: o.put("/x.zip", archive(t, entry{"s/1.png", picture(t, "png", 9, 9), 0}), "")}
	if _, err := l.Prepare(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	set := dataset.Set{
		Documents: []dataset.Document{d, {Type: "pdf", UID: "absent", Src: "http://h/a.pdf"}},
		Crops:     json.RawMessage(`[{"doc_uid":"x","source":"s/1.png","crops":[]}]`),
	}
	root := filepath.Join(data, "job")
	if err := l.MakeView(t.Context(), root, set, "regions"); err != nil {
		t.Fatal(err)
	}
	base := dataset.BaseUID(set.Documents)
	for _, name := range []string{
		"shared/documents/zip/x/images/s/1.png", "shared/documents/zip/x/images.json", "shared/documents/zip/x/metadata.json",
		"shared/documents/zip/x/cropped", "shared/documents/zip/x/annotations", "shared/documents/pdf/absent/images",
		"shared/datasets/" + base + "/info.json", "shared/datasets/" + base + "/features",
		"shared/datasets/" + base + "/crops_" + dataset.CropsUID(set.Crops) + ".json", "regions/results", "regions/models/m.pt",
	} {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
			t.Errorf("view has no %s: %v", name, err)
		}
	}
	for _, app := range []string{"", "..", "a/../../b", ".x"} {
		if err := l.MakeView(t.Context(), filepath.Join(data, "other"), set, app); !fault.Is(err, fault.Invalid) {
			t.Errorf("MakeView for app %q = %v, want it refused", app, err)
		}
	}
}

func TestWriteZip(t *testing.T) {
	t.Parallel()
	o, l := newOrigin(t), library(t, dataset.Config{})
	png := picture(t, "png", 9, 9)
	src := o.put("/x.zip", archive(t, entry{"b.png", png, 0}, entry{"a/c.png", png, 0}, entry{"n.json", []byte("{}"), 0}), "")
	folder, err := l.Prepare(t.Context(), dataset.Document{Type: "zip", UID: "x", Src: src}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := folder.WriteZip(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got[f.Name] = string(body)
	}
	want := map[string]string{
		"images/a/c.png": string(png), "images/b.png": string(png),
		"images.json": `[{"id":"a/c.png","src":"images/a/c.png","path":"images/a/c.png","metadata":null},{"id":"b.png","src":"images/b.png","path":"images/b.png","metadata":null}]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("WriteZip (-want +got):\n%s", diff)
	}
	if err := (dataset.Folder{Dir: t.TempDir()}).WriteZip(t.Context(), io.Discard); !fault.Is(err, fault.NotFound) {
		t.Errorf("WriteZip of an empty folder = %v, want not found", err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	lay(t, data, map[string]string{
		"shared/documents/iiif/a/images/0001.jpg": "x", "shared/documents/iiif/a/metadata.json": `{"src":"http://h/m","title":"T"}`,
		"secret/x": "",
	})
	l := library(t, dataset.Config{Folder: data})
	folder, err := l.FindAny("a")
	if err != nil || folder.Type != "iiif" || folder.Src != "http://h/m" {
		t.Errorf("FindAny(a) = %+v, %v; want the manifest", folder, err)
	}
	for _, uid := range []string{"b", "", "..", "../../../secret", "a/images", ".staging"} {
		if folder, err := l.FindAny(uid); !fault.Is(err, fault.NotFound) {
			t.Errorf("FindAny(%q) = %+v, %v; want not found", uid, folder, err)
		}
	}
	if _, err := l.Find("../iiif", "a"); !fault.Is(err, fault.NotFound) {
		t.Errorf("Find of a strange type = %v, want not found", err)
	}
}

// What a crash leaves at each step of a download is put right at the next start.
func TestOpenPutsRightWhatACrashLeft(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	staging := "shared/documents/.staging/"
	parked := func(age time.Duration) string {
		return staging + "old." + strconv.FormatInt(now.Add(-age).UnixNano(), 10) + ".z"
	}
	lay(t, data, map[string]string{
		staging + "zip.complete.new/.granary.json":  `{"src":"http://h/c"}`,
		staging + "zip.complete.new/images/1.jpg":   "x",
		staging + "zip.begun.new/images/1.jpg":      "x",
		staging + "iiif.begun.part/aa.jpg":          "x",
		staging + "iiif.forgotten.part/aa.jpg":      "x",
		parked(2*time.Hour) + "/images/1.jpg":       "x",
		parked(10*time.Minute) + "/images/1.jpg":    "x",
		"shared/documents/zip/whole/images/1.jpg":   "x",
		staging + "zip.whole.new/.granary.json":     `{}`,
		"shared/documents/zip/whole/.granary.json":  `{"src":"http://h/w"}`,
		"shared/documents/zip/whole/metadata.json":  `{}`,
		"shared/documents/iiif/half/images/001.jpg": "x",
	})
	for name, age := range map[string]time.Duration{"iiif.begun.part": time.Hour, "iiif.forgotten.part": 30 * 24 * time.Hour} {
		if err := os.Chtimes(filepath.Join(data, staging, name), now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	l := library(t, dataset.Config{Folder: data, Now: func() time.Time { return now }})
	for uid, src := range map[string]string{"complete": "http://h/c", "whole": "http://h/w"} {
		if folder, err := l.Find("zip", uid); err != nil || folder.Src != src {
			t.Errorf("Find(%s) = %+v, %v; want it from %s", uid, folder, err, src)
		}
	}
	if folder, err := l.Find("zip", "begun"); !fault.Is(err, fault.NotFound) {
		t.Errorf("Find of half a download = %+v, %v; want nothing", folder, err)
	}
	left, err := filepath.Glob(filepath.Join(data, staging, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range left {
		left[i] = filepath.Base(name)
	}
	left = slices.DeleteFunc(left, func(name string) bool { return strings.HasSuffix(name, ".lock") })
	if diff := cmp.Diff([]string{"iiif.begun.part", filepath.Base(parked(10 * time.Minute))}, left); diff != "" {
		t.Errorf("left after the start (-want +got):\n%s", diff)
	}
}
