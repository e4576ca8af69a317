package vision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine/builtin"
	"granary/internal/vision/engine/fixed"
	"granary/internal/vision/pipeline"
)

// What the original calls its results: every one the same, but for those of
// the pipeline with a fixed answer.
const (
	defaultFileName = "default_filename"
	fixedFileName   = "test_image.jpg"
)

func (o openPipeline) fileName() string {
	for _, m := range o.runner.Definition().Models {
		if m.Engine == fixed.Name {
			return fixedFileName
		}
	}
	return defaultFileName
}

// insertChunk bounds the rows of one insert statement.
const insertChunk = 500

// Classification asks for one picture to be classified.
type Classification struct {
	Pipeline string
	// Folder is the id or name of one of the caller's sets; an unknown one
	// means the default set.
	Folder   string
	FileName string
	Data     []byte
	// Options are the client's dimensions and wishes. Zero dimensions mean the
	// picture's own.
	Options pipeline.Options
	// Validated demands that the picture passed validation before.
	Validated bool
}

// Classify stores a picture and what the pipeline finds in it. Both appear
// together or not at all.
func (s *Service) Classify(ctx context.Context, in Classification) (Inference, error) {
	opened, err := s.pipelines.get(ctx, in.Pipeline)
	if err != nil {
		return Inference{}, err
	}
	defer opened.release()
	caller, err := s.caller(ctx)
	if err != nil {
		return Inference{}, err
	}
	if len(in.Data) == 0 {
		return Inference{}, &pipeline.StageError{Stage: pipeline.StageInput, Cause: errEmptyPicture}
	}
	if in.Validated {
		if err := s.requireValidation(ctx, digest(in.Data)); err != nil {
			return Inference{}, err
		}
	}
	picture, err := s.newPicture("", in.Data)
	if err != nil {
		return Inference{}, err
	}
	picture.FileName = shortName(in.FileName)
	image, err := s.cfg.Gate.Open(in.Data)
	if err != nil {
		return Inference{}, err
	}
	object, result, err := s.storeAndRun(ctx, &picture, in.Data, image, opened, in.Options)
	if err != nil {
		s.discard(ctx, picture.BlobKey)
		return Inference{}, err
	}
	inference := s.newInference(caller, &picture, opened, result, in.Options)
	if err := s.keepResult(ctx, caller, in.Folder, &picture, object, &inference); err != nil {
		s.discard(ctx, picture.BlobKey)
		return Inference{}, err
	}
	return inference, nil
}

// keepResult commits a picture and what was found in it to the set that the
// client selected.
func (s *Service) keepResult(ctx context.Context, caller identity.Principal, folder string,
	picture *Picture, object blob.Object, inference *Inference,
) error {
	keep := func(ctx context.Context, tx database.Tx) error {
		set, err := s.targetSet(ctx, tx, caller, folder)
		if err != nil {
			return err
		}
		picture.SetID = set.ID
		if err := s.publishPicture(ctx, tx, picture, object); err != nil {
			return err
		}
		return s.insertInference(ctx, tx, inference)
	}
	if s.db.Pool() == nil {
		return s.db.InGroup(ctx, keep) // all writers stand in one queue there
	}
	// Only to queue at the right place: the transaction looks for itself.
	likely, err := resolveSet(ctx, s.db.Reader(), caller.UserID, folder)
	if errors.Is(err, ErrNoSet) {
		likely, err = defaultSet(ctx, s.db.Reader(), caller.UserID)
	}
	if err != nil && !errors.Is(err, ErrNoSet) {
		return err
	}
	return s.db.InTurn(ctx, setTurn(likely.ID), keep)
}

var errEmptyPicture = fault.New(fault.Invalid, "The result send to the inference function is empty")

// storeAndRun writes the bytes while the models work on them.
func (s *Service) storeAndRun(ctx context.Context, picture *Picture, data []byte, image *raster.Picture,
	opened openPipeline, opts pipeline.Options,
) (object blob.Object, result *pipeline.Result, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		object, err = s.writeBytes(ctx, picture, data)
		return err
	})
	group.Go(func() (err error) {
		result, err = s.run(ctx, opened, image, opts)
		return err
	})
	err = group.Wait()
	return object, result, err
}

func (s *Service) run(ctx context.Context, opened openPipeline, image *raster.Picture, opts pipeline.Options) (*pipeline.Result, error) {
	if opts.Width == 0 && opts.Height == 0 {
		opts.Width, opts.Height = float64(image.Header.Width), float64(image.Header.Height)
	}
	result, err := opened.runner.Run(ctx, image, opts)
	if err != nil {
		return nil, err
	}
	if len(result.Boxes) > s.cfg.MaxBoxes {
		return nil, fault.New(fault.Invalid, "the pipeline found more than %d objects", s.cfg.MaxBoxes)
	}
	if usesBuiltinClassifier(opened.runner.Definition()) {
		version, err := s.models.version(ctx)
		if err != nil {
			return nil, err
		}
		for i := range result.Models {
			if result.Models[i].Name == builtin.ClassifierName {
				result.Models[i].Version = strconv.FormatInt(version, 10)
			}
		}
	}
	return result, nil
}

