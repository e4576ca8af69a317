package pages

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/vision"
)

// errStale refuses a judgement on an answer that is not the newest any more.
var errStale = fault.New(fault.Conflict, "the picture was classified again meanwhile")

// judge takes one act on one box and answers the picture's new state: the
// marks and the list for a script, the page again for a form.
//
//	act=confirm  box                    the best guess is right
//	seed=ID      box                    this guess is right
//	act=correct  box name               it is something else
//	act=reject   box                    no seed at all
//	act=move     box x y w h            the box lies elsewhere
//	act=draw     name x y w h           a box that was missed
//	act=reopen   box                    judge it again
//	act=undo                            take my latest act back
func (p *pages) judge(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "the form cannot be read: %w", err)
	}
	picture, set, err := p.service.Picture(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	inference, err := p.act(r.Context(), picture.ID, r.PathValue("inference"), r)
	if err != nil {
		return err
	}
	if !ui.Partial(r) {
		ui.Redirect(w, r, pictureHref(picture.ID), "")
		return nil
	}
	rights, err := p.service.Rights(r.Context(), set)
	if err != nil {
		return err
	}
	v := pictureView{ID: picture.ID, CanReview: rights.Review, CanManage: rights.Manage}
	v.answer(&inference)
	if err := p.record(r.Context(), &v, &inference); err != nil {
		return err
	}
	p.kit.Fragment(w, r, "vision/picture", "state", v)
	return nil
}

func (p *pages) act(ctx context.Context, pictureID, inferenceID string, r *http.Request) (vision.Inference, error) {
	form := r.PostForm
	box, name := form.Get("box"), strings.TrimSpace(form.Get("name"))
	switch act := form.Get("act"); {
	case form.Get("seed") != "":
		return p.correct(ctx, pictureID, inferenceID, vision.Correction{BoxID: box, SeedID: form.Get("seed")})
	case act == "confirm":
		return p.service.Confirm(ctx, inferenceID, []string{box})
	case act == "correct" && name != "":
		return p.correct(ctx, pictureID, inferenceID, vision.Correction{BoxID: box, SeedName: name})
	case act == "reject":
		return p.correct(ctx, pictureID, inferenceID, vision.Correction{BoxID: box})
	case act == "move":
		rect, err := formRect(r)
		if err != nil {
			return vision.Inference{}, err
		}
		return p.service.MoveBox(ctx, inferenceID, box, rect)
	case act == "draw" && name != "":
		rect, err := formRect(r)
		if err != nil {
			return vision.Inference{}, err
		}
		return p.service.DrawBox(ctx, inferenceID, name, rect)
	case act == "reopen":
		return p.service.ReopenBox(ctx, inferenceID, box)
	case act == "undo":
		return p.service.Undo(ctx, inferenceID)
	default:
		return vision.Inference{}, fault.New(fault.Invalid, "unknown act %q, or a name is missing", act)
	}
}

// correct judges a box where it lies: the service wants the rectangle with
// every judgement.
func (p *pages) correct(ctx context.Context, pictureID, inferenceID string, c vision.Correction) (vision.Inference, error) {
	latest, err := p.service.LatestInference(ctx, pictureID)
	if err != nil {
		return vision.Inference{}, err
	}
	if latest.ID != inferenceID {
		return vision.Inference{}, errStale
	}
	for i := range latest.Boxes {
		if latest.Boxes[i].ID == c.BoxID {
			c.Rect = latest.Boxes[i].Rect()
			return p.service.Correct(ctx, inferenceID, []vision.Correction{c})
		}
	}
	return vision.Inference{}, vision.ErrNoBox
}

func formRect(r *http.Request) (vision.Rect, error) {
	var v [4]float64
	for i, field := range [...]string{"x", "y", "w", "h"} {
		number, err := strconv.ParseFloat(r.PostForm.Get(field), 64)
		if err != nil {
			return vision.Rect{}, fault.New(fault.Invalid, "%s is not a number", field)
		}
		v[i] = number
	}
	return vision.Rect{TopX: v[0], TopY: v[1], BottomX: v[0] + v[2], BottomY: v[1] + v[3]}, nil
}
