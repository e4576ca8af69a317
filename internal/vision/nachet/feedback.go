package nachet

import (
	"context"
	"encoding/json"
	"errors"

	"granary/internal/platform/fault"
	"granary/internal/vision"
)

// feedbackArgs keeps what is absent apart from what is empty, because the
// two have texts of their own.
type feedbackArgs struct {
	User      *string             `json:"userId"`
	Inference *string             `json:"inferenceId"`
	Boxes     *[]*json.RawMessage `json:"boxes"`
}

type positiveBox struct {
	ID *string `json:"boxId"`
}

type negativeBox struct {
	ID      *string      `json:"boxId"`
	Label   *string      `json:"label"`
	Class   *string      `json:"classId"`
	Box     *vision.Rect `json:"box"`
	Comment string       `json:"comment"`
}

func (d *Door) feedbackPositive(ctx context.Context, in *request) (any, error) {
	args, err := decodeFeedback(in)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(*args.Boxes))
	for i, raw := range *args.Boxes {
		var box positiveBox
		if err := decodeBox(raw, &box); err != nil {
			return nil, err
		}
		if box.ID == nil {
			return nil, apiError("missing request arguments: boxId is missing in boxes")
		}
		ids[i] = *box.ID
	}
	if *args.User == "" || *args.Inference == "" || len(ids) == 0 {
		return nil, apiError("missing argument(s)")
	}
	for _, id := range ids {
		if id == "" {
			return nil, apiError("missing argument(s)")
		}
	}
	ctx, err = d.as(ctx, *args.User)
	if err != nil {
		return nil, err
	}
	inference, err := d.vision.Confirm(ctx, *args.Inference, ids)
	if err != nil {
		return nil, positiveDetail(err, args)
	}
	return rebuilt(&inference), nil
}

func (d *Door) feedbackNegative(ctx context.Context, in *request) (any, error) {
	args, err := decodeFeedback(in)
	if err != nil {
		return nil, err
	}
	corrections := make([]vision.Correction, len(*args.Boxes))
	for i, raw := range *args.Boxes {
		var box negativeBox
		if err := decodeBox(raw, &box); err != nil {
			return nil, err
		}
		if box.ID == nil || box.Label == nil || box.Class == nil || box.Box == nil {
			return nil, apiError("missing request arguments: either boxId, label, box or classId is missing in boxes")
		}
		corrections[i] = vision.Correction{
			BoxID: *box.ID, SeedID: *box.Class, SeedName: *box.Label, Rect: *box.Box, Comment: box.Comment,
		}
	}
	ctx, err = d.as(ctx, *args.User)
	if err != nil {
		return nil, err
	}
	inference, err := d.vision.Correct(ctx, *args.Inference, corrections)
	if err != nil {
		return nil, negativeDetail(err, args)
	}
	return rebuilt(&inference), nil
}

func decodeFeedback(in *request) (feedbackArgs, error) {
	var args feedbackArgs
	if err := in.decode(&args); err != nil {
		return args, err
	}
	if args.User == nil || args.Inference == nil || args.Boxes == nil {
		return args, apiError("missing request arguments: either userId, inferenceId or boxes is missing")
	}
	return args, nil
}

func decodeBox(raw *json.RawMessage, v any) error {
	if raw == nil || json.Unmarshal(*raw, v) != nil {
		return &wireError{unhandled, "a box has the wrong type", fault.New(fault.Invalid, "wrong type")}
	}
	return nil
}

func positiveDetail(err error, args feedbackArgs) error {
	var box *vision.BoxError
	switch {
	case errors.Is(err, vision.ErrNoUser):
		return storeError(err, userUnknown(*args.User))
	case errors.Is(err, vision.ErrNoInference):
		return storeError(err, "Inference not found based on the given id: "+*args.Inference)
	case errors.Is(err, vision.ErrVerified):
		return storeError(err, "Can't add feedback to a verified inference, id: "+*args.Inference)
	case errors.As(err, &box):
		return storeError(err, "Error: could not get inference object for id "+box.BoxID)
	default:
		return ownerDetail(err, *args.User)
	}
}

func negativeDetail(err error, args feedbackArgs) error {
	var box *vision.BoxError
	switch {
	case errors.Is(err, vision.ErrNoUser):
		return storeError(err, "Error: user_id "+*args.User+" not found in the database")
	case errors.Is(err, vision.ErrNoInference):
		return storeError(err, "Inference not found based on the given id: "+*args.Inference)
	case errors.Is(err, vision.ErrVerified):
		return storeError(err, "Error: Inference "+*args.Inference+" is already verified")
	case errors.As(err, &box) && errors.Is(err, vision.ErrBoxVerified):
		return storeError(err, "Error: Object "+box.BoxID+" is already verified")
	case errors.As(err, &box):
		return storeError(err, "Error: could not get inference object for id "+box.BoxID)
	default:
		return ownerDetail(err, *args.User)
	}
}

func ownerDetail(err error, user string) error {
	var owner *vision.OwnerError
	if errors.As(err, &owner) {
		return storeError(err, notOwner(user, owner.PictureID))
	}
	return err
}

func notOwner(user, picture string) string {
	return "User can't access this picture, user uuid :" + user + ", picture : " + picture
}
