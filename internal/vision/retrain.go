package vision

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
	"granary/internal/platform/jobs"
	"granary/internal/vision/engine/builtin"
)

// minExamples is from how many verified boxes on a training makes sense, with
// at least two seeds among them.
const minExamples = 4

// retrainArgs ask for a new version of the built-in classifier.
type retrainArgs struct {
	Model string `json:"model"`
}

// Kind implements jobs.Args.
func (retrainArgs) Kind() string { return "vision_retrain" }

// UniqueKey lets one retraining wait at a time.
func (a retrainArgs) UniqueKey() string { return a.Model }

var _ jobs.Keyed = retrainArgs{}

// Register adds the service's job kinds.
func (s *Service) Register(registry *jobs.Registry) error {
	policy := jobs.Policy{Concurrency: 1, MaxAttempts: 3, Timeout: time.Hour}
	return jobs.Register(registry, policy, func(ctx context.Context, run *jobs.Run, _ retrainArgs) error {
		return s.retrain(ctx, run)
	})
}

// Retrain queues a training of the built-in classifier on every verified box
// and returns the job's id; one that waits already is returned as it is.
// Stewards and admins only.
func (s *Service) Retrain(ctx context.Context) (jobID string, err error) {
	caller, err := s.steward(ctx)
	if err != nil {
		return "", err
	}
	err = s.deed(ctx, modelTurn, func(ctx context.Context, tx database.Tx) (err error) {
		jobID, err = s.jobs.Enqueue(ctx, tx, retrainArgs{Model: builtin.ClassifierName}, jobs.OwnedBy(caller.UserID))
		if err != nil {
			return err
		}
		return s.record(ctx, tx, deedModelRetrain, "model:"+builtin.ClassifierName, map[string]any{"job": jobID})
	})
	return jobID, err
}

// retrainWhenDue queues a training once enough boxes were verified since the
// last version.
func (s *Service) retrainWhenDue(ctx context.Context, tx database.Tx) error {
	if s.cfg.RetrainAfter <= 0 {
		return nil
	}
	due, err := tx.NewSelect().Model((*Box)(nil)).Where("b.verified_guess_id <> ''").
		Where(`b.reviewed_at > COALESCE((SELECT MAX(v.last_review) FROM vision_model_versions AS v
			WHERE v.model = ?), ?)`, builtin.ClassifierName, time.Unix(0, 0).UTC()).
		Offset(int64(s.cfg.RetrainAfter - 1)).Limit(1).Exists(ctx) // reads no more than it must
	if err != nil {
		return fmt.Errorf("look for new examples: %w", err)
	}
	if !due {
		return nil
	}
	if _, err := s.jobs.Enqueue(ctx, tx, retrainArgs{Model: builtin.ClassifierName}); err != nil {
		return fmt.Errorf("queue retraining: %w", err)
	}
	return nil
}

// retrain trains a version, keeps it with its report, and activates it when
// it is not worse than the active one on the same held-out folds.
func (s *Service) retrain(ctx context.Context, run *jobs.Run) error {
	examples, last, err := s.examples(ctx, func(done, total int) error {
		return run.Progress(ctx, int64(done), int64(2*total), "measuring boxes")
	})
	if err != nil {
		return err
	}
	if len(examples) < minExamples {
		return jobs.Permanent(ErrTooFew)
	}
	run.Info(ctx, fmt.Sprintf("learning from %d verified boxes", len(examples)))
	rival, current, err := s.models.inUse(ctx)
	if err != nil {
		return err
	}
	// Only a hint: an attempt that must end learns it from ctx.
	options := builtin.Options{Progress: func(done, all int) {
		_ = run.Progress(ctx, int64(all+done), int64(2*all), "training")
	}}
	classifier, report, err := builtin.Train(ctx, examples, options)
	if fault.Is(err, fault.Invalid) {
		return jobs.Permanent(err)
	}
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	version := ModelVersion{
		ID: newID(), Model: builtin.ClassifierName, State: VersionActive, Examples: int64(len(examples)),
		Accuracy: report.Accuracy, ReportJSON: mustJSON(report), LastReview: last, CreatedAt: s.now(),
	}
	version.BlobKey, version.ExamplesKey = modelKey(version.ID), modelKey(version.ID)+"-examples"
	better, note, err := notWorse(ctx, current, report, examples, options)
	if err != nil {
		return err
	}
	if version.Note = note; !better {
		version.State = VersionRejected
		run.Warn(ctx, "worse than the version in use, which stays: "+note)
	} else {
		run.Info(ctx, fmt.Sprintf("%.1f %% of the held-out boxes are named right", 100*report.Accuracy))
	}
	if err := s.keepVersion(ctx, run, &version, rival.ID, classifier, examples); err != nil {
		return fmt.Errorf("keep model version: %w", err)
	}
	s.log.InfoContext(ctx, "model trained", "version", version.Number, "state", version.State,
		"examples", version.Examples, "accuracy", version.Accuracy)
	return nil
}

