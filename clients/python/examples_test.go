package python_test

import (
	"os"
	"testing"

	"granary/internal/demos/manifest"
	"granary/internal/vision/pipeline"
)

// TestExampleFiles reads the files that the example hands to a lab.
func TestExampleFiles(t *testing.T) {
	t.Parallel()
	const folder = "examples/onnx_text_detector/"
	data, err := os.ReadFile(folder + manifest.FileName)
	if err != nil {
		t.Fatal(err)
	}
	app, err := manifest.Read(data)
	if err != nil || app.Name != "regions" || app.Endpoints[0].Actor != "extract_objects" {
		t.Errorf("Read(app.yaml) = %+v, %v, want the app regions", app, err)
	}
	if data, err = os.ReadFile(folder + "pipeline.yaml"); err != nil {
		t.Fatal(err)
	}
	definitions, err := pipeline.Read(data, "")
	if err != nil || len(definitions) != 1 || definitions[0].Name != "Text" {
		t.Errorf("Read(pipeline.yaml) = %+v, %v, want the pipeline Text", definitions, err)
	}
}
