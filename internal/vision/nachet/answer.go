package nachet

import (
	"encoding/json"

	"granary/internal/vision"
)

// inferenceAnswer is the body of /inf and of both feedback routes. Fields
// stand in the order of their keys, as the original sorts them.
type inferenceAnswer struct {
	Boxes           []boxAnswer        `json:"boxes"`
	FileName        string             `json:"filename"`
	ImageID         string             `json:"imageId"`
	InferenceID     string             `json:"inference_id"`
	LabelOccurrence map[string]int     `json:"labelOccurrence"`
	Models          []vision.ModelName `json:"models"`
	PictureID       string             `json:"picture_id"`
	PipelineID      string             `json:"pipeline_id"`
	TotalBoxes      int                `json:"totalBoxes"`
}

type boxAnswer struct {
	Box                rectAnswer      `json:"box"`
	BoxID              string          `json:"box_id"`
	Colour             json.RawMessage `json:"color"`
	Verified           bool            `json:"is_verified"`
	Label              string          `json:"label"`
	ObjectTypeID       int             `json:"object_type_id"`
	Overlapping        bool            `json:"overlapping"`
	OverlappingIndices json.RawMessage `json:"overlappingIndices"`
	Score              float64         `json:"score"`
	TopN               []guessAnswer   `json:"topN"`
	TopID              string          `json:"top_id"`
}

type rectAnswer struct {
	BottomX float64 `json:"bottomX"`
	BottomY float64 `json:"bottomY"`
	TopX    float64 `json:"topX"`
	TopY    float64 `json:"topY"`
}

type guessAnswer struct {
	Label    string  `json:"label"`
	ObjectID string  `json:"object_id"`
	Score    float64 `json:"score"`
}

// seedObject is the original's only object type.
const seedObject = 1

// rebuilt translates an inference. Rejected boxes are left out, so that they
// disappear from the picture; the order is that of the first answer.
func rebuilt(inference *vision.Inference) inferenceAnswer {
	answer := inferenceAnswer{
		Boxes: []boxAnswer{}, FileName: inference.FileName, ImageID: inference.PictureID,
		InferenceID: inference.ID, LabelOccurrence: map[string]int{}, Models: inference.Models,
		PictureID: inference.PictureID, PipelineID: inference.PipelineID,
	}
	for i := range inference.Boxes {
		box := &inference.Boxes[i]
		if box.Rejected {
			continue
		}
		one := boxAnswer{
			Box:   rectAnswer{BottomX: box.BottomX, BottomY: box.BottomY, TopX: box.TopX, TopY: box.TopY},
			BoxID: box.ID, Colour: json.RawMessage(box.Colour), Verified: box.Verified(),
			Label: box.Label, ObjectTypeID: seedObject,
			Overlapping: box.Overlapping, OverlappingIndices: json.RawMessage(box.OverlappingIndices),
			Score: box.Score, TopN: []guessAnswer{},
		}
		if current, ok := box.Current(); ok {
			one.Label, one.TopID = current.Label, current.ID
			if box.Verified() {
				one.Score = 1
			}
		}
		for _, g := range box.Guesses {
			one.TopN = append(one.TopN, guessAnswer{Label: g.Label, ObjectID: g.ID, Score: g.Score})
		}
		answer.LabelOccurrence[one.Label]++
		answer.Boxes = append(answer.Boxes, one)
	}
	answer.TotalBoxes = len(answer.Boxes)
	return answer
}
