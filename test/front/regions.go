package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Annotation is what was found on one picture.
type Annotation struct {
	Source string `json:"source"`
	DocUID string `json:"doc_uid"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Crops  []Crop `json:"crops"`
}

// Crop is one region.
type Crop struct {
	CropID   string             `json:"crop_id"`
	Source   string             `json:"source"`
	Relative map[string]float64 `json:"relative"`
	Absolute map[string]int     `json:"absolute"`
}

// box are the members of both boxes of a crop.
var box = []string{"x1", "y1", "x2", "y2", "width", "height"}

func (a Annotation) check() error {
	for _, crop := range a.Crops {
		for _, name := range box {
			_, relative := crop.Relative[name]
			_, absolute := crop.Absolute[name]
			if !relative || !absolute || crop.CropID == "" || crop.Source != a.Source {
				return fmt.Errorf("crop %+v of %s is not whole", crop, a.Source)
			}
		}
	}
	return nil
}

// regionsOutput is what a task of regions says, to any generation.
type regionsOutput struct {
	DatasetURL  string                  `json:"dataset_url"`
	Annotations map[string][]Annotation `json:"annotations"`
	ResultsURL  []regionsLink           `json:"results_url"`
}

type regionsLink struct {
	DocID     string `json:"doc_id"`
	ResultURL string `json:"result_url"`
}

// regions stores annotations, then fetches the data set and the documents: the
// ids in them must be the annotations' sources.
func (d *Demo) regions(ctx context.Context, task Task, raw json.RawMessage) error {
	var output regionsOutput
	if err := json.Unmarshal(raw, &output); err != nil {
		return err
	}
	found := output.Annotations
	if d.Generation == 3 {
		found = map[string][]Annotation{}
		for _, link := range output.ResultsURL {
			var list []Annotation
			if err := d.Get(ctx, link.ResultURL, &list); err != nil {
				return err
			}
			name := link.ResultURL[strings.LastIndexByte(link.ResultURL, '/')+1:]
			found[link.DocID+"@@"+name] = list
		}
	}
	ids, err := d.dataset(ctx, output.DatasetURL)
	if err != nil {
		return err
	}
	var crops int
	for key, list := range found {
		uid, _, ok := strings.Cut(key, "@@")
		if !ok || ids[uid] == nil {
			return fmt.Errorf("annotations %q belong to no document of the data set", key)
		}
		if len(list) != len(ids[uid]) {
			return fmt.Errorf("%q annotates %d pictures of %d", key, len(list), len(ids[uid]))
		}
		for _, annotation := range list {
			if !ids[uid][annotation.Source] {
				return fmt.Errorf("image %s not found in document %s", annotation.Source, uid)
			}
			if err := annotation.check(); err != nil {
				return err
			}
			crops += len(annotation.Crops)
		}
	}
	if crops == 0 {
		return errors.New("no regions were successfully processed")
	}
	d.change(task.ID, func(task *Task) { task.Regions = found })
	if !d.Pipeline {
		return nil
	}
	return d.continueWith(ctx, task, output.DatasetURL, found)
}

// Dataset is the answer about a data set.
type Dataset struct {
	UID       string `json:"uid"`
	URL       string `json:"url"`
	Documents []struct {
		UID      string `json:"uid"`
		Type     string `json:"type"`
		Src      string `json:"src"`
		URL      string `json:"url"`
		Download string `json:"download"`
	} `json:"documents"`
}

// dataset fetches and unpacks a data set and returns the picture ids by
// document.
func (d *Demo) dataset(ctx context.Context, address string) (map[string]map[string]bool, error) {
	var set Dataset
	if err := d.Get(ctx, address, &set); err != nil {
		return nil, err
	}
	ids := map[string]map[string]bool{}
	for _, document := range set.Documents {
		answer, err := d.Do(ctx, http.MethodGet, document.Download, "", nil)
		if err != nil {
			return nil, err
		}
		if kind := answer.Header.Get("Content-Type"); answer.Status != http.StatusOK || kind != "application/zip" {
			return nil, fmt.Errorf("GET %s = %d, %s", document.Download, answer.Status, kind)
		}
		if ids[document.UID], err = imageIDs(answer.Body); err != nil {
			return nil, fmt.Errorf("GET %s: %w", document.Download, err)
		}
	}
	return ids, nil
}

// continueWith starts a similarity task over the regions, while the server
// still waits for the answer to its callback.
func (d *Demo) continueWith(ctx context.Context, task Task, datasetURL string, found map[string][]Annotation) error {
	var set Dataset
	if err := d.Get(ctx, datasetURL, &set); err != nil {
		return err
	}
	var documents []any
	for _, document := range set.Documents {
		documents = append(documents, map[string]any{"type": document.Type, "src": document.Src, "uid": document.UID})
	}
	var crops []Annotation
	for _, list := range found {
		crops = append(crops, list...)
	}
	next, err := d.Submit(ctx, "/similarity", map[string]any{"algorithm": "cosine"}, documents, crops)
	if err != nil {
		return fmt.Errorf("start from within a callback: %w", err)
	}
	d.change(task.ID, func(task *Task) { task.Next = next.ID })
	return nil
}