// learnedFrom is one line of the record of what a version was trained on.
type learnedFrom struct {
	BoxID string `json:"box_id"`
	Label string `json:"label"`
}

// keepVersion stores the model and the record of its examples, then commits
// both with the version's row and the job's success. rival is the id of the
// version that the new one was compared with.
func (s *Service) keepVersion(ctx context.Context, run *jobs.Run, version *ModelVersion, rival string,
	classifier *builtin.Classifier, examples []builtin.Example,
) error {
	data, err := classifier.MarshalBinary()
	if err != nil {
		return err
	}
	record := make([]learnedFrom, len(examples))
	for i, e := range examples {
		record[i] = learnedFrom{e.ID, e.Label}
	}
	model, err := s.blobs.Put(ctx, version.BlobKey, "application/octet-stream", bytes.NewReader(data))
	if err == nil {
		var list blob.Object
		list, err = s.blobs.Put(ctx, version.ExamplesKey, "application/json", strings.NewReader(mustJSON(record)))
		if err == nil {
			err = run.Commit(ctx, func(ctx context.Context, tx database.Tx) error {
				return s.publishVersion(ctx, tx, version, rival, model, list)
			})
		}
	}
	if err != nil {
		s.discard(ctx, version.BlobKey)
		s.discard(ctx, version.ExamplesKey)
	}
	return err
}

// errOvertaken makes the job train again: what it found out is about a version
// that is not in use any more.
var errOvertaken = fault.New(fault.Conflict, "another model version was put to use during the training")

func (s *Service) publishVersion(ctx context.Context, tx database.Tx, version *ModelVersion, rival string, objects ...blob.Object) error {
	inUse, err := activeVersion(ctx, tx)
	if err != nil {
		return err
	}
	if inUse.ID != rival {
		return errOvertaken
	}
	var newest int64
	if err := tx.NewSelect().Model((*ModelVersion)(nil)).ColumnExpr("COALESCE(MAX(version), 0)").
		Where("model = ?", version.Model).Scan(ctx, &newest); err != nil {
		return fmt.Errorf("number model version: %w", err)
	}
	version.Number = newest + 1
	row := *version
	if row.State == VersionActive {
		row.State = VersionRetired // there is one in use until activate
	}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("insert model version: %w", err)
	}
	if err := s.blobs.Publish(ctx, tx, objects...); err != nil {
		return err
	}
	if version.State != VersionActive {
		return nil
	}
	return activate(ctx, tx, version.ID, s.now())
}

// notWorse compares a new version with the active one on the same held-out
// folds.
func notWorse(ctx context.Context, current *builtin.Classifier, report builtin.Report,
	examples []builtin.Example, options builtin.Options,
) (better bool, note string, err error) {
	if current == nil {
		return true, "first version", nil
	}
	inUse, err := builtin.Evaluate(ctx, current, examples, options)
	if err != nil {
		return false, "", fmt.Errorf("evaluate active version: %w", err)
	}
	note = fmt.Sprintf("%.1f %% held out, against %.1f %% of the version before", 100*report.Accuracy, 100*inUse.Accuracy)
	return report.NotWorse(inUse), note, nil
}

func (s *Service) steward(ctx context.Context) (identity.Principal, error) {
	p, err := s.caller(ctx)
	if err != nil {
		return p, err
	}
	return p, permitSteward(p)
}
