package bench_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"granary/internal/app"
	"granary/internal/platform/config"
	"granary/internal/platform/identity"
	"granary/internal/vision/engine"
	"granary/internal/vision/pipeline"
	"granary/internal/vision/synth"
)

// photograph returns a picture of seeds under a noisy sensor as a PNG file.
func photograph(b *testing.B, width, height int) []byte {
	b.Helper()
	drawn := synth.Render(synth.Scene{
		Width: width, Height: height, Count: 12, Scale: 20, Gradient: 0.2, Noise: 4, Shadow: 0.2, Seed: 1,
	})
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, drawn.Image); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// lab is the whole program in this process: its address and an account.
type lab struct {
	url, user string
}

// open starts the program over an empty data folder with a pipeline "Bench"
// whose models answer at once.
func open(b *testing.B) lab {
	b.Helper()
	folder := b.TempDir()
	cfg, _, err := config.Load(config.Options{Flags: map[string]string{
		"data": folder, "listen": "127.0.0.1:0", "web.rate_per_second": "1000000", "web.rate_burst": "1000000",
	}})
	if err != nil {
		b.Fatal(err)
	}
	quiet := slog.New(slog.NewJSONHandler(io.Discard, nil))
	user := prepare(b, cfg, quiet, models(b))
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- app.Serve(ctx, cfg, quiet, "bench", func(s app.Started) { ready <- s.URL })
	}()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Errorf("serve: %v", err)
		}
	})
	select {
	case url := <-ready:
		return lab{url: url, user: user}
	case err := <-ended:
		ended <- nil
		b.Fatalf("serve: %v", err)
		return lab{}
	}
}

// prepare makes the account and the pipeline.
func prepare(b *testing.B, cfg *config.Config, log *slog.Logger, endpoint string) string {
	b.Helper()
	ctx := identity.With(b.Context(), identity.System())
	core, err := app.Open(ctx, cfg, log)
	if err != nil {
		b.Fatal(err)
	}
	user, err := core.Vision.CreateAccount(ctx, identity.NewUser{Email: "bench@granary.example"})
	if err != nil {
		b.Fatal(err)
	}
	if err := core.Vision.SavePipelines(ctx, []pipeline.Definition{{
		Name: "Bench",
		Models: []pipeline.Model{
			{Name: "d", Version: "1", Engine: "azureml", Task: engine.ObjectDetection, Endpoint: endpoint + "/detect"},
			{Name: "c", Version: "1", Engine: "azureml", Task: engine.Classification, Endpoint: endpoint + "/classify"},
		},
		Steps: []pipeline.Step{
			{Kind: pipeline.StepDetect, Model: "d"}, {Kind: pipeline.StepCrop}, {Kind: pipeline.StepClassify, Model: "c"},
		},
	}}, nil); err != nil {
		b.Fatal(err)
	}
	if err := core.Close(); err != nil {
		b.Fatal(err)
	}
	return user.ID
}

// models answers three boxes and five names at once.
func models(b *testing.B) string {
	b.Helper()
	answer := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			fmt.Fprint(w, text)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("POST /detect", answer(`{"filename":"p","boxes":[
		{"box":{"topX":0.05,"topY":0.05,"bottomX":0.25,"bottomY":0.3},"label":"seed","score":0.98},
		{"box":{"topX":0.4,"topY":0.35,"bottomX":0.62,"bottomY":0.6},"label":"seed","score":0.97},
		{"box":{"topX":0.7,"topY":0.7,"bottomX":0.93,"bottomY":0.94},"label":"seed","score":0.96}]}`))
	mux.Handle("POST /classify", answer(`[{"label":"Ambrosia trifida","score":0.75},{"label":"Brassica napus","score":0.25}]`))
	server := httptest.NewServer(mux)
	b.Cleanup(server.Close)
	return server.URL
}

// post sends body and fails for anything but 200.
func (l lab) post(b *testing.B, path string, body []byte) []byte {
	b.Helper()
	response, err := http.Post(l.url+path, "application/json", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("%s = %d %.200s, %v", path, response.StatusCode, answer, err)
	}
	if err := response.Body.Close(); err != nil {
		b.Fatal(err)
	}
	return answer
}

// BenchmarkClassifyRequest is a whole /inf: client, server and models in this
// process, one request at a time. Profile the product with
// -cpuprofile here.
func BenchmarkClassifyRequest(b *testing.B) {
	l := open(b)
	file := photograph(b, 640, 560)
	body, err := json.Marshal(map[string]any{
		"model_name": "Bench", "imageDims": []int{640, 560}, "folder_name": "General", "container_name": l.user,
		"image": "data:image/png;base64," + base64.StdEncoding.EncodeToString(file),
	})
	if err != nil {
		b.Fatal(err)
	}
	l.post(b, "/inf", body)
	for b.Loop() {
		l.post(b, "/inf", body)
	}
}
