package vision

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/database"
	"granary/internal/vision/engine/builtin"
)

// VersionState says where a model version stands.
type VersionState string

// The states of a model version. At most one version of a model is active.
const (
	// VersionActive answers new pictures.
	VersionActive VersionState = "active"
	// VersionRetired was active once.
	VersionRetired VersionState = "retired"
	// VersionRejected was worse than the active one and never used.
	VersionRejected VersionState = "rejected"
)

// ModelVersion is one trained version of the built-in classifier.
type ModelVersion struct {
	bun.BaseModel `bun:"table:vision_model_versions" json:"-"`

	ID    string `bun:"id,pk" json:"id"`
	Model string `bun:"model" json:"model"`
	// Number counts the versions of a model from 1.
	Number   int64        `bun:"version" json:"version"`
	State    VersionState `bun:"state" json:"state"`
	Examples int64        `bun:"examples" json:"examples"`
	// Accuracy is the share of examples named right on held-out folds, 0..1.
	Accuracy   float64 `bun:"accuracy" json:"accuracy"`
	ReportJSON string  `bun:"report" json:"-"`
	BlobKey    string  `bun:"blob_key" json:"-"`
	// ExamplesKey is where the list of the boxes that it learned from is.
	ExamplesKey string    `bun:"examples_key" json:"-"`
	Note        string    `bun:"note" json:"note"`
	LastReview  time.Time `bun:"last_review,nullzero" json:"last_review,omitzero"`
	CreatedAt   time.Time `bun:"created_at" json:"created_at"`
	ActivatedAt time.Time `bun:"activated_at,nullzero" json:"activated_at,omitzero"`

	// Report has the confusion matrix and the figures of each fold.
	Report builtin.Report `bun:"-" json:"report"`
}

// modelKey is where a version's bytes are.
func modelKey(versionID string) string { return "vision/models/" + versionID }

// ModelVersions lists the versions of the built-in classifier, newest first.
// Anybody signed in may see them.
func (s *Service) ModelVersions(ctx context.Context) ([]ModelVersion, error) {
	if _, err := s.caller(ctx); err != nil {
		return nil, err
	}
	versions := []ModelVersion{}
	if err := s.db.Reader().NewSelect().Model(&versions).Where("model = ?", builtin.ClassifierName).
		Order("version DESC").Limit(1000).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list model versions: %w", err)
	}
	for i := range versions {
		if err := json.Unmarshal([]byte(versions[i].ReportJSON), &versions[i].Report); err != nil {
			return nil, fmt.Errorf("read report of model version %d: %w", versions[i].Number, err)
		}
	}
	return versions, nil
}

// ActivateModel puts a version to use at once, on every server. Admins only.
func (s *Service) ActivateModel(ctx context.Context, number int64) error {
	if err := s.requireAdmin(ctx); err != nil {
		return err
	}
	return s.deed(ctx, modelTurn, func(ctx context.Context, tx database.Tx) error {
		var version ModelVersion
		err := tx.NewSelect().Model(&version).Where("model = ? AND version = ?", builtin.ClassifierName, number).Scan(ctx)
		if err := found(err, ErrNoVersion, "read model version"); err != nil {
			return err
		}
		if err := activate(ctx, tx, version.ID, s.now()); err != nil {
			return err
		}
		return s.recordActivation(ctx, tx, version)
	})
}

// RollbackModel returns to the version that was active before the active one.
// Admins only.
func (s *Service) RollbackModel(ctx context.Context) (number int64, err error) {
	if err := s.requireAdmin(ctx); err != nil {
		return 0, err
	}
	err = s.deed(ctx, modelTurn, func(ctx context.Context, tx database.Tx) error {
		var earlier ModelVersion
		err := tx.NewSelect().Model(&earlier).Where("model = ? AND state = ?", builtin.ClassifierName, VersionRetired).
			Where(`activated_at < (SELECT a.activated_at FROM vision_model_versions AS a
				WHERE a.model = ? AND a.state = ?)`, builtin.ClassifierName, VersionActive).
			Order("activated_at DESC").Limit(1).Scan(ctx)
		if err := found(err, ErrNoVersion, "find earlier model version"); err != nil {
			return err
		}
		number = earlier.Number
		// The one rolled back from must not come up again as the earlier one.
		if err := activate(ctx, tx, earlier.ID, earlier.ActivatedAt); err != nil {
			return err
		}
		return s.recordActivation(ctx, tx, earlier)
	})
	return number, err
}

func (s *Service) recordActivation(ctx context.Context, tx database.Tx, version ModelVersion) error {
	return s.record(ctx, tx, deedModelActivate, "model:"+version.Model, map[string]any{"version": version.Number})
}

// activate retires the active version and puts another to use, as of at.
func activate(ctx context.Context, tx database.Tx, versionID string, at time.Time) error {
	if _, err := tx.NewUpdate().Model((*ModelVersion)(nil)).Set("state = ?", VersionRetired).
		Where("model = ? AND state = ?", builtin.ClassifierName, VersionActive).Exec(ctx); err != nil {
		return fmt.Errorf("retire model version: %w", err)
	}
	if _, err := tx.NewUpdate().Model((*ModelVersion)(nil)).Set("state = ?", VersionActive).
		Set("activated_at = ?", at).Where("id = ?", versionID).Exec(ctx); err != nil {
		return fmt.Errorf("activate model version: %w", err)
	}
	return nil
}

// modelSource gives the built-in engine the active classifier. It asks the
// database which one that is, so that an activation on another server counts
// from the next crop on. Safe for concurrent use.
type modelSource struct {
	service *Service

	mu         sync.Mutex
	id         string
	classifier *builtin.Classifier
}

var _ builtin.Source = (*modelSource)(nil)

// Active returns the active classifier, or nil when none was trained.
func (m *modelSource) Active(ctx context.Context) (*builtin.Classifier, error) {
	_, classifier, err := m.inUse(ctx)
	return classifier, err
}

// inUse returns the active version with its classifier; without one the
// version is empty and the classifier nil.
func (m *modelSource) inUse(ctx context.Context) (ModelVersion, *builtin.Classifier, error) {
	version, err := activeVersion(ctx, m.service.db.Reader())
	if err != nil || version.ID == "" {
		return version, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.id == version.ID {
		return version, m.classifier, nil
	}
	data, _, err := m.service.blobs.ReadAll(ctx, version.BlobKey)
	if err != nil {
		return version, nil, fmt.Errorf("read model version %d: %w", version.Number, err)
	}
	classifier, err := builtin.Load(data)
	if err != nil {
		return version, nil, fmt.Errorf("load model version %d: %w", version.Number, err)
	}
	m.id, m.classifier = version.ID, classifier
	return version, classifier, nil
}

// version returns the number of the active version, 0 when there is none.
func (m *modelSource) version(ctx context.Context) (int64, error) {
	version, err := activeVersion(ctx, m.service.db.Reader())
	return version.Number, err
}

// activeVersion returns the id, number and key of the version in use; an empty
// one when there is none.
func activeVersion(ctx context.Context, db bun.IDB) (ModelVersion, error) {
	var versions []ModelVersion
	err := db.NewSelect().Model(&versions).Column("id", "version", "blob_key").
		Where("model = ? AND state = ?", builtin.ClassifierName, VersionActive).Limit(1).Scan(ctx)
	if err != nil {
		return ModelVersion{}, fmt.Errorf("find active model version: %w", err)
	}
	if len(versions) == 0 {
		return ModelVersion{}, nil
	}
	return versions[0], nil
}
