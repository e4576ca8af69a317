// Package api is the demos service's native door: apps, tasks and results as
// JSON under /api/v1/demos, for programs of the lab. It holds no rule. Front
// ends that speak the wire format of the apps use the discover door instead.
package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/platform/identity"
	"granary/internal/platform/web"
)

// maxStart bounds a start request: it may list the regions of many pictures.
const maxStart = 64 << 20

// Add adds the operations to a native door.
func Add(n *web.Native, service *demos.Service) {
	a := &api{service}
	get := func(path, summary string) web.Operation {
		return web.Operation{Method: http.MethodGet, Path: "/api/v1/demos" + path, Access: web.StewardOnly, Scope: identity.ScopeRead, Summary: summary}
	}
	web.Handle(n, get("/apps", "The installed apps with what they take"), a.apps)
	web.Handle(n, get("/tasks", "Tasks, newest first"), a.tasks)
	web.Handle(n, get("/tasks/{id}", "A task with its documents and what its worker says"), a.task)
	web.Handle(n, get("/tasks/{id}/output", "What a succeeded task answered"), a.output)
	web.Handle(n, get("/tasks/{id}/files", "The files that a task has published"), a.files)
	web.Handle(n, web.Operation{
		Method: http.MethodPost, Path: "/api/v1/demos/apps/{app}/tasks", Access: web.StewardOnly, Scope: identity.ScopeWrite,
		Status: http.StatusAccepted, MaxBody: maxStart, Summary: "Queue a task",
	}, a.start)
	web.Handle(n, web.Operation{
		Method: http.MethodPost, Path: "/api/v1/demos/tasks/{id}/cancel", Access: web.StewardOnly, Scope: identity.ScopeWrite,
		Summary: "Stop a task; one that has ended is left alone",
	}, a.cancel)
	n.Add(web.Route{
		Method: http.MethodGet, Path: "/api/v1/demos/tasks/{id}/files/{path...}", Access: web.StewardOnly, Scope: identity.ScopeRead,
		Summary: "One published file", Response: &web.Body{MediaType: "application/octet-stream"}, Handler: http.HandlerFunc(a.file),
	})
}

type api struct{ demos *demos.Service }

type body[T any] struct{ Body T }

func wrap[T any](value T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{value}, nil
}

type taskInput struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the task"`
}

// listInput selects tasks.
type listInput struct {
	App          string `query:"app" maxLength:"20" doc:"Only this app."`
	State        string `query:"state" enum:"open,succeeded,failed,timed_out,lost,cancelled" doc:"Only this state; open tasks wait or run."`
	ExperimentID string `query:"experiment_id" maxLength:"512" doc:"Only the tasks of this experiment."`
	Cursor       string `query:"cursor" maxLength:"120" doc:"What the previous part returned as next."`
	Limit        int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many to return."`
}

