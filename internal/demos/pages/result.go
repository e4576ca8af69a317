package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"granary/internal/console/ui"
	"granary/internal/demos"
	"granary/internal/demos/dataset"
	"granary/internal/platform/fault"
)

// result is what a task found, ready to draw. At most one of its parts is
// set; none for actors that we do not know.
type result struct {
	// Problems are what the app says went wrong, in its words.
	Problems []string
	// TooLarge says that the result's file is too long to be drawn here.
	TooLarge bool
	// Replaced says that there is nothing to draw any more.
	Replaced bool

	Alike    *alike
	Drawings []drawing
	Regions  []region
	Groups   []group
	Marks    *marks
	// Index is the id of an index that was made.
	Index string
	// SearchHref looks pictures up in it.
	SearchHref string

	// Total is how many things there are; From counts those before the first
	// shown. Previous and Next are addresses of the parts beside.
	From, To, Total int
	Previous, Next  string
}

// part cuts the shown part of total things, as the address wants it, and
// links the parts beside it.
func (v *result) part(r *http.Request, total, size int) (from, to int) {
	from, err := strconv.Atoi("0" + r.URL.Query().Get("from"))
	if err != nil || from >= total {
		from = 0
	}
	to = min(from+size, total)
	here := r.URL.Path
	if from > 0 {
		v.Previous = ui.WithQuery(here, "from", strconv.Itoa(max(from-size, 0)))
	}
	if to < total {
		v.Next = ui.WithQuery(here, "from", strconv.Itoa(to))
	}
	v.From, v.To, v.Total = from, to, total
	return from, to
}

// maxDrawn bounds a file that is read to be drawn.
const maxDrawn = 64 << 20

// errTooLarge tells that a file is longer than maxDrawn.
var errTooLarge = errors.New("the result is too long to be drawn")

// result reads and draws what a task found.
func (p *pages) result(r *http.Request, task *demos.Task, files []demos.File, documents []dataset.Document) (*result, error) {
	app, err := p.service.App(task.App)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // the app is not installed any more: its files are listed
	}
	endpoint, ok := app.Endpoint(task.Endpoint)
	if !ok {
		return nil, nil //nolint:nilnil // as above
	}
	v := &result{}
	output, err := p.service.Output(r.Context(), task)
	if err != nil {
		return nil, err
	}
	var said struct{ Error []string }
	if json.Unmarshal(output, &said) == nil {
		v.Problems = said.Error
	}
	work := work{pages: p, request: r, task: task, app: app, files: files, documents: documents, output: output}
	switch endpoint.Actor {
	case "compute_similarity":
		err = work.alike(v)
	case "index_dataset":
		err = work.index(v)
	case "query_index":
		err = work.matches(v)
	case "compute_vectorization":
		err = work.drawings(v)
	case "extract_objects":
		err = work.regions(v)
	case "train_dti":
		err = work.groups(v)
	case "pipeline":
		err = work.marks(v)
	}
	switch {
	case errors.Is(err, errTooLarge):
		v.TooLarge = true
	case fault.Is(err, fault.NotFound):
		v.Replaced = true
	case err != nil:
		return nil, err
	}
	return v, nil
}

// work is a finished task while its result is drawn.
type work struct {
	*pages
	request   *http.Request
	task      *demos.Task
	app       *demos.App
	files     []demos.File
	documents []dataset.Document
	output    json.RawMessage
	// sources are the addresses of a document's pictures by what they came
	// from, read when a crop asks.
	sources map[string]map[string]string
}

// json decodes the first published file that fits.
func (w *work) json(fits func(path string) bool, into any) error {
	for _, file := range w.files {
		if !fits(file.Path) {
			continue
		}
		data, err := w.read(w.request.Context(), file.Path)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return fault.New(fault.Invalid, "the result cannot be read: %w", err)
		}
		return nil
	}
	return fault.New(fault.NotFound, "the result is not there any more")
}

// read returns a published file of the task.
func (w *work) read(ctx context.Context, name string) ([]byte, error) {
	content, err := w.service.TaskFile(ctx, w.task.ID, name)
	if err != nil {
		return nil, err
	}
	return readContent(content)
}

// readContent reads an opened file and closes it.
func readContent(content demos.Content) ([]byte, error) {
	defer content.Body.Close()
	if content.Size > maxDrawn {
		return nil, errTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(content.Body, maxDrawn))
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	return data, nil
}
