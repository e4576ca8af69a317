package vision

import (
	"context"
	"errors"

	"granary/internal/platform/database"
	"granary/internal/platform/identity"
)

// What the audit trail calls the service's administration.
const (
	deedPipelineSave    = "pipeline_save"
	deedPipelineDefault = "pipeline_default"
	deedPipelineRemove  = "pipeline_remove"
	deedModelRetrain    = "model_retrain"
	deedModelActivate   = "model_activate"
	deedExport          = "export"
	deedPictureDelete   = "picture_delete"
	deedSetDelete       = "picture_set_delete"
	deedSetArchive      = "picture_set_archive"
)

// The queues of those who change what the whole lab shares.
const (
	pipelineTurn = "vision_pipelines"
	modelTurn    = "vision_models"
)

// deed runs fn in a transaction that will record what it did, so
// that the two happen together or not at all. The right to append is taken
// first: on PostgreSQL two deeds then never make each other run again.
func (s *Service) deed(ctx context.Context, turn string, fn func(ctx context.Context, tx database.Tx) error) error {
	return s.db.InTurn(ctx, turn, func(ctx context.Context, tx database.Tx) error {
		if err := s.users.Audit().Reserve(ctx, tx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// record appends to the audit trail inside the transaction of a deed.
func (s *Service) record(ctx context.Context, tx database.Tx, action, object string, detail map[string]any) error {
	return s.users.Audit().Record(ctx, tx, identity.Entry{Action: action, Object: object, Detail: detail})
}

// refused records that the caller may not touch an object, when that is what
// err says, and returns err. Not for use in a transaction.
func (s *Service) refused(ctx context.Context, object string, err error) error {
	if errors.Is(err, ErrNotOwner) {
		if auditErr := s.users.Refused(ctx, object); auditErr != nil {
			s.log.ErrorContext(ctx, "a refusal is missing from the audit trail", "error", auditErr)
		}
	}
	return err
}
