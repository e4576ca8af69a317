package nachet

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"granary/internal/platform/fault"
	"granary/internal/platform/raster"
	"granary/internal/vision"
)

// Validation holds the rules of /image-validation (specification section 5).
type Validation = raster.Rules

type pictureArgs struct {
	User    string `json:"container_name"`
	Picture string `json:"picture_id"`
}

type pictureAnswer struct {
	Image     string           `json:"image"`
	Inference *inferenceAnswer `json:"inference"`
	PictureID string           `json:"picture_id"`
}

func (d *Door) getPicture(ctx context.Context, in *request) (any, error) {
	var args pictureArgs
	if err := in.decode(&args); err != nil {
		return nil, err
	}
	if args.User == "" || args.Picture == "" {
		return nil, apiError("Missing container name")
	}
	ctx, err := d.as(ctx, args.User)
	if err != nil {
		return nil, err
	}
	picture, data, err := d.vision.PictureBytes(ctx, args.Picture)
	switch {
	case errors.Is(err, vision.ErrNoUser):
		return nil, storeError(err, userUnknown(args.User))
	case errors.Is(err, vision.ErrNoPicture):
		return nil, storeError(err, "Picture not found based on the given id: "+args.Picture)
	case fault.Is(err, fault.Forbidden):
		return nil, storeError(err, notOwner(args.User, args.Picture))
	case err != nil:
		return nil, err
	}
	answer := pictureAnswer{
		PictureID: picture.ID,
		Image:     "data:" + picture.MediaType + ";base64," + base64.StdEncoding.EncodeToString(data),
	}
	inference, err := d.vision.LatestInference(ctx, picture.ID)
	switch {
	case errors.Is(err, vision.ErrNoInference):
	case err != nil:
		return nil, err
	default:
		rebuilt := rebuilt(&inference)
		answer.Inference = &rebuilt
	}
	return answer, nil
}

type imageArgs struct {
	Image hoisted `json:"image"`
}

func (d *Door) validateImage(ctx context.Context, in *request) (any, error) {
	var args imageArgs
	if err := in.decode(&args, &args.Image); err != nil {
		return nil, err
	}
	if len(args.Image.text) == 0 {
		return nil, apiError("Missing image")
	}
	sum, err := d.cfg.Validation.Validate(args.Image.text)
	var broken *raster.RuleError
	switch {
	case errors.As(err, &broken):
		return nil, apiError(broken.Error())
	case fault.Of(err) == fault.Invalid || fault.Of(err) == fault.TooLarge:
		return nil, &wireError{unhandled, fault.Message(err), err}
	case err != nil:
		return nil, err
	}
	if err := d.vision.RememberValidation(ctx, sum); err != nil {
		return nil, fmt.Errorf("remember validation: %w", err)
	}
	return []string{sum}, nil
}
