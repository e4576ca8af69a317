package acceptance

import (
	"testing"

	"granary/test/harness"
)

// visitor is somebody who uses the front end.
type visitor struct {
	w     *world
	page  *harness.Client
	id    string
	email string
}

// fields is a JSON object.
type fields = map[string]any

// folder is one entry of /get-directories, with both spellings that clients
// read.
type folder struct {
	Name     string `json:"folder_name"`
	Count    int    `json:"nb_pictures"`
	ID       string `json:"picture_set_id"`
	Pictures []struct {
		ID         string `json:"picture_id"`
		Inferred   bool   `json:"inference_exist"`
		Inferred2  bool   `json:"inference_exists"`
		Validated  bool   `json:"is_validated"`
		Validated2 bool   `json:"is_validation"`
	} `json:"pictures"`
}

func (v *visitor) folders(t *testing.T) []folder {
	t.Helper()
	var list struct {
		Folders []folder `json:"folders"`
	}
	v.page.Post(t, "/get-directories", fields{"container_name": v.id}).OK(t, &list)
	for _, f := range list.Folders {
		if f.Count != len(f.Pictures) {
			t.Errorf("folder %s: nb_pictures = %d, want %d, the length of pictures", f.Name, f.Count, len(f.Pictures))
		}
		for _, p := range f.Pictures {
			if p.Inferred != p.Inferred2 || p.Validated != p.Validated2 {
				t.Errorf("picture %s: the two spellings differ: %+v", p.ID, p)
			}
		}
	}
	return list.Folders
}

// folder returns the folder with the name or id.
func (v *visitor) folder(t *testing.T, ref string) folder {
	t.Helper()
	for _, f := range v.folders(t) {
		if f.Name == ref || f.ID == ref {
			return f
		}
	}
	t.Fatalf("there is no folder %s", ref)
	return folder{}
}

// create adds a folder and returns its id.
func (v *visitor) create(t *testing.T, name string) string {
	t.Helper()
	var ids []string
	v.page.Post(t, "/create-dir", fields{"container_name": v.id, "folder_name": name}).OK(t, &ids)
	if len(ids) != 1 {
		t.Fatalf("/create-dir = %v, want one id", ids)
	}
	return ids[0]
}

// box is one box of an inference.
type box struct {
	Box struct {
		TopX    float64 `json:"topX"`
		TopY    float64 `json:"topY"`
		BottomX float64 `json:"bottomX"`
		BottomY float64 `json:"bottomY"`
	} `json:"box"`
	ID         string  `json:"box_id"`
	Color      any     `json:"color"`
	Verified   bool    `json:"is_verified"`
	Label      string  `json:"label"`
	ObjectType int     `json:"object_type_id"`
	Overlap    bool    `json:"overlapping"`
	Overlaps   []int   `json:"overlappingIndices"`
	Score      float64 `json:"score"`
	TopID      string  `json:"top_id"`
	TopN       []guess `json:"topN"`
}

type guess struct {
	Label string  `json:"label"`
	ID    string  `json:"object_id"`
	Score float64 `json:"score"`
}

// inference is the answer of /inf and of both feedback routes.
type inference struct {
	Boxes      []box          `json:"boxes"`
	FileName   string         `json:"filename"`
	ID         string         `json:"inference_id"`
	ImageID    string         `json:"imageId"`
	PictureID  string         `json:"picture_id"`
	PipelineID string         `json:"pipeline_id"`
	Occurrence map[string]int `json:"labelOccurrence"`
	Total      int            `json:"totalBoxes"`
	Models     []struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"models"`
}

// request returns the body of /inf as the front end sends it.
func (v *visitor) request(target, pipeline, dataURL string) fields {
	return fields{
		"model_name": pipeline, "validator": "", "folder_name": target, "container_name": v.id, "user_id": v.id,
		"imageDims": []int{320, 240}, "image": dataURL,
	}
}

// classify sends a fresh PNG and returns what was found.
func (v *visitor) classify(t *testing.T, target string) inference {
	t.Helper()
	var found inference
	v.page.Post(t, "/inf", v.request(target, swin, harness.DataURL("image/png", v.w.drawer.PNG(t)))).OK(t, &found)
	return found
}

// positive confirms boxes.
func (v *visitor) positive(t *testing.T, id string, boxIDs ...string) harness.Answer {
	t.Helper()
	boxes := make([]fields, len(boxIDs))
	for i, b := range boxIDs {
		boxes[i] = fields{"boxId": b}
	}
	return v.page.Post(t, "/feedback-positive", fields{"userId": v.id, "inferenceId": id, "boxes": boxes})
}

// negative judges boxes.
func (v *visitor) negative(t *testing.T, id string, boxes ...fields) harness.Answer {
	t.Helper()
	if boxes == nil {
		boxes = []fields{}
	}
	return v.page.Post(t, "/feedback-negative", fields{"userId": v.id, "inferenceId": id, "boxes": boxes})
}

// rect is a box's corners as the front end sends them.
func rect(topX, topY, bottomX, bottomY float64) fields {
	return fields{"topX": topX, "topY": topY, "bottomX": bottomX, "bottomY": bottomY}
}

// corners returns the box's own corners.
func (b box) corners() fields { return rect(b.Box.TopX, b.Box.TopY, b.Box.BottomX, b.Box.BottomY) }

// judged is the entry of /feedback-negative for a box.
func (b box) judged(classID, label string) fields {
	return fields{"boxId": b.ID, "classId": classID, "label": label, "box": b.corners(), "comment": "Wrong Seed"}
}
