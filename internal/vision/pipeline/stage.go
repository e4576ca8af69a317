package pipeline

import "granary/internal/platform/fault"

// Stage is the part of a run that went wrong. A door chooses its wording by it.
type Stage string

// The stages.
const (
	// StageInput: there is nothing to run on.
	StageInput Stage = "input"
	// StageDetect: the detector or the cropping of its boxes.
	StageDetect Stage = "detect"
	// StageClassify: a classifier or an ensemble.
	StageClassify Stage = "classify"
	// StagePostProcess: options or post-processing.
	StagePostProcess Stage = "post_process"
)

// StageError is an error of Runner.Run. Its text and kind are those of Cause.
type StageError struct {
	Stage Stage
	Cause error
}

// Error returns the text of the cause.
func (e *StageError) Error() string { return e.Cause.Error() }

// Unwrap returns the cause, so that fault.Of and fault.Message see it.
func (e *StageError) Unwrap() error { return e.Cause }

// emptyInput is what the original answers for a picture without bytes.
func emptyInput() error {
	return &StageError{StageInput, fault.New(fault.Invalid, "The result send to the inference function is empty")}
}
