package manifest

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
)

func (e *Endpoint) check() []error {
	var errs []error
	problem := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if e.Path != "" && !prefixGrammar.MatchString(e.Path) {
		problem("path: want one like /indexing")
	}
	if e.Actor == "" {
		problem("actor is missing")
	}
	for _, body := range e.Bodies {
		oneOf(problem, "bodies", body, "json", "form", "multipart")
	}
	oneOf(problem, "documents", e.Documents, Required, Optional, Never)
	oneOf(problem, "arguments", e.Shape, Flat, Object, Text)
	oneOf(problem, "clear_one", e.ClearOne, ByName, ByTask, ByDocument)
	oneOf(problem, "result.id", e.Result.ID, ByName, ByTask, ByDocument)
	oneOf(problem, "delete", e.Delete, "", DeleteAnnotations, DeletePairs, DeleteFolder)
	if (e.Result.Path == "") != (e.Result.File == "") {
		problem("result: path and file come together")
	}
	if e.Result.File != "" && (!inside(e.Result.File) || !strings.Contains(e.Result.File, "{id}")) {
		problem("result.file: %q is not a file with {id} inside the app's folder", e.Result.File)
	}
	if e.Result.Path != "" && (!strings.HasPrefix(e.Result.Path, "/") || !strings.Contains(e.Result.Path, "{id}")) {
		problem("result.path: %q is not a path with {id}", e.Result.Path)
	}
	for _, input := range e.Inputs {
		if !inside(input) {
			problem("inputs: %q is not inside the app's folder", input)
		}
	}
	for _, pattern := range e.Publish {
		if _, err := path.Match(pattern, "x"); err != nil || !inside(pattern) {
			problem("publish: %q is not a pattern inside the app's folder", pattern)
		}
	}
	if e.Models != nil && e.Models.Folder != "" && !inside(e.Models.Folder) {
		problem("models.folder: %q is not inside the app's folder", e.Models.Folder)
	}
	for name, counted := range e.Clear {
		if !nameGrammar.MatchString(name) {
			problem("clear: %q is not a counter's name", name)
		}
		oneOf(problem, "clear."+name, counted, CountTasks, CountResults, CountDocuments, CountUploads, CountNothing)
	}
	return append(errs, e.Parameters.check()...)
}

// inside reports whether a slash path stays inside the folder that it is
// joined to.
func inside(name string) bool {
	return filepath.IsLocal(name) && !strings.Contains(name, `\`) && !strings.ContainsRune(name, 0)
}
