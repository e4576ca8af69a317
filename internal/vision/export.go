package vision

import (
	"archive/zip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// ExportFormat is a data set format that training tools read.
type ExportFormat string

// The export formats.
const (
	// COCO is one JSON document: https://cocodataset.org, object detection.
	COCO ExportFormat = "coco"
	// YOLO is a zip with one text file a picture and classes.txt; boxes are
	// class, centre x, centre y, width and height in fractions.
	YOLO ExportFormat = "yolo"
	// CSV is one line a box.
	CSV ExportFormat = "csv"
)

// verifiedBox is one box that an expert named, with its picture.
type verifiedBox struct {
	BoxID      string    `bun:"box_id"`
	PictureID  string    `bun:"picture_id"`
	BlobKey    string    `bun:"blob_key"`
	FileName   string    `bun:"file_name"`
	Width      int       `bun:"width"`
	Height     int       `bun:"height"`
	DimWidth   float64   `bun:"dim_width"`  // the picture's width as the boxes count it
	DimHeight  float64   `bun:"dim_height"` // likewise
	TopX       float64   `bun:"top_x"`
	TopY       float64   `bun:"top_y"`
	BottomX    float64   `bun:"bottom_x"`
	BottomY    float64   `bun:"bottom_y"`
	SeedID     string    `bun:"seed_id"`
	Seed       string    `bun:"seed"`
	ReviewedAt time.Time `bun:"reviewed_at"`
}

// pixels returns the box in pixels of the stored picture, clipped to it.
func (v *verifiedBox) pixels() Rect {
	scaleX, scaleY := float64(v.Width)/v.DimWidth, float64(v.Height)/v.DimHeight
	clip := func(x, limit float64) float64 { return min(max(x, 0), limit) }
	w, h := float64(v.Width), float64(v.Height)
	return Rect{
		clip(v.TopX*scaleX, w), clip(v.TopY*scaleY, h),
		clip(v.BottomX*scaleX, w), clip(v.BottomY*scaleY, h),
	}
}

// verifiedBoxes returns every verified box of an owner, of everybody when
// ownerID is empty, picture by picture. Boxes confirmed as Unidentified are
// left out: they name nothing.
func (s *Service) verifiedBoxes(ctx context.Context, ownerID string) ([]verifiedBox, error) {
	query := s.db.Reader().NewSelect().TableExpr("vision_boxes AS b").
		ColumnExpr("b.id AS box_id, p.id AS picture_id, p.blob_key, p.file_name, p.width, p.height").
		ColumnExpr("i.width AS dim_width, i.height AS dim_height").
		ColumnExpr("b.top_x, b.top_y, b.bottom_x, b.bottom_y").
		ColumnExpr("s.id AS seed_id, s.name AS seed, b.reviewed_at").
		Join("JOIN vision_inferences AS i ON i.id = b.inference_id").
		Join("JOIN vision_pictures AS p ON p.id = i.picture_id").
		Join("JOIN vision_picture_sets AS t ON t.id = p.set_id").
		Join("JOIN vision_guesses AS g ON g.id = b.verified_guess_id").
		Join("JOIN vision_seeds AS s ON s.id = g.seed_id").
		Where("b.verified_guess_id <> ''").Where("s.name_key <> ?", seedKey(Unidentified)).
		OrderExpr("p.id, i.id, b.position")
	if ownerID != "" {
		query.Where("t.owner_id = ?", ownerID)
	}
	var boxes []verifiedBox
	if err := query.Scan(ctx, &boxes); err != nil {
		return nil, fmt.Errorf("read verified boxes: %w", err)
	}
	return boxes, nil
}

// Export writes the verified boxes as a data set: those of the caller, or of
// everybody for a steward or admin. Pictures are named by id; their bytes are
// fetched one by one where they are needed.
func (s *Service) Export(ctx context.Context, format ExportFormat, w io.Writer) error {
	caller, err := s.caller(ctx)
	if err != nil {
		return err
	}
	owner := caller.UserID
	if caller.Role == identity.Steward || caller.Role == identity.Admin {
		owner = ""
	}
	boxes, err := s.verifiedBoxes(ctx, owner)
	if err != nil {
		return err
	}
	switch format {
	case COCO:
		return writeCOCO(w, boxes, s.now())
	case YOLO:
		return writeYOLO(w, boxes)
	case CSV:
		return writeCSV(w, boxes)
	default:
		return fault.New(fault.Invalid, "unknown export format %q: want coco, yolo or csv", format)
	}
}

func writeCOCO(w io.Writer, boxes []verifiedBox, now time.Time) error {
	type image struct {
		ID       int    `json:"id"`
		FileName string `json:"file_name"`
		Width    int    `json:"width"`
		Height   int    `json:"height"`
		UUID     string `json:"picture_id"`
	}
	type annotation struct {
		ID         int        `json:"id"`
		ImageID    int        `json:"image_id"`
		CategoryID int        `json:"category_id"`
		BBox       [4]float64 `json:"bbox"` // x, y, width, height in pixels
		Area       float64    `json:"area"`
		Crowd      int        `json:"iscrowd"`
		UUID       string     `json:"box_id"`
	}
	type category struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	images, annotations, categories := []image{}, []annotation{}, []category{}
	classes, pictures := map[string]int{}, map[string]int{}
	for i := range boxes {
		v := &boxes[i]
		if pictures[v.PictureID] == 0 {
			pictures[v.PictureID] = len(images) + 1
			images = append(images, image{len(images) + 1, v.name(), v.Width, v.Height, v.PictureID})
		}
		if classes[v.Seed] == 0 {
			classes[v.Seed] = len(categories) + 1
			categories = append(categories, category{len(categories) + 1, v.Seed})
		}
		r := v.pixels()
		width, height := r.BottomX-r.TopX, r.BottomY-r.TopY
		annotations = append(annotations, annotation{
			ID: i + 1, ImageID: pictures[v.PictureID], CategoryID: classes[v.Seed],
			BBox: [4]float64{r.TopX, r.TopY, width, height}, Area: width * height, UUID: v.BoxID,
		})
	}
	return json.NewEncoder(w).Encode(map[string]any{
		"info":   map[string]string{"description": "verified boxes", "date_created": now.Format(time.RFC3339)},
		"images": images, "annotations": annotations, "categories": categories,
	})
}

// name is what the picture is called in a data set.
func (v *verifiedBox) name() string {
	if v.FileName != "" {
		return v.PictureID + "_" + v.FileName
	}
	return v.PictureID
}

func writeYOLO(w io.Writer, boxes []verifiedBox) error {
	archive := zip.NewWriter(w)
	classes := map[string]int{}
	var names []string
	var text strings.Builder
	flush := func(pictureID string) error {
		file, err := archive.Create("labels/" + pictureID + ".txt")
		if err != nil {
			return fmt.Errorf("write labels: %w", err)
		}
		_, err = io.WriteString(file, text.String())
		text.Reset()
		return err
	}
	for i := range boxes {
		v := &boxes[i]
		if _, ok := classes[v.Seed]; !ok {
			classes[v.Seed] = len(names)
			names = append(names, v.Seed)
		}
		r, width, height := v.pixels(), float64(v.Width), float64(v.Height)
		fmt.Fprintf(&text, "%d %.6f %.6f %.6f %.6f\n", classes[v.Seed],
			(r.TopX+r.BottomX)/2/width, (r.TopY+r.BottomY)/2/height, (r.BottomX-r.TopX)/width, (r.BottomY-r.TopY)/height)
		if i+1 == len(boxes) || boxes[i+1].PictureID != v.PictureID {
			if err := flush(v.PictureID); err != nil {
				return err
			}
		}
	}
	file, err := archive.Create("classes.txt")
	if err != nil {
		return fmt.Errorf("write classes: %w", err)
	}
	if len(names) > 0 {
		if _, err := io.WriteString(file, strings.Join(names, "\n")+"\n"); err != nil {
			return fmt.Errorf("write classes: %w", err)
		}
	}
	return archive.Close()
}

func writeCSV(w io.Writer, boxes []verifiedBox) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{
		"picture_id", "file_name", "box_id", "seed_id", "seed_name",
		"top_x", "top_y", "bottom_x", "bottom_y", "width", "height", "reviewed_at",
	}); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	for i := range boxes {
		v := &boxes[i]
		r := v.pixels()
		if err := out.Write([]string{
			v.PictureID, plain(v.FileName), v.BoxID, v.SeedID, plain(v.Seed),
			number(r.TopX), number(r.TopY), number(r.BottomX), number(r.BottomY),
			strconv.Itoa(v.Width), strconv.Itoa(v.Height), v.ReviewedAt.UTC().Format(time.RFC3339),
		}); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

// plain keeps a spreadsheet from reading a text as a formula (OWASP, CSV
// injection).
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
