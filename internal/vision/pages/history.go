package pages

import (
	"context"
	"net/http"
	"slices"
	"time"

	"granary/internal/vision"
)

// maxRecord is how many judgements a picture's page shows, the newest.
const maxRecord = 100

// answerView is one answer of a pipeline in the picture's selector.
type answerView struct {
	ID, Pipeline  string
	At            time.Time
	Shown, Newest bool
}

// judgementView is a line of the record of judgements. N is the box's number
// in the list, 0 when it is not there any more.
type judgementView struct {
	N           int
	Action, Who string
	Undone      bool
	At          time.Time
}

// answers fills in what was said of the picture: the answer that the address
// names, else the newest one.
func (p *pages) answers(r *http.Request, v *pictureView) error {
	ctx := r.Context()
	all, err := p.service.PictureInferences(ctx, v.ID)
	if err != nil || len(all) == 0 {
		return err
	}
	wanted := r.URL.Query().Get("inference")
	at := slices.IndexFunc(all, func(i vision.Inference) bool { return i.ID == wanted })
	switch {
	case wanted == "":
		at = 0
	case at < 0:
		return vision.ErrNoInference
	}
	inference, err := p.service.Inference(ctx, all[at].ID)
	if err != nil {
		return err
	}
	for i := range all {
		v.Answers = append(v.Answers, answerView{
			ID: all[i].ID, Pipeline: all[i].PipelineName, At: all[i].CreatedAt, Shown: i == at, Newest: i == 0,
		})
	}
	v.answer(&inference)
	if at > 0 {
		// Only the newest answer is judged: two that were both reviewed would
		// disagree on what the picture shows.
		v.Earlier, v.CanReview, v.JudgeHref = true, false, ""
	}
	return p.record(ctx, v, &inference)
}

// record fills in who judged the boxes.
func (p *pages) record(ctx context.Context, v *pictureView, inference *vision.Inference) error {
	judgements, err := p.service.Judgements(ctx, inference.ID)
	if err != nil {
		return err
	}
	numbers := map[string]int{}
	for i := range inference.Boxes {
		numbers[inference.Boxes[i].ID] = i + 1
	}
	for _, j := range judgements[:min(len(judgements), maxRecord)] {
		v.Record = append(v.Record, judgementView{N: numbers[j.BoxID], Action: j.Action, Who: j.Who, Undone: j.Undone, At: j.At})
	}
	return nil
}
