package openinference

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

// Bounds of the options.
const (
	maxInputSide = 4096
	maxLabels    = 100_000
	maxTopN      = 100
)

// Options say how a model's tensors are made and read. They are the options
// of a pipeline's model.
type Options struct {
	// Model is the name on the server. Defaults to the model's name in the
	// pipeline. ModelVersion chooses a version; defaults to the server's choice.
	Model        string `json:"model,omitempty"`
	ModelVersion string `json:"model_version,omitempty"`

	Input   Input   `json:"input"`
	Outputs Outputs `json:"outputs"`

	// BoxFormat is "xyxy" (two corners), "xywh" (corner and size) or "cxcywh"
	// (centre and size). Defaults to xyxy.
	BoxFormat string `json:"box_format,omitempty"`
	// BoxUnit is "pixels" of the input tensor or "fractions" of its sides.
	// Defaults to pixels.
	BoxUnit string `json:"box_unit,omitempty"`
	// Labels name the classes by index. Without them labels are the indices.
	Labels []string `json:"labels,omitempty"`
	// ScoreThreshold drops detections with a lower score. Defaults to 0.
	ScoreThreshold float64 `json:"score_threshold,omitempty"`
	// NMS drops a detection that shares at least this part of the joint area
	// with a better one of its class. Defaults to 0, which drops none.
	NMS float64 `json:"nms,omitempty"`
	// Softmax turns raw class scores into ones that sum to 1.
	Softmax bool `json:"softmax,omitempty"`
	// TopN bounds the guesses for one object. Defaults to 5.
	TopN int `json:"top_n,omitempty"`
	// Encoding of tensors: "binary", "json" or "auto". Defaults to auto, which
	// is binary where the server lists the extension.
	Encoding string `json:"encoding,omitempty"`
}

// Input describes the image tensor, of one picture.
type Input struct {
	// Name of the tensor. Defaults to the model's only input.
	Name string `json:"name,omitempty"`
	// Layout is "nchw" or "nhwc". Defaults to nchw.
	Layout string `json:"layout,omitempty"`
	// Width and Height are the tensor's, in pixels. Required.
	Width  int `json:"width"`
	Height int `json:"height"`
	// Datatype is "FP32" or "UINT8". Defaults to FP32.
	Datatype string `json:"datatype,omitempty"`
	// Channels is the order, "rgb" or "bgr". Defaults to rgb.
	Channels string `json:"channels,omitempty"`
	// A sample of 0..255 becomes (sample×Scale − Mean) / Std, with Mean and Std
	// in the order of Channels. Default to 1/255, 0 and 1. UINT8 is sent as is.
	Scale float64     `json:"scale,omitempty"`
	Mean  *[3]float64 `json:"mean,omitempty"`
	Std   *[3]float64 `json:"std,omitempty"`
	// Resize is "stretch" or "letterbox" (keeps the shape, grey bars around).
	// Defaults to stretch.
	Resize string `json:"resize,omitempty"`
}

// Outputs name the tensors of the answer.
type Outputs struct {
	// Boxes is N×4; only for detectors.
	Boxes string `json:"boxes,omitempty"`
	// Scores is N or N×classes for a detector, classes for a classifier.
	// Defaults to the only output of a classifier.
	Scores string `json:"scores,omitempty"`
	// Classes is N class indices, where Scores has one number a box.
	Classes string `json:"classes,omitempty"`
}

// parseOptions reads, completes and checks the options of a spec.
func parseOptions(spec engine.Spec) (Options, error) {
	var o Options
	decoder := json.NewDecoder(bytes.NewReader(spec.Options))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&o); err != nil {
		return Options{}, fault.New(fault.Invalid, "the options of model %s: %w", spec.Name, err)
	}
	o.Model = cmp.Or(o.Model, spec.Name)
	o.BoxFormat = cmp.Or(o.BoxFormat, "xyxy")
	o.BoxUnit = cmp.Or(o.BoxUnit, "pixels")
	o.TopN = cmp.Or(o.TopN, 5)
	o.Encoding = cmp.Or(o.Encoding, "auto")
	in := &o.Input
	in.Layout = cmp.Or(in.Layout, "nchw")
	in.Datatype = cmp.Or(in.Datatype, "FP32")
	in.Channels = cmp.Or(in.Channels, "rgb")
	in.Resize = cmp.Or(in.Resize, "stretch")
	in.Scale = cmp.Or(in.Scale, 1.0/255)
	if in.Mean == nil {
		in.Mean = &[3]float64{}
	}
	if in.Std == nil {
		in.Std = &[3]float64{1, 1, 1}
	}
	if problem := o.problem(); problem != "" {
		return Options{}, fault.New(fault.Invalid, "the options of model %s: %s", spec.Name, problem)
	}
	return o, nil
}

// problem describes the first option that is out of range.
func (o Options) problem() string {
	for _, choice := range []struct {
		name, value string
		allowed     []string
	}{
		{"box_format", o.BoxFormat, []string{"xyxy", "xywh", "cxcywh"}},
		{"box_unit", o.BoxUnit, []string{"pixels", "fractions"}},
		{"encoding", o.Encoding, []string{"auto", "binary", "json"}},
		{"input.layout", o.Input.Layout, []string{"nchw", "nhwc"}},
		{"input.datatype", o.Input.Datatype, []string{"FP32", "UINT8"}},
		{"input.channels", o.Input.Channels, []string{"rgb", "bgr"}},
		{"input.resize", o.Input.Resize, []string{"stretch", "letterbox"}},
	} {
		if !slices.Contains(choice.allowed, choice.value) {
			return fmt.Sprintf("%s must be one of %v", choice.name, choice.allowed)
		}
	}
	switch {
	case o.Input.Width < 1 || o.Input.Height < 1 || o.Input.Width > maxInputSide || o.Input.Height > maxInputSide:
		return fmt.Sprintf("input.width and input.height must be between 1 and %d", maxInputSide)
	case o.ScoreThreshold < 0 || o.ScoreThreshold > 1 || o.NMS < 0 || o.NMS > 1:
		return "score_threshold and nms must be between 0 and 1"
	case o.TopN < 1 || o.TopN > maxTopN:
		return fmt.Sprintf("top_n must be between 1 and %d", maxTopN)
	case len(o.Labels) > maxLabels:
		return fmt.Sprintf("more than %d labels", maxLabels)
	case slices.Contains(o.Input.Std[:], 0):
		return "input.std must not be 0"
	case o.Outputs.Boxes != "" && o.Outputs.Scores == "":
		return "outputs.boxes needs outputs.scores"
	}
	return ""
}
