package vision

import "granary/internal/platform/fault"

// The errors a door tells apart with errors.Is. Each carries its kind.
var (
	ErrNoUser       = fault.New(fault.NotFound, "user not found")
	ErrNoSet        = fault.New(fault.NotFound, "picture set not found")
	ErrNoPicture    = fault.New(fault.NotFound, "picture not found")
	ErrNoInference  = fault.New(fault.NotFound, "inference not found")
	ErrNoBox        = fault.New(fault.NotFound, "box not found")
	ErrNoSeed       = fault.New(fault.NotFound, "seed not found")
	ErrNoPipeline   = fault.New(fault.NotFound, "pipeline not found")
	ErrNoVersion    = fault.New(fault.NotFound, "model version not found")
	ErrNotOwner     = fault.New(fault.Forbidden, "this belongs to someone else")
	ErrSetExists    = fault.New(fault.Conflict, "folder already exists")
	ErrDefaultSet   = fault.New(fault.Conflict, "the default folder cannot be deleted")
	ErrVerified     = fault.New(fault.Conflict, "every box of this inference is already reviewed")
	ErrBoxVerified  = fault.New(fault.Conflict, "this box is already verified")
	ErrSessionFull  = fault.New(fault.Conflict, "the batch already holds as many pictures as were announced")
	ErrSessionOver  = fault.New(fault.Conflict, "the batch session has expired")
	ErrNoArchive    = fault.New(fault.Unavailable, "no archive account is configured")
	ErrNothingUndo  = fault.New(fault.NotFound, "there is no judgement left to undo")
	ErrJudgedSince  = fault.New(fault.Conflict, "somebody else has judged this box since")
	ErrTooFew       = fault.New(fault.Conflict, "too few verified boxes to train on")
	ErrNotValidated = fault.New(fault.Invalid, "the picture was not validated first")
)
