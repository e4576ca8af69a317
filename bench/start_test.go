package bench_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"granary/internal/app"
	"granary/internal/platform/config"
)

// BenchmarkStart opens an existing data folder, serves until ready and stops,
// all but the loading of the binary.
func BenchmarkStart(b *testing.B) {
	cfg, _, err := config.Load(config.Options{Flags: map[string]string{"data": b.TempDir(), "listen": "127.0.0.1:0"}})
	if err != nil {
		b.Fatal(err)
	}
	quiet := slog.New(slog.NewJSONHandler(io.Discard, nil))
	for b.Loop() {
		ctx, stop := context.WithCancel(b.Context())
		if err := app.Serve(ctx, cfg, quiet, "bench", func(app.Started) { stop() }); err != nil {
			b.Fatal(err)
		}
		stop()
	}
}
