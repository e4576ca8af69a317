package pages

import (
	"granary/internal/console/ui"
	"granary/internal/vision"
)

// errorTexts are the vision service's errors in the visitor's language.
func errorTexts() []ui.ErrorText {
	return []ui.ErrorText{
		{Err: vision.ErrNoUser, Key: "error.no_user"},
		{Err: vision.ErrNoSet, Key: "error.no_set"},
		{Err: vision.ErrNoPicture, Key: "error.no_picture"},
		{Err: vision.ErrNoInference, Key: "error.no_inference"},
		{Err: vision.ErrNoBox, Key: "error.no_box"},
		{Err: vision.ErrNoSeed, Key: "error.no_seed"},
		{Err: vision.ErrNoPipeline, Key: "error.no_pipeline"},
		{Err: vision.ErrNoVersion, Key: "error.no_version"},
		{Err: vision.ErrNotOwner, Key: "error.not_owner"},
		{Err: vision.ErrSetExists, Key: "error.set_exists"},
		{Err: vision.ErrDefaultSet, Key: "error.default_set"},
		{Err: vision.ErrVerified, Key: "error.verified"},
		{Err: vision.ErrBoxVerified, Key: "error.box_verified"},
		{Err: vision.ErrSessionFull, Key: "error.session_full"},
		{Err: vision.ErrSessionOver, Key: "error.session_over"},
		{Err: vision.ErrNoArchive, Key: "error.no_archive"},
		{Err: vision.ErrNothingUndo, Key: "error.nothing_undo"},
		{Err: vision.ErrJudgedSince, Key: "error.judged_since"},
		{Err: vision.ErrTooFew, Key: "error.too_few"},
		{Err: vision.ErrNotValidated, Key: "error.not_validated"},
		{Err: errStale, Key: "error.stale"},
	}
}
