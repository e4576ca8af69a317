package front

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"
)

// Similarity is a file of pairs.
type Similarity struct {
	Parameters map[string]json.RawMessage `json:"parameters"`
	Index      struct {
		Sources map[string]json.RawMessage `json:"sources"`
		Images  []struct {
			ID     string `json:"id"`
			DocUID string `json:"doc_uid"`
		} `json:"images"`
		Transpositions []string `json:"transpositions"`
	} `json:"index"`
	Pairs [][5]float64 `json:"pairs"`
}

// hashed are the members that one front end hashes, no more and no fewer.
var hashed = []string{"algorithm", "feat_net", "raw_transpositions", "segswap_n", "segswap_prefilter", "topk"}

// check holds what viewers need: pairs that name pictures, and at least one of
// each picture.
func (s *Similarity) check() error {
	if diff := cmp.Diff(hashed, slices.Sorted(maps.Keys(s.Parameters))); diff != "" {
		return fmt.Errorf("parameters of a similarity file (-want +got):\n%s", diff)
	}
	paired := make([]bool, len(s.Index.Images))
	for _, pair := range s.Pairs {
		i, j := int(pair[0]), int(pair[1])
		if i < 0 || j < 0 || i >= len(paired) || j >= len(paired) || pair[2] < 0 || pair[2] > 1 {
			return fmt.Errorf("pair %v of %d pictures", pair, len(paired))
		}
		for _, turn := range pair[3:] {
			if turn < 0 || int(turn) >= len(s.Index.Transpositions) {
				return fmt.Errorf("pair %v of %d transpositions", pair, len(s.Index.Transpositions))
			}
		}
		paired[i], paired[j] = true, true
	}
	if i := slices.Index(paired, false); i >= 0 || len(paired) == 0 {
		return fmt.Errorf("picture %d of %d has no pair", i, len(paired))
	}
	for _, image := range s.Index.Images {
		if s.Index.Sources[image.DocUID] == nil {
			return fmt.Errorf("picture %s is of %s, which is no source", image.ID, image.DocUID)
		}
	}
	return nil
}

// Entries lists the names in an archive.
func Entries(data []byte) ([]string, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range archive.File {
		names = append(names, entry.Name)
	}
	return names, nil
}