func (a *api) tasks(ctx context.Context, in *listInput) (*body[TaskList], error) {
	page, err := a.demos.Tasks(ctx, demos.TaskFilter{
		App: in.App, State: demos.State(in.State), ExperimentID: in.ExperimentID, Cursor: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := TaskList{Tasks: make([]Task, len(page.Tasks)), Next: page.Next}
	for i := range page.Tasks {
		out.Tasks[i] = newTask(&page.Tasks[i], page.Tasks[i].State)
	}
	return wrap(out, nil)
}

func (a *api) task(ctx context.Context, in *taskInput) (*body[TaskDetail], error) {
	status, err := a.demos.Status(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := TaskDetail{Task: newTask(status.Task, status.State)}
	if out.Documents, err = a.demos.Documents(ctx, in.ID); err != nil {
		return nil, err
	}
	if out.Parameters, err = status.Task.Values(); err != nil {
		return nil, err
	}
	out.Infos, out.Warnings, out.Errors = some(status.View.Infos), some(status.View.Warnings), some(status.View.Errors)
	out.Bars = []TaskBar{}
	for _, bar := range status.View.Bars {
		out.Bars = append(out.Bars, TaskBar{bar.Key, bar.Context, bar.Current, bar.Total})
	}
	return wrap(out, nil)
}

// some is a list that JSON does not write as null.
func some[T any](list []T) []T { return append([]T{}, list...) }

func (a *api) output(ctx context.Context, in *taskInput) (*body[json.RawMessage], error) {
	task, err := a.demos.Task(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if task.State != demos.Succeeded {
		return nil, errNoOutput()
	}
	return wrap(a.demos.Output(ctx, task))
}

func (a *api) files(ctx context.Context, in *taskInput) (*body[[]File], error) {
	if _, err := a.demos.Task(ctx, in.ID); err != nil {
		return nil, err
	}
	published, err := a.demos.Published(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := make([]File, len(published))
	for i, file := range published {
		out[i] = File{Path: file.Path, SHA256: file.SHA256, Size: file.Size, MediaType: file.MediaType, CreatedAt: file.CreatedAt}
	}
	return wrap(out, nil)
}

// startInput is a start request.
type startInput struct {
	App  string `path:"app" maxLength:"20" doc:"Name of the app"`
	Body StartRequest

	base string
}

// Resolve notes how the client reached this server, which is how it will
// reach the results.
func (in *startInput) Resolve(ctx huma.Context) []error {
	in.base = web.BaseURL(ctx.Context(), ctx.Host())
	return nil
}

var _ huma.Resolver = (*startInput)(nil)

// StartRequest is what a task is to do.
type StartRequest struct {
	Endpoint     string                     `json:"endpoint,omitempty" maxLength:"100" doc:"Path of the endpoint, for apps with several."`
	ExperimentID string                     `json:"experiment_id,omitempty" maxLength:"512" doc:"An id of your own; a new UUID without."`
	NotifyURL    string                     `json:"notify_url,omitempty" maxLength:"8192" doc:"Address of the callbacks; none without."`
	Documents    []StartDocument            `json:"documents,omitempty" maxItems:"10000"`
	Crops        json.RawMessage            `json:"crops,omitempty" doc:"Regions of pictures, as the regions app writes them; whole pictures without."`
	Parameters   map[string]json.RawMessage `json:"parameters,omitempty" doc:"Values by the parameter's name; those that the app does not know are ignored."`
	Upload       []byte                     `json:"upload,omitempty" doc:"The picture, in base64, for endpoints that take one."`
}

// StartDocument is a source of pictures.
type StartDocument struct {
	Type string `json:"type" enum:"zip,iiif,url_list,pdf,img"`
	Src  string `json:"src" maxLength:"8192" doc:"Address to download from."`
	UID  string `json:"uid,omitempty" maxLength:"200" doc:"Name of the document; made from the address without."`
}

func (a *api) start(ctx context.Context, in *startInput) (*body[Task], error) {
	app, err := a.demos.App(in.App)
	if err != nil {
		return nil, err
	}
	endpoint, ok := app.Endpoint(in.Body.Endpoint)
	if !ok {
		return nil, errNoEndpoint(in.App, in.Body.Endpoint)
	}
	start := demos.Start{
		ExperimentID: in.Body.ExperimentID, NotifyURL: in.Body.NotifyURL, BaseURL: in.base, Crops: in.Body.Crops,
		Parameters: in.Body.Parameters, Upload: in.Body.Upload,
	}
	for _, d := range in.Body.Documents {
		start.Documents = append(start.Documents, dataset.Document{Type: d.Type, Src: d.Src, UID: d.UID})
	}
	task, err := a.demos.Start(ctx, app, endpoint, start)
	if err != nil {
		return nil, err
	}
	return wrap(newTask(task, demos.Waiting), nil)
}

func (a *api) cancel(ctx context.Context, in *taskInput) (*struct{}, error) {
	if _, err := a.demos.Task(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, a.demos.Cancel(ctx, in.ID)
}
