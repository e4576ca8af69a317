package regions

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/dataset"
)

func TestMissingPagesKeepTheirPlace(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		pages []any
		want  []string
	}{
		"all there":        {[]any{1.0, 2.0}, []string{"p0", "p1"}},
		"the first is not": {[]any{2.0}, []string{"0001.jpg", "p0"}},
		"two in between":   {[]any{1.0, 4.0, 5.0}, []string{"p0", "0002.jpg", "0003.jpg", "p1", "p2"}},
		"no manifest":      {[]any{nil, nil}, []string{"p0", "p1"}},
		"a huge number":    {[]any{1e9}, []string{"p0"}},
	}
	for name, test := range tests {
		var list []Annotation
		var images []dataset.Image
		for i, page := range test.pages {
			id := "p" + string(rune('0'+i))
			list = append(list, Annotation{Source: id, Crops: []Crop{}})
			images = append(images, dataset.Image{ID: id, DocUID: "d", Metadata: map[string]any{"page": page}})
		}
		var got []string
		for _, one := range withGaps(list, images) {
			if one.Crops == nil {
				t.Errorf("%s: %s has no list of crops", name, one.Source)
			}
			got = append(got, one.Source)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: sources (-want +got):\n%s", name, diff)
		}
	}
}
