package worker_test

import (
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"granary/internal/vision/engine"
	"granary/internal/vision/engine/enginetest"
	"granary/internal/vision/engine/worker"
)

// TestManual runs the detector that docs/pipelines.md shows.
func TestManual(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on this machine")
	}
	page, err := os.ReadFile("../../../../docs/pipelines.md")
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(page), "```python\n")
	program, _, ok := strings.Cut(program, "```")
	if !ok {
		t.Fatal("the page shows no program")
	}
	e := worker.New(worker.Config{Temp: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	defer e.Close()
	m, err := e.Open(t.Context(), engine.Spec{Name: "our-detector", Process: &engine.Process{Command: []string{python, "-c", program}}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	found, err := m.Detect(t.Context(), enginetest.Picture(t))
	if err != nil || len(found) != 1 || found[0].Box.BottomX != 0.75 {
		t.Errorf("Detect() = %v, %v, want one box", found, err)
	}
}
