package nachet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"granary/internal/platform/fault"
	"granary/internal/vision"
)

type batchArgs struct {
	User     *string          `json:"container_name"`
	Pictures *json.RawMessage `json:"nb_pictures"`
	Folder   *string          `json:"folder_name"`
}

func (d *Door) newBatch(ctx context.Context, in *request) (any, error) {
	var args batchArgs
	if err := in.decode(&args); err != nil {
		return nil, err
	}
	if args.User == nil || args.Pictures == nil {
		return nil, apiError("missing request arguments: either container_name or nb_pictures is missing")
	}
	count, err := strconv.ParseInt(string(bytes.TrimSpace(*args.Pictures)), 10, 32)
	if err != nil || count <= 0 || *args.User == "" {
		return nil, apiError("wrong request arguments: either container_name or nb_pictures is wrong")
	}
	ctx, err = d.as(ctx, *args.User)
	if err != nil {
		return nil, err
	}
	name := ""
	if args.Folder != nil {
		name = *args.Folder
	}
	set, err := d.vision.StartBatch(ctx, name, count)
	if err != nil {
		return nil, setDetail(err, *args.User, "")
	}
	return map[string]string{"session_id": set.ID}, nil
}

type uploadArgs struct {
	User    string   `json:"container_name"`
	Session string   `json:"session_id"`
	SeedID  *string  `json:"seed_id"`
	Seed    *string  `json:"seed_name"`
	Zoom    *float64 `json:"zoom_level"`
	Seeds   *int64   `json:"nb_seeds"`
	Image   hoisted  `json:"image"`
}

func (d *Door) uploadPicture(ctx context.Context, in *request) (any, error) {
	var args uploadArgs
	if err := in.decode(&args, &args.Image); err != nil {
		return nil, err
	}
	noSeed := (args.SeedID == nil || *args.SeedID == "") && (args.Seed == nil || *args.Seed == "")
	if args.User == "" || args.Session == "" || len(args.Image.text) == 0 || noSeed {
		return nil, apiError("missing request arguments: either seed_name, session_id, container_name or image is missing")
	}
	ctx, err := d.as(ctx, args.User)
	if err != nil {
		return nil, err
	}
	data, err := args.Image.picture()
	if err != nil {
		return nil, err
	}
	picture := vision.BatchPicture{SessionID: args.Session, ZoomLevel: args.Zoom, SeedCount: args.Seeds, Data: data}
	if args.SeedID != nil {
		picture.SeedID = *args.SeedID
	}
	if args.Seed != nil {
		picture.SeedName = *args.Seed
	}
	if err := d.vision.UploadBatch(ctx, picture); err != nil {
		return nil, uploadDetail(err)
	}
	return []bool{true}, nil
}

// uploadDetail keeps the original's one text for every unknown id, and says
// more where it knew nothing.
func uploadDetail(err error) error {
	const text = "An error occured during the upload of the pictures" // spelling as is
	for _, unknown := range []error{vision.ErrNoSet, vision.ErrNoUser, vision.ErrNoSeed, vision.ErrNotOwner} {
		if errors.Is(err, unknown) {
			return storeError(err, text)
		}
	}
	if fault.Is(err, fault.Conflict) {
		return storeError(err, text+" : "+fault.Message(err))
	}
	return err
}
