package python_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
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

// TestModelVersion compares the versions of the model that are written down.
func TestModelVersion(t *testing.T) {
	t.Parallel()
	const want = "1.4.2"
	for _, name := range []string{"examples/onnx_text_detector/README.md", "../../docs/workers-python.md", "../../docs/dependencies.md", "../../scripts/services"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`ocr-models\W+(\d+\.\d+\.\d+)`).FindAllSubmatch(data, -1)
		if len(found) == 0 {
			t.Errorf("%s names no version of the model", name)
		}
		for _, match := range found {
			if string(match[1]) != want {
				t.Errorf("%s names version %s of the model, want %s", name, match[1], want)
			}
		}
	}
}

// TestExample finds written lines with the real model. It needs the packages
// and the model of the example, which scripts/services prepares.
func TestExample(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"GRANARY_TEST_PYTHON", "TEXT_MODEL"} {
		if os.Getenv(name) != "" {
			continue
		}
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatalf("%s is not set and REQUIRE_SERVICES=1", name)
		}
		t.Skipf("%s is not set: the example is not run", name)
	}
	command := exec.CommandContext(t.Context(), os.Getenv("GRANARY_TEST_PYTHON"), "-m", "unittest", "tests.test_onnx", "tests.test_dataset")
	command.Env = append(os.Environ(), "PYTHONPATH=src", "PYTHONDONTWRITEBYTECODE=1")
	if out, err := command.CombinedOutput(); err != nil || bytes.Contains(out, []byte("skipped")) {
		t.Errorf("unittest: %v, want success and nothing skipped\n%s", err, out)
	}
}
