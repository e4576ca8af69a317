package pages

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image/png"
	"net/http"

	"granary/internal/console/ui"
	"granary/internal/vision"
	"granary/internal/vision/synth"
)

// sampleName is what the sample picture is called in the visitor's folder.
const sampleName = "granary-sample.png"

// drawSample renders the picture that a first visitor tries things on. It is
// the same file at every call.
func drawSample() ([]byte, error) {
	scene := synth.Render(synth.Scene{
		Width: 1000, Height: 700, Count: 14, Shadow: 0.2, Gradient: 0.05, Noise: 1, Seed: 1842,
		Species: synth.Pick("Brassica napus", "Avena fatua", "Lolium temulentum", "Ambrosia trifida"),
	})
	var file bytes.Buffer
	if err := png.Encode(&file, scene.Image); err != nil {
		return nil, fmt.Errorf("write the sample picture: %w", err)
	}
	return file.Bytes(), nil
}

// sample puts the sample picture into the visitor's own folder, asks the
// default pipeline about it and opens it. A second call opens the same one.
func (p *pages) sample(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	set, err := p.service.DefaultSet(ctx)
	if err != nil {
		return err
	}
	data, err := drawSample()
	if err != nil {
		return err
	}
	picture, err := p.sampleIn(r, set, data)
	if err != nil {
		return err
	}
	if picture.ID == "" {
		if picture, err = p.service.UploadPicture(ctx, set.ID, sampleName, data); err != nil {
			return err
		}
		choices, err := p.choices(r)
		if err != nil {
			return ui.Kept(err, "sample.kept")
		}
		for _, choice := range choices {
			if !choice.Default {
				continue
			}
			if _, err := p.service.ClassifyPicture(ctx, picture.ID, choice.Name); err != nil {
				return ui.Kept(err, "sample.kept")
			}
		}
	}
	ui.Redirect(w, r, pictureHref(picture.ID), "")
	return nil
}

// sampleIn finds the sample among the first pictures of a folder: it is what
// people start with.
func (p *pages) sampleIn(r *http.Request, set vision.PictureSet, data []byte) (vision.Picture, error) {
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	pictures, err := p.service.SetPictures(r.Context(), set.ID, "", folderPage)
	if err != nil {
		return vision.Picture{}, err
	}
	for i := range pictures {
		if pictures[i].SHA256 == digest {
			return pictures[i], nil
		}
	}
	return vision.Picture{}, nil
}
