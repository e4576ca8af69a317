package regions

import (
	"cmp"
	"image"
	"math"
	"slices"
	"strings"

	"granary/internal/demos/dataset"
)

// maxCrops bounds the boxes of one picture: the surest are kept.
const maxCrops = 5000

// Annotation is what was found on one picture. A document's file is a list of
// them, one for each picture in order.
type Annotation struct {
	Source     string        `json:"source"`
	SourceInfo dataset.Image `json:"source_info"`
	// Width and Height are the picture's in pixels; 0 when it cannot be read.
	Width  int    `json:"width"`
	Height int    `json:"height"`
	DocUID string `json:"doc_uid"`
	Crops  []Crop `json:"crops"`
}

// Crop is one box.
type Crop struct {
	// BBox is Code's of the box.
	BBox string `json:"bbox"`
	// ID is the source and BBox, unique within the document.
	ID     string `json:"crop_id"`
	Source string `json:"source"`
	// Confidence is 0..1, to four places.
	Confidence float64 `json:"confidence"`
	// Absolute is in pixels, Relative in shares of the picture's sides, to four
	// places.
	Absolute Bounds[int]     `json:"absolute"`
	Relative Bounds[float64] `json:"relative"`
	Class    *Class          `json:"class,omitempty"`
}

// Bounds are a box by its corners and its size.
type Bounds[T int | float64] struct {
	X1     T `json:"x1"`
	Y1     T `json:"y1"`
	X2     T `json:"x2"`
	Y2     T `json:"y2"`
	Width  T `json:"width"`
	Height T `json:"height"`
}

// Code names a box of a w×h picture: left, top, width and height as shares of
// the picture's sides, each as two digits to the base 36.
func Code(box image.Rectangle, w, h int) string {
	const digits, most = "0123456789abcdefghijklmnopqrstuvwxyz", 36*36 - 1
	var out strings.Builder
	for _, share := range [4]float64{
		float64(box.Min.X) / float64(w), float64(box.Min.Y) / float64(h),
		float64(box.Dx()) / float64(w), float64(box.Dy()) / float64(h),
	} {
		n := int(math.RoundToEven(min(max(share, 0), 1) * most))
		out.WriteByte(digits[n/36])
		out.WriteByte(digits[n%36])
	}
	return out.String()
}

// annotate describes the boxes of a picture, the surest first. Of boxes that
// widening made alike one stays.
func annotate(picture dataset.Image, size image.Point, things []found, p Postprocess) Annotation {
	out := Annotation{Source: picture.ID, SourceInfo: picture, Width: size.X, Height: size.Y, DocUID: picture.DocUID, Crops: []Crop{}}
	sorted := slices.Clone(things)
	slices.SortStableFunc(sorted, func(a, b found) int { return cmp.Compare(b.confidence, a.confidence) })
	seen := map[string]bool{}
	for _, thing := range sorted {
		box := p.apply(thing.box, size.X, size.Y)
		code := ""
		if !box.Empty() {
			code = Code(box, size.X, size.Y)
		}
		if code == "" || seen[code] {
			continue
		}
		seen[code] = true
		out.Crops = append(out.Crops, crop(picture.ID, code, box, size, thing))
		if len(out.Crops) == maxCrops {
			break
		}
	}
	return out
}

func crop(source, code string, box image.Rectangle, size image.Point, thing found) Crop {
	w, h := float64(size.X), float64(size.Y)
	places := func(v float64) float64 { return math.Round(v*1e4) / 1e4 }
	return Crop{
		BBox: code, ID: source + "-" + code, Source: source, Confidence: places(min(max(thing.confidence, 0), 1)), Class: thing.class,
		Absolute: Bounds[int]{box.Min.X, box.Min.Y, box.Max.X, box.Max.Y, box.Dx(), box.Dy()},
		Relative: Bounds[float64]{
			places(float64(box.Min.X) / w), places(float64(box.Min.Y) / h), places(float64(box.Max.X) / w), places(float64(box.Max.Y) / h),
			places(float64(box.Dx()) / w), places(float64(box.Dy()) / h),
		},
	}
}
