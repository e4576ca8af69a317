package pages

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"slices"

	"granary/internal/console/ui"
	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/platform/web"
	"granary/internal/vision"
)

// maxField bounds a text field of an upload.
const maxField = 4 << 10

// maxBytes is the largest picture file that is accepted.
func (p *pages) maxBytes() int64 {
	if p.gate.MaxBytes > 0 {
		return p.gate.MaxBytes
	}
	return raster.DefaultMaxBytes
}

// uploaded is the answer to the script, one picture a request.
type uploaded struct {
	PictureID string `json:"picture_id"`
	Href      string `json:"href"`
	// Boxes is how many objects were found; absent when nothing was asked.
	Boxes *int `json:"boxes,omitempty"`
	// Problem says why the stored picture could not be classified.
	Problem string `json:"problem,omitempty"`
}

// upload stores the files of a form one by one, as they arrive, so that only
// one picture is in memory; each one that was stored stays stored when a later
// one fails. With classify set, each goes through the chosen pipeline.
func (p *pages) upload(w http.ResponseWriter, r *http.Request) error {
	set, err := p.service.Set(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	reader, err := r.MultipartReader()
	if err != nil {
		return fault.New(fault.Invalid, "the form carries no files: %w", err)
	}
	var pipeline string
	var classify bool
	var results []uploaded
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(err)
		}
		switch name := part.FormName(); {
		case name == "file" && part.FileName() != "":
			result, err := p.take(r, set, part, pipeline, classify)
			if err != nil && len(results) > 0 {
				return ui.Kept(err, "upload.kept", len(results))
			}
			if err != nil {
				return err
			}
			results = append(results, result)
		case name == "pipeline" || name == "classify":
			value, err := io.ReadAll(io.LimitReader(part, maxField))
			if err != nil {
				return unreadable(err)
			}
			if name == "pipeline" {
				pipeline = string(value)
			} else {
				classify = len(value) > 0
			}
		}
	}
	if len(results) == 0 {
		return fault.New(fault.Invalid, "choose at least one picture")
	}
	if r.Header.Get("Accept") == "application/json" {
		web.WriteJSON(w, http.StatusOK, results[0])
		return nil
	}
	unnamed := slices.ContainsFunc(results, func(u uploaded) bool { return u.Problem != "" })
	switch {
	case unnamed:
		ui.Redirect(w, r, folderHref(set.ID), "upload.unnamed")
	case len(results) == 1 && classify:
		ui.Redirect(w, r, results[0].Href, "")
	default:
		ui.Redirect(w, r, folderHref(set.ID), "upload.stored")
	}
	return nil
}

// unreadable keeps the kind of a body that was too large or too slow.
func unreadable(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fault.New(fault.TooLarge, "the upload is larger than %d MiB; send fewer pictures at a time", tooLarge.Limit>>20)
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	return fault.New(fault.Invalid, "the upload cannot be read: %w", err)
}

func (p *pages) take(r *http.Request, set vision.PictureSet, part *multipart.Part, pipeline string, classify bool) (uploaded, error) {
	data, err := io.ReadAll(io.LimitReader(part, p.maxBytes()+1))
	if err != nil {
		return uploaded{}, unreadable(err)
	}
	if int64(len(data)) > p.maxBytes() {
		return uploaded{}, fault.New(fault.TooLarge, "%s is larger than %d MiB", part.FileName(), p.maxBytes()>>20)
	}
	picture, err := p.service.UploadPicture(r.Context(), set.ID, part.FileName(), data)
	if err != nil {
		return uploaded{}, err
	}
	result := uploaded{PictureID: picture.ID, Href: pictureHref(picture.ID)}
	if !classify {
		return result, nil
	}
	inference, err := p.service.ClassifyPicture(r.Context(), picture.ID, pipeline)
	if err != nil {
		// The picture is stored and stays so: saying that the upload failed
		// would make people send it twice.
		web.LogError(r.Context(), err)
		result.Problem = p.kit.Explain(p.kit.Locale(r), err).Line()
		return result, nil
	}
	count := len(inference.Boxes)
	result.Boxes = &count
	return result, nil
}
