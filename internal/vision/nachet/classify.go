package nachet

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/vision"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/fixed"
	"granary/internal/vision/pipeline"
)

type classifyArgs struct {
	Folder    *string   `json:"folder_name"`
	User      *string   `json:"container_name"`
	Dims      []float64 `json:"imageDims"`
	Pipeline  *string   `json:"model_name"`
	AreaRatio *float64  `json:"area_ratio"`
	Colours   string    `json:"color_format"`
	Image     hoisted   `json:"image"`
}

func (a *classifyArgs) complete() bool {
	return a.Folder != nil && *a.Folder != "" && a.User != nil && *a.User != "" && len(a.Dims) > 0 && len(a.Image.text) > 0
}

// picture decodes the image and reads what is wished of it.
func (a *classifyArgs) picture() (pipeline.Options, []byte, error) {
	if len(a.Dims) != 2 || a.Dims[0] <= 0 || a.Dims[1] <= 0 {
		return pipeline.Options{}, nil, &wireError{unhandled, "imageDims must be a width and a height", fault.New(fault.Invalid, "imageDims")}
	}
	data, err := a.Image.picture()
	if err != nil {
		return pipeline.Options{}, nil, err
	}
	colours, err := pipeline.ParseColorFormat(a.Colours)
	return pipeline.Options{Width: a.Dims[0], Height: a.Dims[1], AreaRatio: a.AreaRatio, ColorFormat: colours}, data, err
}

func (d *Door) classify(ctx context.Context, in *request) (any, error) {
	var args classifyArgs
	if err := in.decode(&args, &args.Image); err != nil {
		return nil, err
	}
	if !args.complete() {
		return nil, apiError("missing request arguments: either folder_name, container_name, imageDims or image is missing")
	}
	name := "None"
	if args.Pipeline != nil {
		name = *args.Pipeline
	}
	ctx, err := d.as(ctx, *args.User)
	if err != nil {
		return nil, err
	}
	options, data, err := args.picture()
	if err != nil {
		// That there is no such pipeline goes before. Classify would see it,
		// so it is only looked for where that is not called.
		if missing := d.vision.HasPipeline(ctx, name); missing != nil {
			return nil, classifyDetail(missing, name)
		}
		return nil, err
	}
	inference, err := d.vision.Classify(ctx, vision.Classification{
		Pipeline: name, Folder: *args.Folder, Data: data, Validated: d.cfg.RequireValidator,
		Options: options,
	})
	if err != nil {
		return nil, classifyDetail(err, name)
	}
	return rebuilt(&inference), nil
}

// classifyDetail words what went wrong as the original does.
func classifyDetail(err error, pipelineName string) error {
	var stage *pipeline.StageError
	switch {
	case errors.Is(err, vision.ErrNoPipeline):
		return apiErrorOf(err, "model "+pipelineName+" not found")
	case errors.Is(err, vision.ErrNoUser):
		return storeError(err, "Datastore Unhandled Error")
	case errors.As(err, &stage):
		return apiErrorOf(err, stageText(stage))
	case fault.Is(err, fault.Invalid) && !errors.Is(err, vision.ErrNotValidated), fault.Is(err, fault.TooLarge):
		return &wireError{unhandled, fault.Message(err), err}
	default:
		return err
	}
}

func stageText(stage *pipeline.StageError) string {
	cause := fault.Message(stage.Cause)
	switch stage.Stage {
	case pipeline.StageInput:
		return "An error occurred while processing the requests :\n " + cause
	case pipeline.StageClassify:
		return "An error occurred while processing the request:\n " + cause
	default:
		return "Error while processing inference results :\n " + cause
	}
}

func apiErrorOf(cause error, detail string) error {
	return &wireError{family: api, detail: detail, cause: cause}
}

// getTest adds the pipeline with the fixed answer; it replaces no other.
func (d *Door) getTest(w http.ResponseWriter, r *http.Request) {
	definition := pipeline.Definition{
		Name:   "test_pipeline",
		Models: []pipeline.Model{{Name: "test_model1", Version: "1", Engine: fixed.Name, Task: engine.ObjectDetection}},
		Steps:  []pipeline.Step{{Kind: pipeline.StepDetect, Model: "test_model1"}},
	}
	ctx := identity.With(r.Context(), identity.System())
	if err := d.vision.SavePipelines(ctx, []pipeline.Definition{definition}, nil); err != nil {
		d.refuse(w, r, "adding the test pipeline", err)
		return
	}
	writeJSON(w, http.StatusOK, json.RawMessage(`[{"models":["test_model1"],"pipeline_name":"test_pipeline"}]`))
}
