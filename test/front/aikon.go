package front

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// Treatment is a row of the AIKON platform.
type Treatment struct {
	ID, Task, TrackingID string
	// State is PENDING, STARTED, IN PROGRESS, SUCCESS or ERROR.
	State, Error string
	// Fetched are the result addresses that were fetched, in order.
	Fetched []string
}

// Aikon is the AIKON platform: flat start requests, callbacks that are found
// by their experiment, results that are fetched one by one.
type Aikon struct {
	*Front
	API

	treatments map[string]*Treatment // by id, under the front's lock
}

// NewAikon adds the platform's handlers to the machine.
func NewAikon(f *Front, api API) *Aikon {
	a := &Aikon{Front: f, API: api, treatments: map[string]*Treatment{}}
	f.mux.HandleFunc("POST /aikon/{task}/notify", func(w http.ResponseWriter, r *http.Request) {
		f.take(w, r, func(c *Callback) (int, any) {
			if err := a.notify(r.Context(), r.PathValue("task"), c); err != nil {
				return http.StatusBadRequest, map[string]any{"success": false, "error": err.Error()}
			}
			return http.StatusOK, map[string]any{"success": true, "message": "Update received"}
		})
	})
	return a
}

// Treat starts a treatment. The start must answer as the platform compares it:
// a content type and a status that are exactly right.
func (a *Aikon) Treat(ctx context.Context, task string, documents []any, parameters map[string]any) (Treatment, error) {
	treatment := &Treatment{ID: uuid.NewString(), Task: task, State: Pending}
	a.mu.Lock()
	a.treatments[treatment.ID] = treatment
	a.mu.Unlock()
	envelope := map[string]any{
		"experiment_id": treatment.ID, "documents": documents, "notify_url": a.URL + "/aikon/" + task + "/notify",
	}
	for name, value := range parameters {
		envelope[name] = value
	}
	answer, err := a.Start(ctx, "/"+task+"/start", envelope)
	if err != nil {
		return *treatment, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if treatment.State != Pending {
		a.faults = append(a.faults, "treatment "+treatment.ID+" heard of its task before its start call returned")
	}
	treatment.TrackingID, treatment.State = answer.TrackingID, "STARTED"
	return *treatment, nil
}

// Await waits for a treatment to end in that state.
func (a *Aikon) Await(t testing.TB, id, state string) Treatment {
	t.Helper()
	var treatment Treatment
	a.await(t, "the treatment "+id+" becomes "+state, func() bool {
		treatment = *a.treatments[id]
		return treatment.State == Success || treatment.State == Failed
	})
	if treatment.State != state {
		t.Fatalf("treatment of %s is %s (%s), want %s", treatment.Task, treatment.State, treatment.Error, state)
	}
	return treatment
}

// notify is the notification handler.
func (a *Aikon) notify(ctx context.Context, task string, c *Callback) error {
	a.mu.Lock()
	treatment := a.treatments[c.ExperimentID]
	a.mu.Unlock()
	if treatment == nil || treatment.Task != task {
		return fmt.Errorf("there is no treatment %s", c.ExperimentID)
	}
	state, message := "IN PROGRESS", ""
	var err error
	switch c.Event {
	case "PROGRESS":
		err = a.results(ctx, treatment, c)
	case "SUCCESS":
		state = Success
		err = a.results(ctx, treatment, c)
	case "ERROR":
		if message = c.Text("message"); message == "" {
			a.fault("ERROR of %s has no message: %s", treatment.ID, c.Body)
		}
		if string(c.Fields["completed"]) != "false" {
			state = Failed
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	treatment.State, treatment.Error = state, message
	a.note()
	if err != nil {
		a.faults = append(a.faults, fmt.Sprintf("%s of the treatment %s: %v", c.Event, treatment.Task, err))
	}
	return err
}

// link is one item of results_url.
type link struct {
	DocID     string `json:"doc_id"`
	DocPair   string `json:"doc_pair"`
	ResultURL string `json:"result_url"`
}

// results fetches what a notification names. Of vectorization only the first
// document that is new is handled.
func (a *Aikon) results(ctx context.Context, treatment *Treatment, c *Callback) error {
	var output struct {
		ResultsURL []link   `json:"results_url"`
		Error      []string `json:"error"`
	}
	if err := json.Unmarshal(c.Fields["output"], &output); err != nil {
		return err
	}
	if len(output.ResultsURL) == 0 {
		return fmt.Errorf("no results: %s", strings.Join(output.Error, "\n"))
	}
	for _, one := range output.ResultsURL {
		a.mu.Lock()
		known := slices.Contains(treatment.Fetched, one.ResultURL)
		a.mu.Unlock()
		if known || one.DocPair == "dataset" {
			continue
		}
		if err := a.fetch(ctx, treatment.Task, one); err != nil {
			return err
		}
		a.mu.Lock()
		treatment.Fetched = append(treatment.Fetched, one.ResultURL)
		a.mu.Unlock()
		if treatment.Task == "vectorization" {
			break
		}
	}
	return nil
}

// witness is how the platform names documents.
var witness = regexp.MustCompile(`^wit\d+_[a-z]{3}\d+(_anno\d+)?$`)

func (a *Aikon) fetch(ctx context.Context, task string, one link) error {
	for _, uid := range append(strings.Split(one.DocPair, "-"), one.DocID) {
		if uid != "" && !witness.MatchString(uid) {
			return fmt.Errorf("the document %q is not named as it was sent", uid)
		}
	}
	switch task {
	case "regions":
		return a.fetchRegions(ctx, one.ResultURL)
	case "similarity":
		var found Similarity
		if err := a.Get(ctx, one.ResultURL, &found); err != nil {
			return err
		}
		return found.check()
	}
	answer, err := a.Do(ctx, http.MethodGet, one.ResultURL, "", nil)
	if err != nil {
		return err
	}
	names, err := Entries(answer.Body)
	if err != nil || len(names) == 0 {
		return fmt.Errorf("GET %s = %d with %d entries: %w", one.ResultURL, answer.Status, len(names), err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".svg") || strings.Contains(name, "/") {
			return fmt.Errorf("GET %s holds %q", one.ResultURL, name)
		}
	}
	return nil
}

func (a *Aikon) fetchRegions(ctx context.Context, address string) error {
	if model, _, ok := strings.Cut(address[strings.LastIndexByte(address, '/')+1:], "+"); !ok || model == "" {
		return fmt.Errorf("no model can be read from %s", address)
	}
	var list []Annotation
	if err := a.Get(ctx, address, &list); err != nil {
		return err
	}
	for _, annotation := range list {
		if annotation.Source == "" || annotation.Crops == nil {
			return fmt.Errorf("%s names no picture or no crops", address)
		}
		if err := annotation.check(); err != nil {
			return err
		}
	}
	return nil
}
