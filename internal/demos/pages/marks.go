package pages

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"

	"granary/internal/console/ui"
	"granary/internal/demos"
	"granary/internal/platform/fault"
)

// marks are the watermarks of an uploaded picture, with those of a collection
// that are like them.
type marks struct {
	// Picture is the uploaded one, Width and Height its size in the drawing's
	// units: boxes are given as parts of its sides.
	Picture       shown
	Width, Height int
	Boxes         []box
	// Found has an entry for each box, or one for the whole picture.
	Found []alikeRow
}

// marksShown is how many marks of a collection are shown of each box.
const marksShown = 12

// marks draws the result document of watermarks.
func (w *work) marks(v *result) error {
	var file struct {
		Detection *struct {
			Boxes  [][4]float64 `json:"boxes"`
			Scores []float64    `json:"scores"`
		} `json:"detection"`
		Matches [][]struct {
			Similarity  float64 `json:"similarity"`
			SourceIndex int     `json:"source_index"`
		} `json:"matches"`
	}
	if err := json.Unmarshal(w.output, &file); err != nil {
		return fault.New(fault.Invalid, "the result cannot be read: %w", err)
	}
	data, err := w.service.Upload(w.request.Context(), w.task)
	if err != nil {
		return err
	}
	size, err := w.cfg.Gate.Inspect(data)
	if err != nil {
		return err
	}
	out := &marks{Picture: shown{Name: w.task.ID, Address: taskHref(w.task.ID) + "/upload"}, Width: size.Width, Height: size.Height}
	if file.Detection != nil {
		for i, b := range file.Detection.Boxes[:min(len(file.Detection.Boxes), maxBoxes)] {
			width, height := float64(size.Width), float64(size.Height)
			one := box{N: i + 1, X: int(b[0] * width), Y: int(b[1] * height), W: int((b[2] - b[0]) * width), H: int((b[3] - b[1]) * height)}
			if i < len(file.Detection.Scores) {
				one.Confidence = file.Detection.Scores[i]
			}
			out.Boxes = append(out.Boxes, one)
		}
	}
	if len(file.Matches) > 0 {
		collection, err := w.collection()
		if err != nil {
			return err
		}
		for i, list := range file.Matches {
			row := alikeRow{Picture: out.Picture}
			if i < len(out.Boxes) {
				row.Picture = out.Picture.part(file.Detection.Boxes[i])
			}
			for _, m := range list[:min(len(list), marksShown)] {
				if m.SourceIndex >= 0 && m.SourceIndex < len(collection) {
					row.Matches = append(row.Matches, match{Picture: collection[m.SourceIndex], Score: m.Similarity})
				}
			}
			out.Found = append(out.Found, row)
		}
	}
	v.Marks = out
	return nil
}

// collection lists the pictures of the collection that was compared with.
func (w *work) collection() ([]shown, error) {
	values, err := w.task.Values()
	if err != nil {
		return nil, err
	}
	uid, _ := values["compare_to"].(string) // checked when the task was started
	content, err := w.service.SourceFile(w.request.Context(), w.app, uid, "index.json")
	if err != nil {
		return nil, err
	}
	data, err := readContent(content)
	if err != nil {
		return nil, err
	}
	var listed struct {
		Images []struct{ Name, Source string }
	}
	if err := json.Unmarshal(data, &listed); err != nil {
		return nil, fault.New(fault.Invalid, "the collection %s cannot be read: %w", uid, err)
	}
	out := make([]shown, len(listed.Images))
	for i, one := range listed.Images {
		out[i] = shown{
			Name:    path.Join(one.Source, one.Name),
			Address: sourceHref(w.app, uid) + "/" + escapePath(path.Join(one.Source, one.Name)),
		}
	}
	return out, nil
}

func sourceHref(app *demos.App, uid string) string {
	return root + "/sources/" + url.PathEscape(app.Name) + "/" + url.PathEscape(uid)
}

// part is a part of the picture, by corners in shares of its sides.
func (s shown) part(corners [4]float64) shown {
	s.Address = ui.WithQuery(s.Address, "crop", fmt.Sprintf("%.4f,%.4f,%.4f,%.4f", corners[0], corners[1], corners[2], corners[3]))
	return s
}
