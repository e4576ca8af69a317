package azureml

import (
	"strings"
	"testing"

	"granary/internal/platform/fault"
)

func TestParseDetectionsRefuses(t *testing.T) {
	t.Parallel()
	box := `{"box":{"topX":0,"topY":0,"bottomX":1,"bottomY":1},"label":"a","score":1}`
	for name, body := range map[string]string{
		"two objects":      `[{"boxes":[]},{"boxes":[]}]`,
		"no boxes":         `{"filename":"x"}`,
		"null boxes":       `{"boxes":null}`,
		"missing corner":   `{"boxes":[{"box":{"topX":0,"topY":0,"bottomX":1},"label":"a","score":1}]}`,
		"no box":           `{"boxes":[{"label":"a","score":1}]}`,
		"inverted":         `{"boxes":[{"box":{"topX":1,"topY":0,"bottomX":0,"bottomY":1}}]}`,
		"far outside":      `{"boxes":[{"box":{"topX":0,"topY":0,"bottomX":1e300,"bottomY":1}}]}`,
		"infinite":         `{"boxes":[{"box":{"topX":0,"topY":0,"bottomX":1e999,"bottomY":1}}]}`,
		"guess sans score": `{"boxes":[{"box":{"topX":0,"topY":0,"bottomX":1,"bottomY":1},"topN":[{"label":"a"}]}]}`,
		"too many":         `{"boxes":[` + strings.Repeat(box+",", maxBoxes) + box + `]}`,
		"trailing":         `{"boxes":[]} x`,
	} {
		if got, err := parseDetections("m", []byte(body)); !fault.Is(err, fault.Invalid) {
			t.Errorf("parseDetections(%s) = %v, %v, want kind invalid", name, got, err)
		}
	}
	if got, err := parseDetections("m", []byte(` {"boxes":[],"more":1}`)); err != nil || len(got) != 0 {
		t.Errorf("parseDetections(no objects) = %v, %v, want none", got, err)
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"boxes":[{"box":{"topX":0.1,"topY":0.1,"bottomX":0.5,"bottomY":0.5},"label":"seed","score":0.9}]}`))
	f.Add([]byte(`[{"boxes":[]}]`))
	f.Add([]byte(`[{"label":"13 Ambrosia trifida","score":0.75}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if found, err := parseDetections("m", body); err == nil {
			for _, d := range found {
				if !(d.Box.TopX <= d.Box.BottomX) || !(d.Box.TopY <= d.Box.BottomY) {
					t.Errorf("parseDetections() let %v through", d.Box)
				}
			}
		} else if !fault.Is(err, fault.Invalid) {
			t.Errorf("parseDetections() = %v, want kind invalid", err)
		}
		if _, err := parseGuesses("m", body); err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("parseGuesses() = %v, want kind invalid", err)
		}
	})
}
