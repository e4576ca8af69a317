package pages

import (
	"fmt"
	"path"
	"strings"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// drawing is a picture and what was traced on it.
type drawing struct {
	Picture shown
	// Drawn is the address of the SVG file.
	Drawn, Name string
}

// drawingRows is how many drawings one part of a page shows.
const drawingRows = 20

// drawings pairs the traced files with the pictures that they were traced on.
func (w *work) drawings(v *result) error {
	published := map[string]string{} // file names by document and stem
	for _, file := range w.files {
		if path.Ext(file.Path) == ".svg" {
			published[path.Base(path.Dir(file.Path))+"/"+strings.TrimSuffix(path.Base(file.Path), ".svg")] = file.Path
		}
	}
	var all []drawing
	for _, d := range w.documents {
		images, err := w.images(d.Type, d.UID)
		if err != nil {
			return err
		}
		for i, stem := range stems(images) {
			if file, ok := published[d.UID+"/"+stem]; ok {
				all = append(all, drawing{
					Picture: w.shown(d.Type, d.UID, images[i]), Drawn: fileHref(w.task.ID, file), Name: path.Base(file),
				})
			}
		}
	}
	if len(all) == 0 {
		return fault.New(fault.NotFound, "the drawings are not there any more")
	}
	from, to := v.part(w.request, len(all), drawingRows)
	v.Drawings = all[from:to]
	return nil
}

// stems are the names of the drawings of a document's pictures: pictures of
// different folders may share one, so the later ones are numbered.
func stems(images []dataset.Image) []string {
	out := make([]string, len(images))
	taken := map[string]bool{}
	for i, picture := range images {
		base := path.Base(picture.Path)
		stem := strings.TrimSuffix(base, path.Ext(base))
		free := stem
		for n := 2; taken[free]; n++ {
			free = fmt.Sprintf("%s-%d", stem, n)
		}
		taken[free] = true
		out[i] = free
	}
	return out
}
