package vision

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/uptrace/bun"

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
	BoxID       string    `bun:"box_id"`
	InferenceID string    `bun:"inference_id"`
	Position    int       `bun:"position"`
	PictureID   string    `bun:"picture_id"`
	BlobKey     string    `bun:"blob_key"`
	FileName    string    `bun:"file_name"`
	Width       int       `bun:"width"`
	Height      int       `bun:"height"`
	DimWidth    float64   `bun:"dim_width"`  // the picture's width as the boxes count it
	DimHeight   float64   `bun:"dim_height"` // likewise
	TopX        float64   `bun:"top_x"`
	TopY        float64   `bun:"top_y"`
	BottomX     float64   `bun:"bottom_x"`
	BottomY     float64   `bun:"bottom_y"`
	SeedID      string    `bun:"seed_id"`
	Seed        string    `bun:"seed"`
	ReviewedAt  time.Time `bun:"reviewed_at"`
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

// selectVerified selects every verified box, of an owner or of everybody when
// ownerID is empty. Boxes confirmed as Unidentified are left out: they name
// nothing.
func (s *Service) selectVerified(ownerID string) *bun.SelectQuery {
	query := s.db.Reader().NewSelect().TableExpr("vision_boxes AS b").
		ColumnExpr("b.id AS box_id, i.id AS inference_id, b.position").
		ColumnExpr("p.id AS picture_id, p.blob_key, p.file_name, p.width, p.height").
		ColumnExpr("i.width AS dim_width, i.height AS dim_height").
		ColumnExpr("b.top_x, b.top_y, b.bottom_x, b.bottom_y").
		ColumnExpr("s.id AS seed_id, s.name AS seed, b.reviewed_at").
		Join("JOIN vision_inferences AS i ON i.id = b.inference_id").
		Join("JOIN vision_pictures AS p ON p.id = i.picture_id").
		Join("JOIN vision_picture_sets AS t ON t.id = p.set_id").
		Join("JOIN vision_guesses AS g ON g.id = b.verified_guess_id").
		Join("JOIN vision_seeds AS s ON s.id = g.seed_id").
		Where("b.verified_guess_id <> ''").Where("s.name_key <> ?", seedKey(Unidentified))
	if ownerID != "" {
		query.Where("t.owner_id = ?", ownerID)
	}
	return query
}

// exportPage is how many boxes are in memory at once.
const exportPage = 5000

// eachVerified passes every verified box to fn, picture by picture. It reads
// page by page, so that neither memory nor a connection depends on how fast
// the boxes are taken; a box verified meanwhile may or may not come.
func (s *Service) eachVerified(ctx context.Context, ownerID string, fn func(*verifiedBox) error) error {
	var last verifiedBox
	for {
		var page []verifiedBox
		err := s.selectVerified(ownerID).
			Where("p.id >= ?", last.PictureID). // what an index can use of the line below
			Where("(p.id, i.id, b.position, b.id) > (?, ?, ?, ?)", last.PictureID, last.InferenceID, last.Position, last.BoxID).
			OrderExpr("p.id, i.id, b.position, b.id").Limit(exportPage).Scan(ctx, &page)
		if err != nil {
			return fmt.Errorf("read verified boxes: %w", err)
		}
		for i := range page {
			if err := fn(&page[i]); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
		last = page[len(page)-1]
	}
}

// dataSet writes boxes in one format. Boxes of one picture come in a row.
type dataSet interface {
	add(v *verifiedBox) error
	// close writes what only the end knows. It does not close the writer.
	close() error
}

// newDataSet returns the writer of a format.
func newDataSet(format ExportFormat, w io.Writer, now time.Time) (dataSet, error) {
	switch format {
	case COCO:
		return newCOCOSet(w, now), nil
	case YOLO:
		return newYOLOSet(w), nil
	case CSV:
		return newCSVSet(w), nil
	default:
		return nil, fault.New(fault.Invalid, "unknown export format %q: want coco, yolo or csv", format)
	}
}

// Export writes the verified boxes as a data set: those of the caller, or of
// everybody for a steward or admin. Pictures are named by id; their bytes are
// fetched one by one where they are needed. Who took what is in the audit
// trail before the first byte is written; when it cannot be, nothing is.
func (s *Service) Export(ctx context.Context, format ExportFormat, w io.Writer) error {
	caller, err := s.caller(ctx)
	if err != nil {
		return err
	}
	owner, whose := caller.UserID, "own"
	if permitSteward(caller) == nil {
		owner, whose = "", "everybody's"
	}
	set, err := newDataSet(format, w, s.now())
	if err != nil {
		return err
	}
	if err := s.users.Audit().Write(ctx, identity.Entry{
		Action: deedExport, Object: "verified_boxes", Detail: map[string]any{"format": format, "whose": whose},
	}); err != nil {
		return err
	}
	if err := s.eachVerified(ctx, owner, set.add); err != nil {
		return err
	}
	return set.close()
}
