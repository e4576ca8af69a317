package nachet_test

import (
	"encoding/json"
	"testing"

	"granary/internal/platform/web"
)

func TestExamplesAreJSON(t *testing.T) {
	t.Parallel()
	documented := 0
	for _, route := range newDoor(t).Routes() {
		for _, body := range []*web.Body{route.Request, route.Response} {
			if body == nil {
				continue
			}
			documented++
			if raw, ok := body.Example.(json.RawMessage); !ok || !json.Valid(raw) {
				t.Errorf("example of %s is not JSON: %s", route.Path, body.Example)
			}
		}
	}
	if documented < 30 {
		t.Errorf("%d bodies have an example, want at least 30", documented)
	}
}
