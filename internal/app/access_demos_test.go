package app

import (
	"maps"
	"testing"

	"granary/apps"
	"granary/internal/demos"
)

// demoRows are the routes of the demos' front ends. They send no credentials,
// so that everybody gets the same answer; ids that nobody guesses are what
// keeps one front end's tasks from another's.
func demoRows(t *testing.T) map[string]accessRow {
	t.Helper()
	rows := map[string]accessRow{
		"GET /docs/discover":                      {want: everybody(200)},
		"GET /openapi/discover.json":              {want: everybody(200)},
		"POST /{id}/cancel":                       nobodys(200),
		"GET /datasets/dataset/{uid}":             nobodys(404),
		"GET /datasets/document/{type}/{rest...}": nobodys(404),
		"POST /regions/clear":                     {want: everybody(200), body: fixedForm("dataset_id", "1")},
		"POST /region_extraction/clear":           {want: everybody(200), body: fixedForm("dataset_id", "1")},
		"POST /vectorization/delete_and_relaunch": nobodys(200),
		"POST /search/monitor/clear/index/{id}":   nobodys(200),
		"GET /watermarks/sources":                 nobodys(200),
		"GET /watermarks/sources/{uid}/{file}":    nobodys(404),
		"POST /regions/{doc}/delete":              nobodys(200),
		"POST /region_extraction/{doc}/delete":    nobodys(200),
		"POST /similarity/{doc}/delete":           nobodys(200),
		"POST /vectorization/{doc}/delete":        nobodys(200),
		"GET /watermarks/task/{id}/result":        nobodys(404),
	}
	installed, err := demos.LoadApps(apps.Files, "", []string{"regions", "similarity", "vectorization", "dticlustering", "watermarks", "search"})
	if err != nil {
		t.Fatal(err)
	}
	for _, app := range installed {
		for _, e := range app.Endpoints {
			for _, prefix := range app.Prefixes {
				at := prefix + e.Path
				rows["POST "+at+"/start"] = accessRow{want: everybody(400), body: fixedJSON(map[string]any{})}
				for method, paths := range map[string][]string{
					"GET":  {"/{id}/status", "/qsizes", "/monitor"},
					"POST": {"/{id}/cancel", "/monitor/clear", "/monitor/clear/{id}"},
				} {
					for _, path := range paths {
						rows[method+" "+at+path] = nobodys(200)
					}
				}
				if e.Models != nil {
					rows["GET "+at+"/models"] = nobodys(200)
				}
				if e.Result.Path != "" {
					rows["GET "+at+e.Result.Path] = nobodys(404)
				}
			}
		}
	}
	started := fixedJSON(map[string]any{"documents": []map[string]string{{"type": "zip", "src": "http://front.example/a.zip"}}})
	rows["POST /similarity/start"] = accessRow{want: everybody(200), body: started}
	return rows
}

// demoPageRows are the demos' native operations and pages of the console:
// tasks belong to front
// ends, so that only stewards see any.
func demoPageRows() map[string]accessRow {
	const root = "/console/demos"
	absent := given("id", "none", "job", "none", "app", "none", "uid", "none", "type", "zip", "path", "images/a.png", "entry", "a/b.png")
	row := func(status int) accessRow { return accessRow{want: page(stewards(status)), objects: absent} }
	started := row(404)
	started.body = fixedForm()
	const api = "/api/v1/demos"
	native := func(status int) accessRow { return accessRow{want: stewards(status), objects: absent} }
	asked := native(404)
	asked.body = fixedJSON(map[string]any{"documents": []any{}})
	return map[string]accessRow{
		"GET " + api + "/apps":                             native(200),
		"GET " + api + "/tasks":                            native(200),
		"GET " + api + "/tasks/{id}":                       native(404),
		"GET " + api + "/tasks/{id}/output":                native(404),
		"GET " + api + "/tasks/{id}/files":                 native(404),
		"GET " + api + "/tasks/{id}/files/{path...}":       native(404),
		"POST " + api + "/apps/{app}/tasks":                asked,
		"POST " + api + "/tasks/{id}/cancel":               native(404),
		"GET " + root:                                      {want: page(stewards(200))},
		"GET " + root + "/apps/{app}":                      {want: page(stewards(200)), objects: given("app", "similarity")},
		"POST " + root + "/apps/{app}/start":               started,
		"GET " + root + "/tasks":                           {want: page(stewards(200))},
		"GET " + root + "/tasks/{id}":                      row(404),
		"POST " + root + "/tasks/{id}/cancel":              started,
		"GET " + root + "/tasks/{id}/files/{path...}":      row(404),
		"GET " + root + "/tasks/{id}/upload":               row(404),
		"GET " + root + "/tasks/{id}/archive/{entry...}":   row(404),
		"GET " + root + "/jobs/{job}":                      row(404),
		"GET " + root + "/pictures/{type}/{uid}/{path...}": row(404),
		"GET " + root + "/sources/{app}/{uid}/{entry...}":  row(404),
	}
}

// nobodys is a row of an object that does not exist.
func nobodys(status int) accessRow {
	return accessRow{want: everybody(status), objects: func(*testing.T, *lab) objects {
		return objects{"id": "none", "uid": "none", "file": "index.json", "type": "zip", "rest": "none", "doc": "none"}
	}}
}

// allRows are the rows of every door.
func allRows(t *testing.T) map[string]accessRow {
	t.Helper()
	rows := accessRows()
	maps.Copy(rows, demoRows(t))
	maps.Copy(rows, demoPageRows())
	return rows
}
