package pages

import (
	"encoding/json"
	"strings"

	"granary/internal/console/ui"
	"granary/internal/demos"
	"granary/internal/platform/fault"
)

// catalogue is the result document of indexing.
type catalogue struct {
	Metadata struct {
		IndexID string `json:"index_id"`
	} `json:"metadata"`
	Index index `json:"index"`
}

// index draws the pictures that were indexed.
func (w *work) index(v *result) error {
	var file catalogue
	if err := w.json(isIndexing, &file); err != nil {
		return err
	}
	v.Index = file.Metadata.IndexID
	v.SearchHref = ui.WithQuery(appHref(w.app.Name), "index_id", v.Index)
	v.Alike = &alike{}
	from, to := v.part(w.request, len(file.Index.Images), alikeRows*3)
	for i := from; i < to; i++ {
		v.Alike.Rows = append(v.Alike.Rows, alikeRow{Picture: w.shownOf(&file.Index, i)})
	}
	return nil
}

func isIndexing(name string) bool {
	return strings.Contains(name, "/indexing/") && strings.HasSuffix(name, ".json")
}

// matches draws what a query found in an index.
func (w *work) matches(v *result) error {
	var file struct {
		Query index        `json:"query"`
		Pairs [][5]float64 `json:"pairs"`
	}
	if err := w.json(func(name string) bool { return strings.HasSuffix(name, ".json") }, &file); err != nil {
		return err
	}
	listed, err := w.indexed()
	if err != nil {
		return err
	}
	found := make([][]ranked, len(file.Query.Images))
	for _, pair := range file.Pairs {
		source, query, err := listed.places(pair[0], &file.Query, pair[1])
		if err != nil {
			return err
		}
		found[query] = append(found[query], ranked{source, pair[2], listed.turn(pair[3])})
	}
	w.rank(v, &file.Query, found, listed)
	return nil
}

// indexed is the list of the pictures of the index that the task asked: it is
// with the task that made the index.
func (w *work) indexed() (*index, error) {
	values, err := w.task.Values()
	if err != nil {
		return nil, err
	}
	id, _ := values["index_id"].(string) // checked when the task was started
	ctx, cursor := w.request.Context(), ""
	for range maxMakers {
		page, err := w.service.Tasks(ctx, demos.TaskFilter{App: w.app.Name, State: demos.Succeeded, Cursor: cursor})
		if err != nil {
			return nil, err
		}
		for i := range page.Tasks {
			maker := *w
			if maker.task = &page.Tasks[i]; !madeIndex(maker, id) {
				continue
			}
			var file catalogue
			if maker.files, err = w.service.Published(ctx, maker.task.ID); err != nil {
				return nil, err
			}
			if err := maker.json(isIndexing, &file); err != nil {
				return nil, err
			}
			return &file.Index, nil
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return nil, fault.New(fault.NotFound, "the task that made the index is not there any more")
}

// maxMakers bounds the pages of tasks among which an index's maker is looked for.
const maxMakers = 20

// madeIndex reports whether a task made the index of that id.
func madeIndex(w work, id string) bool {
	endpoint, ok := w.app.Endpoint(w.task.Endpoint)
	if !ok || endpoint.Actor != "index_dataset" {
		return false
	}
	output, err := w.service.Output(w.request.Context(), w.task)
	var said catalogue
	return err == nil && json.Unmarshal(output, &said) == nil && said.Metadata.IndexID == id
}
