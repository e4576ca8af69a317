package api

import (
	"context"
)

// App is an installed app.
type App struct {
	Name        string     `json:"name"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Prefix      string     `json:"prefix" doc:"Where front ends reach it."`
	Queue       string     `json:"queue"`
	Endpoints   []Endpoint `json:"endpoints"`
}

// Endpoint is one kind of task.
type Endpoint struct {
	Path       string      `json:"path" doc:"Empty for the app's only one."`
	Documents  string      `json:"documents" enum:"required,optional,none"`
	Crops      bool        `json:"crops"`
	Upload     bool        `json:"upload" doc:"Whether a picture is to be sent."`
	Parameters []Parameter `json:"parameters"`
	Models     []DemoModel `json:"models"`
}

// DemoModel is a model that a start request may name.
type DemoModel struct {
	Model string `json:"model"`
	Name  string `json:"name"`
	Desc  string `json:"desc"`
	Date  string `json:"date,omitempty" doc:"When the file was changed last; empty for built-in ones."`
}

// Parameter is one parameter of a start request.
type Parameter struct {
	Name        string   `json:"name"`
	Type        string   `json:"type" enum:"string,integer,number,boolean,list,object,any"`
	Description string   `json:"description"`
	Required    bool     `json:"required"`
	Default     any      `json:"default"`
	Enum        []string `json:"enum,omitempty"`
	Minimum     *float64 `json:"minimum,omitempty"`
	Maximum     *float64 `json:"maximum,omitempty" doc:"Of a list, how many entries it may have."`
}

func (a *api) apps(context.Context, *struct{}) (*body[[]App], error) {
	out := []App{}
	for _, app := range a.demos.Apps() {
		one := App{Name: app.Name, Title: app.Title, Description: app.Description, Prefix: app.Prefixes[0], Queue: app.Queue}
		for i := range app.Endpoints {
			e := &app.Endpoints[i]
			models, err := a.demos.Models(app, e)
			if err != nil {
				return nil, err
			}
			endpoint := Endpoint{
				Path: e.Path, Documents: string(e.Documents), Crops: e.Crops, Upload: e.Upload != "", Parameters: []Parameter{}, Models: []DemoModel{},
			}
			for _, model := range models {
				endpoint.Models = append(endpoint.Models, DemoModel{model.Stem, model.Name, model.Desc, model.Date})
			}
			for _, p := range e.Parameters {
				endpoint.Parameters = append(endpoint.Parameters, Parameter{
					Name: p.Name, Type: p.Type, Description: p.Desc, Required: p.Required, Default: p.Default,
					Enum: p.Enum, Minimum: p.Min, Maximum: p.Max,
				})
			}
			one.Endpoints = append(one.Endpoints, endpoint)
		}
		out = append(out, one)
	}
	return wrap(out, nil)
}
