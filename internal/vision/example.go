package vision

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"image"
	"math"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine/builtin"
)

const (
	// maxExamples bounds one training: the boxes reviewed last count.
	maxExamples = 50_000
	// saveEvery is how many measurements are kept at a time.
	saveEvery = 100
)

// storedExample keeps what was measured of a verified box, so that the next
// retraining measures only what is new.
type storedExample struct {
	bun.BaseModel `bun:"table:vision_examples"`

	BoxID          string `bun:"box_id,pk"`
	FeatureVersion int64  `bun:"feature_version"`
	BoxDigest      string `bun:"box_digest"` // where the box was when measured
	Features       string `bun:"features"`   // base64 of little-endian float64s
}

// recentlyVerified selects the ids of the boxes that count.
func (s *Service) recentlyVerified() *bun.SelectQuery {
	return s.db.Reader().NewSelect().TableExpr("vision_boxes AS r").Column("r.id").
		Where("r.verified_guess_id <> ''").Order("r.reviewed_at DESC").Limit(maxExamples)
}

// examples returns the verified boxes as training examples and the time of
// the latest review among them. progress is told how many boxes are done. What
// was measured is kept as it goes: an attempt that is cut off costs the next
// one little.
func (s *Service) examples(ctx context.Context, progress func(done, total int) error) ([]builtin.Example, time.Time, error) {
	var last time.Time
	var boxes []verifiedBox
	if err := s.selectVerified("").Where("b.id IN (?)", s.recentlyVerified()).
		OrderExpr("p.id, i.id, b.position, b.id").Scan(ctx, &boxes); err != nil {
		return nil, last, fmt.Errorf("read verified boxes: %w", err)
	}
	known, err := s.storedExamples(ctx)
	if err != nil {
		return nil, last, err
	}
	examples := make([]builtin.Example, 0, len(boxes))
	var measurer measurer
	var fresh []storedExample
	for i := range boxes {
		v := &boxes[i]
		if v.ReviewedAt.After(last) {
			last = v.ReviewedAt
		}
		features, ok := known[v.BoxID].features(v)
		if !ok {
			features, err = measurer.measure(ctx, s, v)
			if fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound) { // damaged, or deleted meanwhile
				s.log.WarnContext(ctx, "box cannot be learned from", "box_id", v.BoxID, "error", err)
				continue
			}
			if err != nil {
				return nil, last, err
			}
			fresh = append(fresh, newStoredExample(v, features))
		}
		examples = append(examples, builtin.Example{ID: v.BoxID, Label: v.Seed, Features: features, Group: v.PictureID})
		if len(fresh) == saveEvery {
			if err := s.saveExamples(ctx, fresh); err != nil {
				return nil, last, err
			}
			fresh = fresh[:0]
		}
		if err := progress(i+1, len(boxes)); err != nil {
			return nil, last, err
		}
	}
	return examples, last, s.saveExamples(ctx, fresh)
}

func (s *Service) storedExamples(ctx context.Context) (map[string]storedExample, error) {
	var rows []storedExample
	if err := s.db.Reader().NewSelect().Model(&rows).Where("feature_version = ?", builtin.FeatureVersion).
		Where("box_id IN (?)", s.recentlyVerified()).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read measured boxes: %w", err)
	}
	known := make(map[string]storedExample, len(rows))
	for _, row := range rows {
		known[row.BoxID] = row
	}
	return known, nil
}

// saveExamples keeps new measurements. A box that was deleted meanwhile is
// left out.
func (s *Service) saveExamples(ctx context.Context, fresh []storedExample) error {
	if len(fresh) == 0 {
		return nil
	}
	ids := make([]string, len(fresh))
	for i := range fresh {
		ids[i] = fresh[i].BoxID
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		alive, err := held[Box](ctx, tx, ids)
		if err != nil {
			return err
		}
		rows := make([]storedExample, 0, len(fresh))
		for _, row := range fresh {
			if alive[row.BoxID] {
				rows = append(rows, row)
			}
		}
		if len(rows) == 0 {
			return nil
		}
		_, err = tx.NewInsert().Model(&rows).On("CONFLICT (box_id) DO UPDATE").
			Set("feature_version = EXCLUDED.feature_version").Set("box_digest = EXCLUDED.box_digest").
			Set("features = EXCLUDED.features").Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep measured boxes: %w", err)
	}
	return nil
}

func newStoredExample(v *verifiedBox, features []float64) storedExample {
	raw := make([]byte, 0, 8*len(features))
	for _, f := range features {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(f))
	}
	return storedExample{
		BoxID: v.BoxID, FeatureVersion: builtin.FeatureVersion, BoxDigest: v.place(),
		Features: base64.StdEncoding.EncodeToString(raw),
	}
}

// features returns the measurements when they are of the box where it is now.
func (e storedExample) features(v *verifiedBox) ([]float64, bool) {
	raw, err := base64.StdEncoding.DecodeString(e.Features)
	if err != nil || e.BoxID == "" || e.BoxDigest != v.place() || len(raw)%8 != 0 {
		return nil, false
	}
	features := make([]float64, len(raw)/8)
	for i := range features {
		features[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return features, true
}

// place writes down where the box is.
func (v *verifiedBox) place() string {
	b := []byte{}
	for _, x := range [...]float64{v.TopX, v.TopY, v.BottomX, v.BottomY, v.DimWidth, v.DimHeight} {
		b = append(strconv.AppendFloat(b, x, 'g', -1, 64), ' ')
	}
	return string(b)
}

// measurer extracts features, opening each picture once when its boxes come
// in a row.
type measurer struct {
	pictureID string
	picture   *raster.Picture
	err       error // of opening it
}

func (m *measurer) measure(ctx context.Context, s *Service, v *verifiedBox) ([]float64, error) {
	if m.pictureID != v.PictureID {
		m.pictureID = v.PictureID
		m.picture, m.err = s.openStored(ctx, v)
	}
	if m.err != nil {
		return nil, m.err
	}
	r := v.pixels()
	x, y := int(r.TopX), int(r.TopY)
	area := image.Rect(x, y, max(int(math.Ceil(r.BottomX)), x+1), max(int(math.Ceil(r.BottomY)), y+1))
	features, err := builtin.Extract(m.picture, area)
	if err != nil {
		return nil, fmt.Errorf("measure box %s: %w", v.BoxID, err)
	}
	return features, nil
}

func (s *Service) openStored(ctx context.Context, v *verifiedBox) (*raster.Picture, error) {
	data, _, err := s.blobs.ReadAll(ctx, v.BlobKey)
	if err != nil {
		return nil, fmt.Errorf("read picture %s: %w", v.PictureID, err)
	}
	picture, err := s.cfg.Gate.Open(data)
	if err != nil {
		return nil, fmt.Errorf("open picture %s: %w", v.PictureID, err)
	}
	return picture, nil
}
