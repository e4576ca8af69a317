package dataset

import (
	"encoding/json"
	"fmt"
	"image"
	"strings"

	"granary/internal/platform/fault"
)

// maxCrops bounds the crops of one data set.
const maxCrops = 1_000_000

// sourceCrops are the crops of one picture, in the form in which the regions
// app reports them.
type sourceCrops struct {
	DocUID string `json:"doc_uid"`
	Source string `json:"source"`
	Crops  []crop `json:"crops"`
}

// crop is one box of a picture.
type crop struct {
	ID       string `json:"crop_id"`
	Relative box    `json:"relative"`
}

// box is a rectangle in fractions of its picture's sides: either two corners
// or a corner and a size.
type box struct{ X1, Y1, X2, Y2 float64 }

// UnmarshalJSON reads {x1,y1,x2,y2} or {x,y,width,height}; corners win.
func (b *box) UnmarshalJSON(data []byte) error {
	var raw struct {
		X1, Y1, X2, Y2, X, Y, Width, Height *float64
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	switch {
	case raw.X1 != nil && raw.Y1 != nil && raw.X2 != nil && raw.Y2 != nil:
		*b = box{*raw.X1, *raw.Y1, *raw.X2, *raw.Y2}
	case raw.X != nil && raw.Y != nil && raw.Width != nil && raw.Height != nil:
		*b = box{*raw.X, *raw.Y, *raw.X + *raw.Width, *raw.Y + *raw.Height}
	default:
		return fmt.Errorf("a box needs x1, y1, x2, y2 or x, y, width, height")
	}
	return nil
}

// pixels returns the box in a picture of the given size, cut to its bounds and
// rounded towards zero.
func (b box) pixels(size image.Point) image.Rectangle {
	unit := func(v float64) float64 { return min(max(v, 0), 1) }
	x1, x2 := int(unit(b.X1)*float64(size.X)), int(unit(b.X2)*float64(size.X))
	y1, y2 := int(unit(b.Y1)*float64(size.Y)), int(unit(b.Y2)*float64(size.Y))
	if x2 <= x1 || y2 <= y1 {
		return image.Rectangle{}
	}
	return image.Rect(x1, y1, x2, y2)
}

// String is the box as a crop's metadata has it.
func (b box) String() string { return fmt.Sprintf("%.3f,%.3f,%.3f,%.3f", b.X1, b.Y1, b.X2, b.Y2) }

// CheckCrops refuses a list of crops that no job could use. Errors:
// fault.Invalid, fault.TooLarge.
func CheckCrops(crops json.RawMessage) error {
	_, err := parseCrops(crops)
	return err
}

// parseCrops reads a client's list of crops.
func parseCrops(data json.RawMessage) ([]sourceCrops, error) {
	if noCrops(data) {
		return nil, nil
	}
	var list []sourceCrops
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fault.New(fault.Invalid, "the list of crops cannot be read: %w", err)
	}
	count := 0
	for _, source := range list {
		if count += len(source.Crops); count > maxCrops {
			return nil, fault.New(fault.TooLarge, "there are more than %d crops", maxCrops)
		}
		for _, c := range source.Crops {
			if !safePath(croppedPath(c.ID)) || strings.HasSuffix(c.ID, "/") || c.ID == "" {
				return nil, fault.New(fault.Invalid, "the crop id %.100q cannot name a file", c.ID)
			}
		}
	}
	return list, nil
}

// croppedPath is where a crop is kept, relative to its document's folder. The
// id of a crop of a picture in a sub-folder has slashes.
func croppedPath(id string) string { return croppedDir + "/" + id + ".jpg" }
