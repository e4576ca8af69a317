package acceptance

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"granary/test/front"
	"granary/test/harness"
)

// TestTextDetector runs the commands of docs/workers-python.md: a real model
// finds the lines of a page as a step of a pipeline and as the regions app.
func TestTextDetector(t *testing.T) {
	t.Parallel()
	l := newTextLab(t)
	l.store.Shell(t, l.manual.after(t, "## Install", "export PATH"))

	imported := l.manual.after(t, "## As a step of a pipeline", "granary pipeline")
	l.found(t, "granary pipeline test", l.printed(t, l.store.Shell(t, imported)))

	l.store.Write(t, "granary.yaml", []byte(l.manual.after(t, "## As an app", "apps_folder")))
	server := harness.Start(t, l.store, "--set", "demos.callbacks.grace="+callbackGrace)
	t.Run("inf", func(t *testing.T) { l.classifies(t, server) })
	t.Run("callbacks", func(t *testing.T) { l.notifies(t, server) })
	t.Run("curl", func(t *testing.T) { l.answers(t, server) })
	if got := server.Command(t, "check"); !strings.HasPrefix(got, "all is sound") {
		t.Errorf("granary check = %q, want all is sound", got)
	}
}

// textLab is a store on which the page's first commands, which install
// packages, have been run by scripts/services.
type textLab struct {
	store  harness.Store
	manual manual
	page   front.Picture
	lines  []image.Rectangle
}

