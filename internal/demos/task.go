package demos

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// State is where a task stands.
type State string

// The states. A waiting or running task is open in the table; which of the
// two is the job's affair.
const (
	Open      State = "open"
	Waiting   State = "queued"
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	TimedOut  State = "timed_out"
	Lost      State = "lost"
)

// Finished reports whether nothing changes the state any more.
func (s State) Finished() bool { return s != Open && s != Waiting && s != Running }

// Task is one accepted start request. Times are UTC.
type Task struct {
	bun.BaseModel `bun:"table:demos_tasks"`

	// ID is the tracking id, a UUID.
	ID       string `bun:"id,pk"`
	App      string `bun:"app"`
	Endpoint string `bun:"endpoint"`
	// ExperimentID is the front end's own id, unchanged.
	ExperimentID string `bun:"experiment_id"`
	NotifyURL    string `bun:"notify_url"`
	// BaseURL is how the front end reaches this server.
	BaseURL    string `bun:"base_url"`
	DatasetUID string `bun:"dataset_uid"`
	// Parameters is a JSON object: the checked parameters.
	Parameters string `bun:"parameters"`
	// CropsKey and UploadKey name blobs; empty without.
	CropsKey  string `bun:"crops_key"`
	UploadKey string `bun:"upload_key"`
	JobID     string `bun:"job_id"`
	State     State  `bun:"state"`
	// Begun says that a worker had the task.
	Begun bool `bun:"begun"`
	// Output is what the worker returned, as JSON; OutputKey names the blob
	// of a long one.
	Output    string     `bun:"output"`
	OutputKey string     `bun:"output_key"`
	Error     string     `bun:"error"`
	CreatedAt time.Time  `bun:"created_at"`
	EndedAt   *time.Time `bun:"ended_at"`
}

// taskDocument is one document of a task.
type taskDocument struct {
	bun.BaseModel `bun:"table:demos_documents"`

	TaskID   string `bun:"task_id,pk"`
	Position int    `bun:"position,pk"`
	Type     string `bun:"type"`
	UID      string `bun:"uid"`
	Src      string `bun:"src"`
}

func (d taskDocument) document() dataset.Document {
	return dataset.Document{Type: d.Type, UID: d.UID, Src: d.Src}
}

// noSuchTask is the error for an id that names no task.
func noSuchTask() *fault.Error { return fault.New(fault.NotFound, "no such task") }

// Task returns one task, or NotFound.
func (s *Service) Task(ctx context.Context, id string) (*Task, error) {
	return loadTask(ctx, s.db.Reader(), id)
}

func loadTask(ctx context.Context, db bun.IDB, id string) (*Task, error) {
	task := &Task{ID: id}
	err := db.NewSelect().Model(task).WherePK().Scan(ctx)
	return task, found(err, noSuchTask(), "load task")
}

// ByExperiment returns the newest task of an app with that experiment id, or
// NotFound.
func (s *Service) ByExperiment(ctx context.Context, app, experimentID string) (*Task, error) {
	task := &Task{}
	err := s.db.Reader().NewSelect().Model(task).Where("experiment_id = ? AND app = ?", experimentID, app).
		OrderExpr("created_at DESC, id DESC").Limit(1).Scan(ctx)
	return task, found(err, noSuchTask(), "look for an experiment")
}

// Documents returns a task's documents in the order of the request.
func (s *Service) Documents(ctx context.Context, taskID string) ([]dataset.Document, error) {
	var rows []taskDocument
	err := s.db.Reader().NewSelect().Model(&rows).Where("task_id = ?", taskID).Order("position").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("load documents: %w", err)
	}
	documents := make([]dataset.Document, len(rows))
	for i, row := range rows {
		documents[i] = row.document()
	}
	return documents, nil
}

// Values returns the task's parameters.
func (t *Task) Values() (map[string]any, error) {
	values := map[string]any{}
	if err := json.Unmarshal([]byte(t.Parameters), &values); err != nil {
		return nil, fmt.Errorf("read parameters of task %s: %w", t.ID, err)
	}
	return values, nil
}

var safeGrammar = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$`)

// SafeID is the experiment id as it is used in file names: itself when it is
// harmless, else a digest of it.
func SafeID(experimentID string) string {
	if safeGrammar.MatchString(experimentID) {
		return experimentID
	}
	return fmt.Sprintf("x-%.16x", sha256.Sum256([]byte(experimentID)))
}

// found turns a missing row into the given error and wraps any other.
func found(err error, missing *fault.Error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return missing
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}
