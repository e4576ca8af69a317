package vision

import (
	"archive/zip"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// cocoSet writes one JSON document: annotations as they come, the pictures and
// categories that they name at the end.
type cocoSet struct {
	w          io.Writer
	now        time.Time
	images     []cocoImage
	categories []cocoCategory
	classes    map[string]int
	count      int // of annotations
}

type cocoImage struct {
	ID       int    `json:"id"`
	FileName string `json:"file_name"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	UUID     string `json:"picture_id"`
}

type cocoAnnotation struct {
	ID         int        `json:"id"`
	ImageID    int        `json:"image_id"`
	CategoryID int        `json:"category_id"`
	BBox       [4]float64 `json:"bbox"` // x, y, width, height in pixels
	Area       float64    `json:"area"`
	Crowd      int        `json:"iscrowd"`
	UUID       string     `json:"box_id"`
}

type cocoCategory struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

func newCOCOSet(w io.Writer, now time.Time) *cocoSet {
	return &cocoSet{w: w, now: now, images: []cocoImage{}, categories: []cocoCategory{}, classes: map[string]int{}}
}

func (c *cocoSet) add(v *verifiedBox) error {
	if n := len(c.images); n == 0 || c.images[n-1].UUID != v.PictureID {
		c.images = append(c.images, cocoImage{n + 1, v.name(), v.Width, v.Height, v.PictureID})
	}
	if c.classes[v.Seed] == 0 {
		c.classes[v.Seed] = len(c.categories) + 1
		c.categories = append(c.categories, cocoCategory{len(c.categories) + 1, v.Seed})
	}
	before := ","
	if c.count == 0 {
		before = `{"annotations":[`
	}
	c.count++
	r := v.pixels()
	width, height := r.BottomX-r.TopX, r.BottomY-r.TopY
	text := mustJSON(cocoAnnotation{
		ID: c.count, ImageID: len(c.images), CategoryID: c.classes[v.Seed],
		BBox: [4]float64{r.TopX, r.TopY, width, height}, Area: width * height, UUID: v.BoxID,
	})
	_, err := io.WriteString(c.w, before+text)
	return err
}

func (c *cocoSet) close() error {
	before := "]"
	if c.count == 0 {
		before = `{"annotations":[]`
	}
	if _, err := io.WriteString(c.w, before+`,"categories":`+mustJSON(c.categories)+`,"images":[`); err != nil {
		return err
	}
	for i := range c.images {
		text := mustJSON(c.images[i])
		if i > 0 {
			text = "," + text
		}
		if _, err := io.WriteString(c.w, text); err != nil {
			return err
		}
	}
	info := map[string]string{"description": "verified boxes", "date_created": c.now.Format(time.RFC3339)}
	_, err := io.WriteString(c.w, `],"info":`+mustJSON(info)+"}\n")
	return err
}

// name is what the picture is called in a data set.
func (v *verifiedBox) name() string {
	if v.FileName != "" {
		return v.PictureID + "_" + v.FileName
	}
	return v.PictureID
}

// yoloSet writes a zip with a text file for each picture.
type yoloSet struct {
	archive *zip.Writer
	classes map[string]int
	names   []string
	picture string // whose lines are in text
	text    strings.Builder
}

func newYOLOSet(w io.Writer) *yoloSet {
	return &yoloSet{archive: zip.NewWriter(w), classes: map[string]int{}}
}

func (y *yoloSet) add(v *verifiedBox) error {
	if v.PictureID != y.picture {
		if err := y.flush(); err != nil {
			return err
		}
		y.picture = v.PictureID
	}
	if _, ok := y.classes[v.Seed]; !ok {
		y.classes[v.Seed] = len(y.names)
		y.names = append(y.names, v.Seed)
	}
	r, width, height := v.pixels(), float64(v.Width), float64(v.Height)
	fmt.Fprintf(&y.text, "%d %.6f %.6f %.6f %.6f\n", y.classes[v.Seed],
		(r.TopX+r.BottomX)/2/width, (r.TopY+r.BottomY)/2/height, (r.BottomX-r.TopX)/width, (r.BottomY-r.TopY)/height)
	return nil
}

// flush writes the lines of a picture that is complete.
func (y *yoloSet) flush() error {
	if y.picture == "" {
		return nil
	}
	err := y.write("labels/"+y.picture+".txt", y.text.String())
	y.text.Reset()
	return err
}

func (y *yoloSet) close() error {
	if err := y.flush(); err != nil {
		return err
	}
	var classes strings.Builder
	for _, name := range y.names {
		classes.WriteString(name + "\n")
	}
	if err := y.write("classes.txt", classes.String()); err != nil {
		return err
	}
	return y.archive.Close()
}

func (y *yoloSet) write(name, text string) error {
	file, err := y.archive.Create(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = io.WriteString(file, text)
	return err
}

// csvSet writes a line for each box.
type csvSet struct {
	out   *csv.Writer
	begun bool
}

func newCSVSet(w io.Writer) *csvSet { return &csvSet{out: csv.NewWriter(w)} }

func (c *csvSet) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.out.Write([]string{
		"picture_id", "file_name", "box_id", "seed_id", "seed_name",
		"top_x", "top_y", "bottom_x", "bottom_y", "width", "height", "reviewed_at",
	})
}

func (c *csvSet) add(v *verifiedBox) error {
	if err := c.begin(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	r := v.pixels()
	if err := c.out.Write([]string{
		v.PictureID, plain(v.FileName), v.BoxID, v.SeedID, plain(v.Seed),
		number(r.TopX), number(r.TopY), number(r.BottomX), number(r.BottomY),
		strconv.Itoa(v.Width), strconv.Itoa(v.Height), v.ReviewedAt.UTC().Format(time.RFC3339),
	}); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

func (c *csvSet) close() error {
	if err := c.begin(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	c.out.Flush()
	return c.out.Error()
}

// plain keeps a spreadsheet from reading a text as a formula (OWASP, CSV
// injection).
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