func newTextLab(t *testing.T) *textLab {
	t.Helper()
	python, model := os.Getenv("GRANARY_TEST_PYTHON"), os.Getenv("TEXT_MODEL")
	if python == "" || model == "" {
		const missing = "GRANARY_TEST_PYTHON or TEXT_MODEL is not set"
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal(missing + " and REQUIRE_SERVICES=1")
		}
		t.Skip(missing + ": the text detector is not run")
	}
	text, err := os.ReadFile("../../docs/workers-python.md")
	if err != nil {
		t.Fatal(err)
	}
	l := &textLab{store: harness.Local(t), manual: manual(text)}
	clients, err := filepath.Abs("../../clients")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(l.store.Folder, "lab"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"clients":     clients,
		"lab/python":  filepath.Dir(filepath.Dir(python)),
		"lab/package": filepath.Dir(filepath.Dir(model)),
	} {
		if err := os.Symlink(target, filepath.Join(l.store.Folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	// The shell and the server have the variables that the page sets.
	l.store = l.store.With("NACHET_ENV=local", "PATH="+filepath.Dir(python)+":"+os.Getenv("PATH"), "TEXT_MODEL="+model)
	l.page, l.lines = writtenPage(t)
	l.store.Write(t, l.page.Name, l.page.Data)
	return l
}

// printed reads the boxes that granary pipeline test lists.
func (l *textLab) printed(t *testing.T, output string) (boxes []image.Rectangle) {
	t.Helper()
	for line := range strings.Lines(output) {
		var n int
		var label string
		var score float64
		var box image.Rectangle
		if _, err := fmt.Sscanf(line, "%d %s %f %d,%d – %d,%d", &n, &label, &score, &box.Min.X, &box.Min.Y, &box.Max.X, &box.Max.Y); err == nil {
			boxes = append(boxes, box)
		}
	}
	return boxes
}

// classifies sends the page as the seed front end does.
func (l *textLab) classifies(t *testing.T, server *harness.Server) {
	id := server.Command(t, "user", "create", "--email", "kim@lab.example")
	v := &visitor{page: harness.NewClient(server.URL, ""), id: id}
	v.create(t, "pages")
	request := v.request("pages", "Text", harness.DataURL("image/jpeg", l.page.Data))
	request["imageDims"] = []int{l.page.Width, l.page.Height}
	var got inference
	v.page.Post(t, "/inf", request).OK(t, &got)
	var boxes []image.Rectangle
	for _, b := range got.Boxes {
		boxes = append(boxes, image.Rect(int(b.Box.TopX), int(b.Box.TopY), int(b.Box.BottomX), int(b.Box.BottomY)))
	}
	l.found(t, "/inf", boxes)
}

// notifies lets the demo front start a task; the front reads the annotations
// and the data set while it is told of them.
func (l *textLab) notifies(t *testing.T, server *harness.Server) {
	d := front.NewDemo(front.New(t), front.API{Base: server.URL}, 3)
	form(t, d.API, "/regions", "text_detection")
	src := d.Archive(t, "told", l.page)
	task, err := d.Submit(t.Context(), "/regions", map[string]any{"model": "text_detection", "postprocess": ""}, []any{document("zip", "told", src)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Await(t, task.ID, front.Success)
	calls := told(t, d.Front, task.TrackingID, 1, front.Success)
	var output struct {
		Results []struct {
			DocID string `json:"doc_id"`
			URL   string `json:"result_url"`
		} `json:"results_url"`
		Errors []string `json:"error"`
	}
	if err := json.Unmarshal(calls[len(calls)-1].Fields["output"], &output); err != nil || len(output.Results) != 1 || output.Results[0].DocID != "told" || len(output.Errors) > 0 {
		t.Fatalf("output = %+v, %v, want one document", output, err)
	}
	var list []front.Annotation
	if err := d.Get(t.Context(), output.Results[0].URL, &list); err != nil {
		t.Fatal(err)
	}
	l.annotated(t, list)
}

// answers runs the page's own requests.
func (l *textLab) answers(t *testing.T, server *harness.Server) {
	f := front.New(t)
	f.File("/charter1.zip", "application/zip", front.Zip(t, l.page))
	here := strings.NewReplacer("http://127.0.0.1:8080", server.URL, "http://127.0.0.1:9000", f.URL)
	var started front.Started
	said := l.store.Shell(t, here.Replace(l.manual.after(t, "## As an app", "/regions/start")))
	if err := json.Unmarshal([]byte(said), &started); err != nil || started.ExperimentID != "charters" {
		t.Fatalf("the start answered %s, %v", said, err)
	}
	api := front.API{Base: server.URL}
	poll(t, api, "/regions", started.TrackingID, "extract_objects", finished)
	var list []front.Annotation
	said = l.store.Shell(t, here.Replace(l.manual.after(t, "## As an app", "/datasets/")))
	if err := json.Unmarshal([]byte(said), &list); err != nil {
		t.Fatalf("%v in %.300s", err, said)
	}
	l.annotated(t, list)
}

// annotated checks the annotations of the one page.
func (l *textLab) annotated(t *testing.T, list []front.Annotation) {
	t.Helper()
	if len(list) != 1 || list[0].Source != l.page.Name || list[0].Width != l.page.Width || list[0].Height != l.page.Height {
		t.Fatalf("annotations = %+v, want those of %s", list, l.page.Name)
	}
	var boxes []image.Rectangle
	for _, crop := range list[0].Crops {
		boxes = append(boxes, image.Rect(crop.Absolute["x1"], crop.Absolute["y1"], crop.Absolute["x2"], crop.Absolute["y2"]))
	}
	l.found(t, "the annotations", boxes)
}

// found checks that there is a box for each written line and no other.
func (l *textLab) found(t *testing.T, by string, boxes []image.Rectangle) {
	t.Helper()
	if len(boxes) != len(l.lines) {
		t.Errorf("%s: %d boxes, want %d: %v", by, len(boxes), len(l.lines), boxes)
	}
	area := func(r image.Rectangle) float64 { return float64(r.Dx() * r.Dy()) }
	for _, line := range l.lines {
		best := 0.0
		for _, box := range boxes {
			both := area(line.Intersect(box))
			best = max(best, both/(area(line)+area(box)-both))
		}
		if best < 0.6 {
			t.Errorf("%s: the box next to the line %v shares %.2f of their area, want 0.6", by, line, best)
		}
	}
}

// writtenPage is a page with eight lines of text and where these are.
func writtenPage(t *testing.T) (front.Picture, []image.Rectangle) {
	t.Helper()
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 36, DPI: 72})
	if err != nil {
		t.Fatal(err)
	}
	defer face.Close()
	canvas := image.NewRGBA(image.Rect(0, 0, 1000, 1400))
	draw.Draw(canvas, canvas.Rect, image.NewUniform(color.RGBA{R: 244, G: 240, B: 228, A: 255}), image.Point{}, draw.Src)
	writer := font.Drawer{Dst: canvas, Src: image.NewUniform(color.RGBA{R: 30, G: 25, B: 20, A: 255}), Face: face}
	var lines []image.Rectangle
	for n := range 8 {
		writer.Dot = fixed.P(90+40*(n%3), 160+140*n)
		text := fmt.Sprintf("The quick brown fox no. %d", n)
		box, _ := writer.BoundString(text)
		lines = append(lines, image.Rect(box.Min.X.Floor(), box.Min.Y.Floor(), box.Max.X.Ceil(), box.Max.Y.Ceil()))
		writer.DrawString(text)
	}
	return picture(t, "page.jpg", canvas), lines
}

// manual is a page of docs/.
type manual string

// after returns the first block of code with that word in it after a heading.
func (m manual) after(t *testing.T, heading, word string) string {
	t.Helper()
	_, section, ok := strings.Cut(string(m), heading+"\n")
	for ok {
		var block string
		_, section, ok = strings.Cut(section, "\n```")
		_, section, _ = strings.Cut(section, "\n") // the language
		block, section, _ = strings.Cut(section, "```")
		if strings.Contains(block, word) {
			return block
		}
	}
	t.Fatalf("the page has no block with %q after %q", word, heading)
	return ""
}
