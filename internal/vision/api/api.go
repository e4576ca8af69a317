// Package api is the vision service's native door: its operations as JSON
// under /api/v1/vision, for programs of the lab. It holds no rule.
package api

import (
	"context"
	"net/http"

	"granary/internal/platform/identity"
	"granary/internal/platform/web"
	"granary/internal/vision"
)

// Add adds the operations to a native door.
func Add(n *web.Native, service *vision.Service) {
	a := &api{service}
	get := func(path, summary string) web.Operation {
		return web.Operation{Method: http.MethodGet, Path: "/api/v1/vision" + path, Access: web.SignedIn, Scope: identity.ScopeRead, Summary: summary}
	}
	web.Handle(n, get("/picture-sets", "The caller's picture sets with their pictures"), a.sets)
	web.Handle(n, get("/pictures/{id}", "One picture"), a.picture)
	web.Handle(n, get("/pictures/{id}/inference", "A picture's newest inference"), a.inference)
	web.Handle(n, get("/seeds", "Every seed"), a.seeds)
	web.Handle(n, get("/pipelines", "Every pipeline, without endpoints and keys"), a.pipelines)
	web.Handle(n, get("/model/versions", "Versions of the built-in classifier, newest first"), a.versions)
	web.Handle(n, web.Operation{
		Method: http.MethodPost, Path: "/api/v1/vision/model/retrain", Access: web.StewardOnly, Scope: identity.ScopeWrite,
		Status: http.StatusAccepted, Summary: "Queue a training on every verified box",
	}, a.retrain)
	web.Handle(n, web.Operation{
		Method: http.MethodPost, Path: "/api/v1/vision/model/versions/{version}/activate", Access: web.AdminOnly, Scope: identity.ScopeWrite,
		Summary: "Put a model version to use",
	}, a.activate)
	n.Add(a.files()...)
}

type api struct{ vision *vision.Service }

type idInput struct {
	ID string `path:"id" doc:"UUID"`
}

type body[T any] struct{ Body T }

func wrap[T any](value T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{value}, nil
}

func (a *api) picture(ctx context.Context, in *idInput) (*body[vision.Picture], error) {
	picture, _, err := a.vision.Picture(ctx, in.ID)
	return wrap(picture, err)
}

func (a *api) inference(ctx context.Context, in *idInput) (*body[vision.Inference], error) {
	return wrap(a.vision.LatestInference(ctx, in.ID))
}

func (a *api) seeds(ctx context.Context, _ *struct{}) (*body[[]vision.Seed], error) {
	return wrap(a.vision.Seeds(ctx))
}

func (a *api) pipelines(ctx context.Context, _ *struct{}) (*body[[]vision.Pipeline], error) {
	return wrap(a.vision.Pipelines(ctx))
}

func (a *api) versions(ctx context.Context, _ *struct{}) (*body[[]vision.ModelVersion], error) {
	return wrap(a.vision.ModelVersions(ctx))
}

// Queued names the job that does the work.
type Queued struct {
	JobID string `json:"job_id"`
}

func (a *api) retrain(ctx context.Context, _ *struct {
	Body *struct{} `doc:"Nothing, or an empty object."`
},
) (*body[Queued], error) {
	id, err := a.vision.Retrain(ctx)
	return wrap(Queued{id}, err)
}

func (a *api) activate(ctx context.Context, in *struct {
	Version int64 `path:"version" minimum:"1" doc:"Version number"`
},
) (*struct{}, error) {
	return nil, a.vision.ActivateModel(ctx, in.Version)
}
