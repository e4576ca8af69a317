package api

import (
	"context"

	"granary/internal/platform/identity"
	"granary/internal/vision"
)

// Set is a picture set with a line for each picture.
type Set struct {
	vision.PictureSet
	Pictures []PictureLine `json:"pictures"`
}

// PictureLine says where a picture stands.
type PictureLine struct {
	ID        string `json:"id"`
	Inferred  bool   `json:"inferred" doc:"A model has answered"`
	Validated bool   `json:"validated" doc:"An expert has reviewed every box, or it came labelled"`
}

func (a *api) sets(ctx context.Context, _ *struct{}) (*body[[]Set], error) {
	caller, err := identity.Require(ctx)
	if err != nil {
		return nil, err
	}
	listings, err := a.vision.Listings(ctx, caller.UserID)
	sets := make([]Set, len(listings))
	for i, l := range listings {
		sets[i] = Set{PictureSet: l.PictureSet, Pictures: make([]PictureLine, len(l.Pictures))}
		for j, p := range l.Pictures {
			sets[i].Pictures[j] = PictureLine(p)
		}
	}
	return wrap(sets, err)
}
