package demos_test

import (
	"os"
	"path/filepath"
	"testing"

	"granary/internal/demos"
	"granary/internal/platform/fault"
)

// What was put where nginx finds it goes with the result, however that is
// removed.
func TestAcceleratedResultIsGoneWithItsRow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.run(t)
		task := b.start(t, "", "one", "two")
		b.await(t, task.ID, demos.Succeeded)
		endpoint := &b.app.Endpoints[0]
		for _, name := range []string{"one", "two"} {
			content, err := b.Result(t.Context(), b.app, endpoint, "exp-~"+name)
			if err != nil {
				t.Fatalf("Result: %v", err)
			}
			where, err := b.Accelerate(t.Context(), content)
			if err != nil || where != "echo/exp-/"+name+".json" {
				t.Errorf("Accelerate = %q, %v", where, err)
			}
			if err := content.Body.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(b.folder, "echo", "results", "exp-", name+".json")); err != nil {
				t.Errorf("no copy: %v", err)
			}
		}
		if _, err := b.Delete(t.Context(), b.app, endpoint, "one", "", nil); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		if _, err := b.ClearOne(t.Context(), b.app, endpoint, task.ID); err != nil {
			t.Fatalf("ClearOne: %v", err)
		}
		for _, name := range []string{"one", "two"} {
			if content, err := b.Result(t.Context(), b.app, endpoint, "exp-~"+name); !fault.Is(err, fault.NotFound) {
				t.Errorf("Result(%s) = %+v, %v; want it gone", name, content, err)
			}
		}
	})
}
