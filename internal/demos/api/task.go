package api

import (
	"time"

	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// Task is one accepted start request. Times are UTC.
type Task struct {
	ID           string      `json:"id"`
	App          string      `json:"app"`
	Endpoint     string      `json:"endpoint" doc:"Path of the endpoint; empty for the app's only one."`
	ExperimentID string      `json:"experiment_id"`
	DatasetUID   string      `json:"dataset_uid,omitempty"`
	JobID        string      `json:"job_id" doc:"The job that does the work."`
	State        demos.State `json:"state" enum:"queued,running,succeeded,failed,timed_out,lost,cancelled"`
	Error        string      `json:"error,omitempty"`
	CreatedAt    time.Time   `json:"created_at"`
	EndedAt      *time.Time  `json:"ended_at,omitempty"`
}

func newTask(task *demos.Task, state demos.State) Task {
	return Task{
		ID: task.ID, App: task.App, Endpoint: task.Endpoint, ExperimentID: task.ExperimentID, DatasetUID: task.DatasetUID,
		JobID: task.JobID, State: state, Error: task.Error, CreatedAt: task.CreatedAt, EndedAt: task.EndedAt,
	}
}

// TaskList is a part of the tasks. Next is empty at the end.
type TaskList struct {
	Tasks []Task `json:"tasks"`
	Next  string `json:"next,omitempty"`
}

// TaskDetail is a task with what it works on and what its worker says.
type TaskDetail struct {
	Task
	Documents  []dataset.Document `json:"documents"`
	Parameters map[string]any     `json:"parameters"`
	Infos      []string           `json:"infos" doc:"The latest lines of a task that runs or ended without success."`
	Warnings   []string           `json:"warnings"`
	Errors     []string           `json:"errors"`
	Bars       []TaskBar          `json:"bars"`
}

// TaskBar is a progress bar of a task that runs; total is 0 while it is
// unknown.
type TaskBar struct {
	Key     string `json:"key"`
	Context string `json:"context"`
	Current int64  `json:"current"`
	Total   int64  `json:"total"`
}

// File is a published file.
type File struct {
	Path      string    `json:"path"`
	SHA256    string    `json:"sha256"`
	Size      int64     `json:"size_bytes"`
	MediaType string    `json:"media_type"`
	CreatedAt time.Time `json:"created_at"`
}

func errNoOutput() error {
	return fault.New(fault.NotFound, "the task has no output: it has not succeeded")
}

func errNoEndpoint(app, endpoint string) error {
	return fault.New(fault.NotFound, "the app %s has no endpoint %.100q", app, endpoint)
}
