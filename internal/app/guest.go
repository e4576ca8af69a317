package app

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"granary/internal/demos/builtin/clustering"
	"granary/internal/demos/builtin/regions"
	"granary/internal/demos/builtin/search"
	"granary/internal/demos/builtin/similarity"
	"granary/internal/demos/builtin/vectorization"
	"granary/internal/demos/builtin/watermarks"
	"granary/internal/platform/fault"
	"granary/internal/platform/worker/guest"
)

// guests are the built-in apps by name, each with its tasks by actor.
func guests() map[string]map[string]guest.Task {
	return map[string]map[string]guest.Task{
		"dticlustering": clustering.Tasks(),
		"regions":       regions.Tasks(),
		"search":        search.Tasks(),
		"similarity":    similarity.Tasks(),
		"vectorization": vectorization.Tasks(),
		"watermarks":    watermarks.Tasks(),
	}
}

// RunApp is a built-in app as a worker: it does the jobs that arrive on in
// until in closes.
func RunApp(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	tasks, ok := guests()[name]
	if !ok {
		return fault.New(fault.NotFound, "there is no built-in app %q: choose one of %s", name, strings.Join(slices.Sorted(maps.Keys(guests())), ", "))
	}
	return guest.Serve(ctx, in, out, name, tasks)
}
