package builtin

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"image"
	"math"
	"slices"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine/builtin/feature"
)

// FeatureVersion names what Extract measures. Features stored under another
// version must be extracted again before they can be trained on.
const FeatureVersion = feature.Version

// FeatureCount is how many numbers Extract returns under FeatureVersion.
const FeatureCount = feature.Count

// Example is one verified box: what the expert called it, and its features.
type Example struct {
	// Features are Extract's numbers.
	Features []float64
	// Label is the expert's name for the object.
	Label string
	// ID names the box for good; it decides the fold that the example is held
	// out in.
	ID string
	// Group names what the example has in common with others that are easy to
	// name from it: the picture. Examples of one group are held out together.
	// Empty for an example that stands alone.
	Group string
}

// Extract measures the object in a box, given in pixels of the picture. The
// part of the box outside the picture is left out. It takes about a
// millisecond once the picture is decoded. Errors: fault.Invalid when the
// box does not meet the picture or the pixels are damaged.
func Extract(picture *raster.Picture, box image.Rectangle) ([]float64, error) {
	pixels, err := picture.Image()
	if err != nil {
		return nil, err
	}
	bounds := pixels.Bounds()
	box = box.Add(bounds.Min).Intersect(bounds)
	if box.Empty() {
		return nil, fault.New(fault.Invalid, "the box lies outside the picture")
	}
	if part, ok := pixels.(interface {
		SubImage(image.Rectangle) image.Image
	}); ok {
		return feature.Extract(part.SubImage(box)), nil
	}
	return nil, fault.New(fault.Invalid, "pixels of type %T cannot be cut", pixels)
}

// dataset is a checked set of examples with labels as numbers.
type dataset struct {
	labels []string // sorted
	x      [][]float64
	y      []int
	id     []uint64
	group  []int // numbered from 0
	fold   []int
	folds  int
	// grouped tells that the examples of a group share a fold.
	grouped bool
}

// newDataset checks and orders the examples, so that the result does not
// depend on their order, thins labels with more than limit examples, and deals
// the folds: stratified by label, group by group, decided by ids and seed
// alone. When groups leave fewer than two labels to score, as with a single
// picture, every example is dealt alone.
func newDataset(examples []Example, folds, limit int, seed uint64) (*dataset, error) {
	type keyed struct {
		*Example
		id, order uint64
	}
	all := make([]keyed, 0, len(examples))
	for i := range examples {
		e := &examples[i]
		if err := e.check(); err != nil {
			return nil, err
		}
		id := hash(e.ID, 0)
		all = append(all, keyed{Example: e, id: id, order: hash(e.ID, seed)})
	}
	slices.SortFunc(all, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.order, b.order), cmp.Compare(a.ID, b.ID))
	})
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "there are no examples")
	}
	d := &dataset{}
	number := map[string]int{}
	for at := 0; at < len(all); {
		end := at
		for end < len(all) && all[end].Label == all[at].Label {
			if end > at && all[end].ID == all[end-1].ID {
				return nil, fault.New(fault.Invalid, "example %s is given twice", all[end].ID)
			}
			end++
		}
		for _, e := range all[at:min(end, at+limit)] {
			name := "group " + e.Group
			if e.Group == "" {
				name = "alone " + e.ID
			}
			if _, known := number[name]; !known {
				number[name] = len(number)
			}
			d.x = append(d.x, e.Features)
			d.y = append(d.y, len(d.labels))
			d.id = append(d.id, e.id)
			d.group = append(d.group, number[name])
		}
		d.labels = append(d.labels, all[at].Label)
		at = end
	}
	d.grouped = len(number) < len(d.x)
	d.deal(folds)
	if _, labels := d.scored(); labels < 2 && d.grouped {
		d.grouped = false
		for i := range d.group {
			d.group[i] = i
		}
		d.deal(folds)
	}
	return d, nil
}

func (e *Example) check() error {
	switch {
	case e.Label == "":
		return fault.New(fault.Invalid, "example %s has no label", e.ID)
	case len(e.Features) != feature.Count:
		return fault.New(fault.Invalid, "example %s has %d features, want %d", e.ID, len(e.Features), feature.Count)
	}
	return checkFinite(e.Features)
}

func checkFinite(features []float64) error {
	for i, v := range features {
		if math.IsNaN(v) || math.Abs(v) > 1e6 {
			return fault.New(fault.Invalid, "feature %d is %v", i, v)
		}
	}
	return nil
}

func hash(id string, seed uint64) uint64 {
	h := fnv.New64a()
	var salt [8]byte
	binary.LittleEndian.PutUint64(salt[:], seed)
	_, _ = h.Write(salt[:]) // a hash does not fail
	_, _ = h.Write([]byte(id))
	// FNV's high bits hardly change with the last byte; mix them.
	v := h.Sum64()
	v ^= v >> 32
	v *= 0xD6E8FEB86659FD93
	return v ^ v>>32
}

// part selects examples.
func (d *dataset) part(want func(i int) bool) (x [][]float64, y []int) {
	for i := range d.x {
		if want(i) {
			x = append(x, d.x[i])
			y = append(y, d.y[i])
		}
	}
	return x, y
}
