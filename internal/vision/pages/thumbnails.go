package pages

import (
	"context"
	"net/http"
	"strconv"

	"granary/internal/console/thumbnail"
)

// thumb serves a picture at the size shown. The service is asked first, so
// that the cache never answers somebody who may not look.
func (p *pages) thumb(w http.ResponseWriter, r *http.Request) error {
	size, err := thumbnail.Size(r)
	if err != nil {
		return err
	}
	picture, _, err := p.service.Picture(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if thumbnail.Unchanged(w, r, picture.SHA256, thumbnail.Forever) {
		return nil
	}
	data, err := p.thumbs.Get(r.Context(), picture.ID+"/"+strconv.Itoa(size), p.shrink(picture.ID, size))
	if err != nil {
		return err
	}
	thumbnail.Serve(w, r, "image/jpeg", data)
	return nil
}

// view serves the picture's own file where browsers show its format, and a
// JPEG in its place where they do not.
func (p *pages) view(w http.ResponseWriter, r *http.Request) error {
	picture, _, err := p.service.Picture(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if thumbnail.Unchanged(w, r, picture.SHA256, thumbnail.Forever) {
		return nil
	}
	switch picture.MediaType {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp":
		_, data, err := p.service.PictureBytes(r.Context(), picture.ID)
		if err != nil {
			return err
		}
		thumbnail.Serve(w, r, picture.MediaType, data)
		return nil
	}
	data, err := p.thumbs.Get(r.Context(), picture.ID, p.shrink(picture.ID, thumbnail.View))
	if err != nil {
		return err
	}
	thumbnail.Serve(w, r, "image/jpeg", data)
	return nil
}

// shrink makes a picture with that longer side.
func (p *pages) shrink(id string, size int) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		_, data, err := p.service.PictureBytes(ctx, id)
		if err != nil {
			return nil, err
		}
		picture, err := p.gate.Open(data)
		if err != nil {
			return nil, err
		}
		return picture.Thumbnail(size)
	}
}