// ClassifyPicture runs a pipeline over a stored picture of the caller and adds
// the result as its newest inference.
func (s *Service) ClassifyPicture(ctx context.Context, pictureID, pipelineName string) (Inference, error) {
	opened, err := s.pipelines.get(ctx, pipelineName)
	if err != nil {
		return Inference{}, err
	}
	defer opened.release()
	caller, err := s.caller(ctx)
	if err != nil {
		return Inference{}, err
	}
	picture, data, err := s.PictureBytes(ctx, pictureID)
	if err != nil {
		return Inference{}, err
	}
	image, err := s.cfg.Gate.Open(data)
	if err != nil {
		return Inference{}, err
	}
	opts := pipeline.Options{Width: float64(picture.Width), Height: float64(picture.Height)}
	result, err := s.run(ctx, opened, image, opts)
	if err != nil {
		return Inference{}, err
	}
	inference := s.newInference(caller, &picture, opened, result, opts)
	err = s.changeSet(ctx, picture.SetID, func(ctx context.Context, tx database.Tx, _ PictureSet) error {
		return s.insertInference(ctx, tx, &inference)
	})
	return inference, err
}

// targetSet locks the set that the client selected, else the default one.
func (s *Service) targetSet(ctx context.Context, tx database.Tx, caller identity.Principal, folder string) (PictureSet, error) {
	var set PictureSet
	selected := selectSet(tx.NewSelect().Model((*PictureSet)(nil)).Column("id"), caller.UserID, folder)
	err := tx.NewUpdate().Model(&set).Set("revision = revision + 1").Where("id = (?)", selected).Returning("*").Scan(ctx)
	err = found(err, ErrNoSet, "lock picture set")
	if !errors.Is(err, ErrNoSet) {
		return set, err
	}
	if set, err = s.ensureDefaultSet(ctx, tx, caller.UserID); err != nil {
		return PictureSet{}, err
	}
	return touchSet(ctx, tx, set.ID)
}

// newInference makes rows of a pipeline's result; seeds are found at insert.
func (s *Service) newInference(caller identity.Principal, picture *Picture, opened openPipeline,
	result *pipeline.Result, opts pipeline.Options,
) Inference {
	now := s.now()
	if opts.Width == 0 && opts.Height == 0 {
		opts.Width, opts.Height = float64(picture.Width), float64(picture.Height)
	}
	inference := Inference{
		ID: newID(), PictureID: picture.ID, UserID: caller.UserID,
		PipelineID: opened.id, PipelineName: opened.runner.Definition().Name,
		FileName: opened.fileName(), Width: opts.Width, Height: opts.Height,
		CreatedAt: now, UpdatedAt: now, Boxes: make([]Box, len(result.Boxes)), Models: []ModelName{},
	}
	for _, m := range result.Models {
		inference.Models = append(inference.Models, ModelName(m))
	}
	for i, found := range result.Boxes {
		box := Box{
			ID: newID(), InferenceID: inference.ID, Position: i,
			Colour:             mustJSON(found.Color.In(result.ColorFormat)),
			OverlappingIndices: mustJSON(found.OverlappingIndices),
			Overlapping:        found.Overlapping, Label: shownLabel(found.Label), Score: found.Score, UpdatedAt: now,
		}
		box.setRect(Rect{
			float64(found.Pixels.TopX), float64(found.Pixels.TopY),
			float64(found.Pixels.BottomX), float64(found.Pixels.BottomY),
		})
		for j, g := range found.Guesses {
			box.Guesses = append(box.Guesses, Guess{ID: newID(), BoxID: box.ID, Label: shownLabel(g.Label), Score: g.Score, Position: j})
		}
		if len(box.Guesses) > 0 {
			box.TopGuessID = box.Guesses[0].ID
		}
		inference.Boxes[i] = box
	}
	return inference
}

// mustJSON writes values of our own making.
func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// insertInference writes an inference with its boxes and guesses, creating
// seeds for labels that are new.
func (s *Service) insertInference(ctx context.Context, tx database.Tx, inference *Inference) error {
	inference.ModelsJSON = mustJSON(inference.Models)
	if _, err := tx.NewInsert().Model(inference).Exec(ctx); err != nil {
		return fmt.Errorf("insert inference: %w", err)
	}
	var labels []string
	for i := range inference.Boxes {
		for _, g := range inference.Boxes[i].Guesses {
			labels = append(labels, seedLabel(g.Label))
		}
	}
	seeds, err := s.seedsByName(ctx, tx, labels)
	if err != nil {
		return err
	}
	guesses := make([]Guess, 0, len(labels))
	for i := range inference.Boxes {
		own := inference.Boxes[i].Guesses
		for j := range own {
			own[j].SeedID = seeds[len(guesses)].ID
			guesses = append(guesses, own[j])
		}
	}
	if err := insertAll(ctx, tx, inference.Boxes); err != nil {
		return fmt.Errorf("insert boxes: %w", err)
	}
	if err := insertAll(ctx, tx, guesses); err != nil {
		return fmt.Errorf("insert guesses: %w", err)
	}
	return nil
}

func insertAll[T any](ctx context.Context, tx database.Tx, rows []T) error {
	for len(rows) > 0 {
		part := rows[:min(insertChunk, len(rows))]
		rows = rows[len(part):]
		if _, err := tx.NewInsert().Model(&part).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}
