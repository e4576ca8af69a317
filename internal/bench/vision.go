package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Config says what to measure.
type Config struct {
	// Binary is the program under test.
	Binary string
	// Version is printed with the report.
	Version string
	// Quick takes fewer rounds and requests: a minute instead of several.
	Quick bool
	// Parts are what to measure: footprint, classification, listing, models,
	// uploads. Defaults to all.
	Parts []string
	// Progress is told what is being measured. Defaults to nobody.
	Progress io.Writer
}

// bench is one run.
type bench struct {
	cfg                            Config
	rounds, requests, uploadRounds int
	client                         client
	endpoint                       *endpoint
	// small has the one folder that every account has, large a thousand more
	// with a hundred pictures each.
	small, large deployment
}

// Vision measures the vision service. It returns an error when something
// could not be measured, never for a figure that misses its target.
func Vision(ctx context.Context, cfg Config) (report *Report, err error) {
	if cfg.Progress == nil {
		cfg.Progress = io.Discard
	}
	b := &bench{cfg: cfg, rounds: 5, requests: 60, uploadRounds: 3, client: newClient(), endpoint: newEndpoint()}
	defer b.endpoint.close()
	if cfg.Quick {
		b.rounds, b.requests, b.uploadRounds = 3, 24, 1
	}
	report = &Report{Machine: ThisMachine(), Version: cfg.Version, Quick: cfg.Quick, Started: time.Now()}
	folder, err := os.MkdirTemp("", "granary-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	fmt.Fprintln(cfg.Progress, "preparing")
	if b.small, err = deploy(ctx, cfg.Binary, folder, b.endpoint, 0, 0); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	if b.large, err = deploy(ctx, cfg.Binary, folder, b.endpoint, 1000, 100); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	for _, part := range []struct {
		name    string
		measure func(context.Context) (Section, error)
	}{
		{"footprint", b.footprint},
		{"classification", b.classifying},
		{"listing", b.listing},
		{"models", b.models},
		{"uploads", b.uploading},
	} {
		if len(cfg.Parts) > 0 && !slices.Contains(cfg.Parts, part.name) {
			continue
		}
		fmt.Fprintln(cfg.Progress, "measuring", part.name)
		section, err := part.measure(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		report.Sections = append(report.Sections, section)
	}
	report.Took = time.Since(report.Started)
	return report, nil
}
