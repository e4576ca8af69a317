package pipeline_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/azureml"
	"granary/internal/vision/engine/remote"
	"granary/internal/vision/pipeline"
)

// BenchmarkRun is the whole of one inference with endpoints that answer at
// once: a 640×560 PNG with three boxes, from the file's bytes to the result.
func BenchmarkRun(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/detect" {
			_, _ = io.WriteString(w, `{"boxes":[{"box":{"topX":0.1,"topY":0.1,"bottomX":0.3,"bottomY":0.3},"label":"seed","score":0.9},
				{"box":{"topX":0.4,"topY":0.4,"bottomX":0.6,"bottomY":0.6},"label":"seed","score":0.9},
				{"box":{"topX":0.7,"topY":0.7,"bottomX":0.9,"bottomY":0.9},"label":"seed","score":0.9}]}`)
			return
		}
		_, _ = io.WriteString(w, `[{"label":"13 Ambrosia trifida","score":0.9}]`)
	}))
	defer server.Close()
	runner, err := pipeline.Open(b.Context(), pipeline.Definition{
		Name: "bench",
		Models: []pipeline.Model{
			{Name: "detector", Engine: azureml.Name, Endpoint: server.URL + "/detect"},
			{Name: "classifier", Engine: azureml.Name, Endpoint: server.URL + "/classify"},
		},
		Steps: []pipeline.Step{
			{Kind: pipeline.StepDetect, Model: "detector"},
			{Kind: pipeline.StepCrop},
			{Kind: pipeline.StepClassify, Model: "classifier", DropNumber: true},
		},
	}, map[string]engine.Engine{azureml.Name: azureml.New(remote.Config{})})
	if err != nil {
		b.Fatal(err)
	}
	defer runner.Close()
	img := image.NewNRGBA(image.Rect(0, 0, 640, 560))
	for i := range img.Pix {
		img.Pix[i] = byte(200 + i*7919>>9%32)
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		picture, err := raster.Gate{}.Open(file.Bytes())
		if err != nil {
			b.Fatal(err)
		}
		result, err := runner.Run(b.Context(), picture, pipeline.Options{Width: 640, Height: 560})
		if err != nil || len(result.Boxes) != 3 {
			b.Fatalf("Run() = %v, want three boxes", err)
		}
	}
}
