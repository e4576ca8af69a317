package front

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// The states that the demo front shows.
const (
	Pending   = "PENDING"
	Progress  = "PROGRESS"
	Success   = "SUCCESS"
	Failed    = "ERROR"
	Cancelled = "CANCELLED"
)

// Task is a row of a front end's own table.
type Task struct {
	// ID is the front's own; the server knows it as the experiment id.
	ID         string
	Prefix     string
	TrackingID string
	State      string
	Error      string
	// Regions are the annotations that a task of regions brought, by their key.
	Regions map[string][]Annotation
	// Similar is what a task of similarity brought.
	Similar *Similarity
	// Next is the task that was started from within the end of this one.
	Next string

	started bool
}

// Demo is the demo front: tasks behind web forms. Its records are written as
// Django writes them, so that what comes too early is lost.
type Demo struct {
	*Front
	API
	// Generation is 1 or 3.
	Generation int
	// Pause is how long the front takes to save a record after the start call
	// returned.
	Pause time.Duration
	// Pipeline starts a similarity task over the regions that a task found,
	// from within the handler of its end.
	Pipeline bool

	token string
	tasks map[string]*Task // by id, under the front's lock
}

// NewDemo adds the demo front's handlers to the machine.
func NewDemo(f *Front, api API, generation int) *Demo {
	d := &Demo{Front: f, API: api, Generation: generation, token: "a/b+c=" + uuid.NewString(), tasks: map[string]*Task{}}
	f.mux.HandleFunc(fmt.Sprintf("POST /demo%d/{id}/watch", generation), func(w http.ResponseWriter, r *http.Request) {
		f.take(w, r, func(c *Callback) (int, any) { return d.watch(r, c) })
	})
	return d
}

// Submit does what sending a form does: it saves a record, starts the task and
// then saves the record again, as it was before, with its tracking id.
func (d *Demo) Submit(ctx context.Context, prefix string, parameters any, documents, crops any) (Task, error) {
	task := Task{ID: uuid.NewString(), Prefix: prefix, State: Pending}
	d.save(task)
	envelope := map[string]any{
		"experiment_id": task.ID, "documents": documents, "parameters": parameters,
		"notify_url": fmt.Sprintf("%s/demo%d/%s/watch?token=%s", d.URL, d.Generation, task.ID, url.QueryEscape(d.token)),
	}
	if crops != nil {
		envelope["crops"] = crops
	}
	answer, err := d.Start(ctx, prefix+"/start", envelope)
	if err != nil {
		return task, err
	}
	if _, err := uuid.Parse(answer.TrackingID); err != nil || answer.ExperimentID != task.ID {
		return task, fmt.Errorf("start of %s answered %+v", task.ID, answer)
	}
	<-time.After(d.Pause)
	task.TrackingID, task.started = answer.TrackingID, true
	d.save(task)
	return task, nil
}

func (d *Demo) save(task Task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tasks[task.ID] = &task
	d.note()
}

// change changes a record under the lock.
func (d *Demo) change(id string, fn func(*Task)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fn(d.tasks[id])
	d.note()
}

// Task returns a record as it is now.
func (d *Demo) Task(id string) Task {
	d.mu.Lock()
	defer d.mu.Unlock()
	if task := d.tasks[id]; task != nil {
		return *task
	}
	return Task{}
}

// Await waits until a record has the state, and fails for an end of another.
func (d *Demo) Await(t testing.TB, id, state string) Task {
	t.Helper()
	var task Task
	d.await(t, "the record "+id+" becomes "+state, func() bool {
		task = *d.tasks[id]
		return task.State == state || task.State == Failed || task.State == Success
	})
	if task.State != state {
		t.Fatalf("task %s of %s is %s (%s), want %s", task.TrackingID, task.Prefix, task.State, task.Error, state)
	}
	return task
}

