package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	host "granary/internal/platform/worker"
)

// arguments are the kwargs of a job.
type arguments struct {
	Model   string          `json:"model"`
	Version string          `json:"version"`
	Options json.RawMessage `json:"options"`
	// Pictures are upright.
	Pictures []argument `json:"pictures"`
}

// argument is one picture of a job.
type argument struct {
	// File is its name in the job's folder paths.tmp.
	File string `json:"file"`
	// Format is bmp, gif, jpeg, png, tiff or webp.
	Format string `json:"format"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// run makes one job of the pictures.
func (m *model) run(ctx context.Context, what task, asks []*ask) ([]result, error) {
	args := arguments{Model: m.name, Version: m.version, Options: m.options, Pictures: make([]argument, len(asks))}
	if len(args.Options) == 0 {
		args.Options = json.RawMessage("{}")
	}
	files := make([][]byte, len(asks))
	for i, a := range asks {
		file, err := a.picture.File()
		if err != nil {
			return nil, err
		}
		h := a.picture.Header
		files[i] = file
		args.Pictures[i] = argument{File: fmt.Sprintf("%d.%s", i, h.Format), Format: string(h.Format), Width: h.Width, Height: h.Height}
	}
	kwargs, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("encode call of model %s: %w", m.name, err)
	}
	raw, err := m.pool.Run(ctx, m.spec, host.Job{
		ID: strconv.FormatInt(m.calls.Add(1), 10), Actor: string(what), Kwargs: kwargs, Device: m.device, Limit: m.timeout,
		Fill: func(tmp string) error {
			for i, file := range files {
				if err := os.WriteFile(filepath.Join(tmp, args.Pictures[i].File), file, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
	}, sink{m})
	if err != nil {
		return nil, err
	}
	return parseReply(m.name, what, raw, len(asks))
}

// sink puts what a program says into our log. Bars and events mean nothing
// for a call that takes a moment.
type sink struct{ model *model }

// Line implements host.Sink.
func (s sink) Line(level host.Level, text string) {
	if level == host.Info {
		s.model.log.Debug("model says", "model", s.model.name, "text", text)
		return
	}
	s.model.log.Warn("model says", "model", s.model.name, "level", string(level), "text", text)
}

// Bar implements host.Sink.
func (sink) Bar(host.Bar) {}

// Event implements host.Sink.
func (sink) Event(context.Context, string, json.RawMessage) error { return nil }
