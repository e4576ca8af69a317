package demos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"slices"

	"github.com/google/uuid"

	"granary/internal/demos/dataset"
	"granary/internal/demos/manifest"
	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs/outbox"
)

// Start is what a start request says.
type Start struct {
	// ExperimentID is echoed; a new UUID when empty.
	ExperimentID string
	// NotifyURL receives the callbacks; empty for none.
	NotifyURL string
	// BaseURL is how the caller reached this server.
	BaseURL   string
	Documents []dataset.Document
	// Crops is a JSON list of regions; empty for whole pictures.
	Crops json.RawMessage
	// Parameters are unchecked; names that the app does not know are ignored.
	Parameters map[string]json.RawMessage
	// Upload is the picture of endpoints that take one.
	Upload []byte
	// ClientID tells clients apart, for apps that ask.
	ClientID string
}

// The bounds of a start request.
const (
	maxDocuments    = 10_000
	maxExperimentID = 512
)

// Start accepts a task: when it returns, the task and its job are durable.
func (s *Service) Start(ctx context.Context, app *App, endpoint *manifest.Endpoint, in Start) (*Task, error) {
	task, err := s.draft(app, endpoint, in)
	if err != nil {
		return nil, err
	}
	if len(in.Upload) > 0 && endpoint.Upload != "" {
		if in.Upload, err = s.upright(in.Upload); err != nil {
			return nil, err
		}
	}
	objects, err := s.putInputs(ctx, task, in)
	if err != nil {
		return nil, err
	}
	err = s.db.InGroup(ctx, func(ctx context.Context, tx database.Tx) (err error) {
		if task.JobID, err = s.jobs.Enqueue(ctx, tx, taskArgs{App: app.Name, Task: task.ID}); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(task).Exec(ctx); err != nil {
			return fmt.Errorf("store task: %w", err)
		}
		rows := make([]taskDocument, len(in.Documents))
		for i, d := range in.Documents {
			rows[i] = taskDocument{TaskID: task.ID, Position: i, Type: d.Type, UID: d.UID, Src: d.Src}
		}
		for batch := range slices.Chunk(rows, 500) {
			if _, err := tx.NewInsert().Model(&batch).Exec(ctx); err != nil {
				return fmt.Errorf("store documents: %w", err)
			}
		}
		return s.blobs.Publish(ctx, tx, objects...)
	})
	if err != nil {
		s.discard(ctx, objects)
		return nil, err
	}
	return task, nil
}

// draft checks a request.
func (s *Service) draft(app *App, endpoint *manifest.Endpoint, in Start) (*Task, error) {
	values, err := endpoint.Parameters.Values(in.Parameters)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	if endpoint.ClientID {
		values["client_id"] = in.ClientID
	}
	parameters, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("encode parameters: %w", err)
	}
	if in.ExperimentID == "" {
		in.ExperimentID = uuid.NewString()
	}
	switch {
	case len(in.ExperimentID) > maxExperimentID:
		return nil, fault.New(fault.Invalid, "experiment_id is longer than %d bytes", maxExperimentID)
	case endpoint.Documents == manifest.Required && len(in.Documents) == 0:
		return nil, fault.New(fault.Invalid, "no documents in request: there is nothing to work on")
	case len(in.Documents) > maxDocuments:
		return nil, fault.New(fault.TooLarge, "%d documents are more than %d", len(in.Documents), maxDocuments)
	case endpoint.Upload != "" && len(in.Upload) == 0:
		return nil, fault.New(fault.Invalid, "the file %s is missing", endpoint.Upload)
	}
	if in.NotifyURL != "" {
		if err := outbox.CheckURL(in.NotifyURL); err != nil {
			return nil, err
		}
	}
	if err := normalise(in.Documents); err != nil {
		return nil, err
	}
	if !endpoint.Crops {
		in.Crops = nil
	}
	task := &Task{
		ID: uuid.NewString(), App: app.Name, Endpoint: endpoint.Path, ExperimentID: in.ExperimentID, NotifyURL: in.NotifyURL,
		BaseURL: in.BaseURL, Parameters: string(parameters), State: Open, CreatedAt: s.now(),
	}
	if s.cfg.PublicURL != "" {
		task.BaseURL = s.cfg.PublicURL
	}
	if len(in.Documents) > 0 {
		task.DatasetUID = dataset.Set{Documents: in.Documents, Crops: in.Crops}.UID()
	}
	return task, nil
}

// normalise checks the documents and gives each its uid, in place.
func normalise(documents []dataset.Document) error {
	seen := map[string]bool{}
	for i, d := range documents {
		normal, err := d.Normal()
		if err != nil {
			return err
		}
		if seen[normal.UID] {
			return fault.New(fault.Invalid, "two documents have the uid %s", normal.UID)
		}
		seen[normal.UID] = true
		documents[i] = normal
	}
	return nil
}

// putInputs stores what is too long for a row, invisible until the task is.
func (s *Service) putInputs(ctx context.Context, task *Task, in Start) (objects []blob.Object, err error) {
	defer func() {
		if err != nil {
			s.discard(ctx, objects)
		}
	}()
	if len(in.Crops) > 0 {
		if err := dataset.CheckCrops(in.Crops); err != nil {
			return nil, err
		}
		task.CropsKey = "demos/tasks/" + task.ID + "/crops.json"
		object, err := s.blobs.Put(ctx, task.CropsKey, "application/json", bytes.NewReader(in.Crops))
		if err != nil {
			return objects, err
		}
		objects = append(objects, object)
	}
	if len(in.Upload) > 0 {
		task.UploadKey = "demos/tasks/" + task.ID + "/upload.jpg"
		object, err := s.blobs.Put(ctx, task.UploadKey, "image/jpeg", bytes.NewReader(in.Upload))
		if err != nil {
			return objects, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// uploadQuality is the JPEG quality of an uploaded picture, 1 to 100.
const uploadQuality = 95

// upright returns an uploaded picture as workers expect it: turned as its
// EXIF orientation says, without transparency, as a JPEG.
func (s *Service) upright(data []byte) ([]byte, error) {
	picture, err := s.cfg.Gate.Open(data)
	if err != nil {
		return nil, err
	}
	pixels, err := picture.Image()
	if err != nil {
		return nil, err
	}
	flat := image.NewRGBA(image.Rectangle{Max: pixels.Bounds().Size()})
	draw.Draw(flat, flat.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(flat, flat.Rect, pixels, pixels.Bounds().Min, draw.Over)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, flat, &jpeg.Options{Quality: uploadQuality}); err != nil {
		return nil, fmt.Errorf("encode uploaded picture: %w", err)
	}
	return out.Bytes(), nil
}

// discard takes back blobs that no row names.
func (s *Service) discard(ctx context.Context, objects []blob.Object) {
	for _, object := range objects {
		if err := s.blobs.Discard(ctx, object.Key); err != nil {
			s.log.WarnContext(ctx, "a blob waits for the sweeper", "key", object.Key, "error", err)
		}
	}
}