// CancelTask marks a record cancelled, whatever the server answers.
func (d *Demo) CancelTask(ctx context.Context, id string) error {
	task := d.Task(id)
	err := d.Cancel(ctx, task.Prefix, task.TrackingID)
	d.change(id, func(task *Task) { task.State = Cancelled })
	return err
}

// watch is the notification handler.
func (d *Demo) watch(r *http.Request, c *Callback) (int, any) {
	id := r.PathValue("id")
	task := d.Task(id)
	switch {
	case r.URL.Query().Get("token") != d.token:
		return http.StatusOK, map[string]any{"success": false, "error": "Invalid token"}
	case c.Event == "" || task.ID == "":
		return http.StatusInternalServerError, nil
	case !task.started:
		d.fault("%s of task %s came before its start call returned", c.Event, id)
	}
	if c.ExperimentID != id || task.started && c.TrackingID != task.TrackingID {
		d.fault("callback %s of the task %s says it is of %s, %s", c.Event, id, c.ExperimentID, c.TrackingID)
	}
	switch c.Event {
	case "STARTED":
		d.change(id, func(task *Task) { task.State = Progress })
	case "SUCCESS":
		if err := d.succeed(r.Context(), task, c); err != nil {
			d.change(id, func(task *Task) { task.State, task.Error = Failed, err.Error() })
			break
		}
		d.change(id, func(task *Task) { task.State = Success })
	case "ERROR":
		if string(c.Fields["completed"]) == "false" {
			break
		}
		if c.Text("error") == "" || c.Text("message") == "" {
			d.fault("ERROR of task %s has no text: %s", id, c.Body)
		}
		d.change(id, func(task *Task) { task.State, task.Error = Failed, c.Text("error") })
	}
	return http.StatusOK, map[string]any{"success": true}
}

// succeed is the work of the front at a task's end.
func (d *Demo) succeed(ctx context.Context, task Task, c *Callback) error {
	if string(c.Fields["success"]) != "true" {
		return fmt.Errorf("SUCCESS without success: true: %.300s", c.Body)
	}
	switch strings.Trim(task.Prefix, "/") {
	case "regions", "region_extraction":
		return d.regions(ctx, task, c.Fields["output"])
	case "similarity":
		return d.similarity(ctx, task, c.Fields["output"])
	case "clustering", "dticlustering":
		return d.clustering(ctx, c.Fields["output"])
	}
	return nil
}

// similarity stores what a task found and holds what the viewer needs.
func (d *Demo) similarity(ctx context.Context, task Task, raw json.RawMessage) error {
	var output struct {
		Annotations *Similarity `json:"annotations"`
		ResultsURL  []struct {
			DocPair   string `json:"doc_pair"`
			ResultURL string `json:"result_url"`
		} `json:"results_url"`
	}
	if err := json.Unmarshal(raw, &output); err != nil {
		return err
	}
	found := output.Annotations
	if d.Generation == 3 {
		for _, result := range output.ResultsURL {
			if result.DocPair == "dataset" {
				if err := d.Get(ctx, result.ResultURL, &found); err != nil {
					return err
				}
			}
		}
	}
	if found == nil {
		return fmt.Errorf("no similarity in %.300s", raw)
	}
	if err := found.check(); err != nil {
		return err
	}
	d.change(task.ID, func(task *Task) { task.Similar = found })
	return nil
}

func (d *Demo) clustering(ctx context.Context, raw json.RawMessage) error {
	var output struct {
		ResultURL string `json:"result_url"`
	}
	if err := json.Unmarshal(raw, &output); err != nil {
		return err
	}
	answer, err := d.Do(ctx, http.MethodGet, output.ResultURL, "", nil)
	if err != nil {
		return err
	}
	names, err := Entries(answer.Body)
	if err != nil {
		return fmt.Errorf("GET %s = %d: %w", output.ResultURL, answer.Status, err)
	}
	if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "prototypes/") }) {
		return fmt.Errorf("no prototypes among %q", names)
	}
	return nil
}
