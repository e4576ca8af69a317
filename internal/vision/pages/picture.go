package pages

import (
	"net/http"
	"net/url"
	"time"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/vision"
)

// guessKeys is how many guesses can be picked with a digit key.
const guessKeys = 5

type pictureView struct {
	ID, Name                string
	PixelWidth, PixelHeight int
	Bytes                   int64
	UploadedAt              time.Time
	// Width and Height are the picture's size as its boxes count it.
	Width, Height  float64
	Previous, Next string

	Inferred  bool
	JudgeHref string
	Pipeline  string
	Models    []vision.ModelName
	AskedAt   time.Time
	Boxes     []boxView
	Reviewed  int
	// Answers are all that was said of the picture, newest first. Earlier says
	// that the shown one is not the newest: it is there to read.
	Answers []answerView
	Earlier bool
	Record  []judgementView

	CanReview, CanManage, CanUndo bool

	Seeds     []vision.Seed
	Pipelines []pipelineChoice
}

// boxView is one box as the stage and the list show it; lengths as the
// inference counts them.
type boxView struct {
	ID         string
	N          int // from 1, in the order of the first answer
	Label      string
	Score      float64
	State      string // waiting, confirmed, corrected or rejected
	X, Y, W, H float64
	Manual     bool
	Reviewed   bool
	ReviewedAt time.Time
	Guesses    []guessView
}

type guessView struct {
	SeedID, Label string
	Score         float64
	Key           int // the digit that picks it, 0 for none
}

func (p *pages) picture(w http.ResponseWriter, r *http.Request) error {
	ctx, l := r.Context(), p.kit.Locale(r)
	picture, set, err := p.service.Picture(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	v := pictureView{
		ID: picture.ID, Name: pictureName(&picture), PixelWidth: picture.Width, PixelHeight: picture.Height,
		Width: float64(picture.Width), Height: float64(picture.Height), Bytes: picture.SizeBytes, UploadedAt: picture.UploadedAt,
	}
	rights, err := p.service.Rights(ctx, set)
	if err != nil {
		return err
	}
	v.CanReview, v.CanManage = rights.Review, rights.Manage
	if err := p.answers(r, &v); err != nil {
		return err
	}
	lines, err := p.lines(r, set)
	if err != nil {
		return err
	}
	v.Previous, v.Next = neighbours(lines, picture.ID)
	if v.Seeds, err = p.service.Seeds(ctx); err != nil {
		return err
	}
	if v.Pipelines, err = p.choices(r); err != nil {
		return err
	}
	p.kit.Render(w, r, ui.Page{
		Name: "vision/picture", Title: v.Name, Active: "folders", Wide: true, Scripts: []string{"vision/review.js"},
		Crumbs: []ui.Crumb{{Text: l.T("folders.title"), Href: root}, {Text: folderName(set), Href: folderHref(set.ID)}, {Text: v.Name}},
		Data:   v,
	})
	return nil
}

// neighbours returns the pictures before and after one, in folder order.
func neighbours(lines []vision.PictureLine, id string) (previous, next string) {
	for i, line := range lines {
		if line.ID != id {
			continue
		}
		if i > 0 {
			previous = lines[i-1].ID
		}
		if i < len(lines)-1 {
			next = lines[i+1].ID
		}
	}
	return previous, next
}

// answer fills in what a pipeline said and experts made of it.
func (v *pictureView) answer(inference *vision.Inference) {
	v.Inferred = true
	v.Pipeline, v.Models, v.AskedAt = inference.PipelineName, inference.Models, inference.CreatedAt
	v.JudgeHref = pictureHref(inference.PictureID) + "/judge/" + url.PathEscape(inference.ID)
	if inference.Width > 0 && inference.Height > 0 {
		v.Width, v.Height = inference.Width, inference.Height
	}
	for i := range inference.Boxes {
		box := newBoxView(&inference.Boxes[i], i+1)
		if box.Reviewed {
			v.Reviewed++
		}
		v.Boxes = append(v.Boxes, box)
	}
	v.CanUndo = v.Reviewed > 0
}

func newBoxView(b *vision.Box, n int) boxView {
	rect := b.Rect()
	v := boxView{
		ID: b.ID, N: n, Label: b.Label, Score: b.Score, State: "waiting", Manual: b.Manual,
		X: rect.TopX, Y: rect.TopY, W: rect.BottomX - rect.TopX, H: rect.BottomY - rect.TopY,
		Reviewed: b.Reviewed(), ReviewedAt: b.ReviewedAt,
	}
	if current, ok := b.Current(); ok {
		v.Label = current.Label
	}
	switch {
	case b.Rejected:
		v.State = "rejected"
	case b.Verified() && b.VerifiedGuessID == b.TopGuessID:
		v.State = "confirmed"
	case b.Verified():
		v.State = "corrected"
	}
	for i, g := range b.Guesses {
		guess := guessView{SeedID: g.SeedID, Label: g.Label, Score: g.Score}
		if i < guessKeys {
			guess.Key = i + 1
		}
		v.Guesses = append(v.Guesses, guess)
	}
	return v
}

func (p *pages) classify(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "the form cannot be read: %w", err)
	}
	id := r.PathValue("id")
	if _, err := p.service.ClassifyPicture(r.Context(), id, r.PostForm.Get("pipeline")); err != nil {
		return err
	}
	ui.Redirect(w, r, pictureHref(id), "")
	return nil
}

func (p *pages) deletePicture(w http.ResponseWriter, r *http.Request) error {
	picture, _, err := p.service.Picture(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := p.service.DeletePicture(r.Context(), picture.ID); err != nil {
		return err
	}
	ui.Redirect(w, r, folderHref(picture.SetID), "")
	return nil
}
