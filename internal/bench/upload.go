package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"granary/internal/vision"
)

const (
	uploads     = 16
	uploadBytes = 10_000_000
)

// uploading measures the peak memory of a server that takes 16 pictures of
// 10 MB at once: into a batch, through the remote pipeline, and through the
// built-in models.
func (b *bench) uploading(ctx context.Context) (Section, error) {
	section := Section{Title: "16 concurrent uploads of 10 MB"}
	file, width, height, err := largePNG(uploadBytes)
	if err != nil {
		return section, err
	}
	section.add("picture file", "MB", float64(len(file))/1e6)
	section.add("picture", "MP", float64(width*height)/1e6)
	kinds := []struct {
		name, path string
		body       func(session string, i int) ([]byte, error)
	}{
		{"/upload-picture", "/upload-picture", func(session string, i int) ([]byte, error) {
			return json.Marshal(map[string]any{
				"container_name": b.small.user, "session_id": session, "seed_name": "Brassica napus", "image": dataURL(variant(file, i)),
			})
		}},
		{"/inf, remote models", "/inf", func(_ string, i int) ([]byte, error) {
			return classifyBody(b.small.user, "General", PipelineName, variant(file, i), width, height)
		}},
		{"/inf, built-in models", "/inf", func(_ string, i int) ([]byte, error) {
			return classifyBody(b.small.user, "General", vision.BuiltinPipeline, variant(file, i), width, height)
		}},
	}
	for _, kind := range kinds {
		var peaks, took, refused []float64
		for range b.uploadRounds {
			err := b.withServer(ctx, b.small, func(s *server) error {
				session, err := b.session(ctx, s)
				if err != nil {
					return err
				}
				bodies := make([][]byte, uploads)
				for i := range bodies {
					if bodies[i], err = kind.body(session, i); err != nil {
						return err
					}
				}
				began := time.Now()
				busy, err := b.flood(ctx, s.URL+kind.path, bodies)
				if err != nil {
					return fmt.Errorf("upload: %w", err)
				}
				refused = append(refused, float64(busy))
				took = append(took, time.Since(began).Seconds())
				_, peak, err := resident(s.cmd.Process.Pid)
				peaks = append(peaks, peak)
				return err
			})
			if err != nil {
				return section, err
			}
		}
		section.add("peak resident memory, "+kind.name, "MB", peaks...).atMost(400)
		section.add("time for all, "+kind.name, "s", took...)
		section.add("asked to come back, "+kind.name, "uploads", refused...)
	}
	b.endpoint.busy()
	return section, nil
}

// session opens a batch.
func (b *bench) session(ctx context.Context, s *server) (string, error) {
	ask, err := json.Marshal(map[string]any{"container_name": b.small.user, "nb_pictures": uploads})
	if err != nil {
		return "", err
	}
	answer, _, err := b.client.post(ctx, s.URL+"/new-batch-import", ask)
	if err != nil {
		return "", err
	}
	var opened struct {
		ID string `json:"session_id"`
	}
	return opened.ID, json.Unmarshal(answer, &opened)
}

// flood sends every body at once and returns how many were refused because
// the server was busy.
func (b *bench) flood(ctx context.Context, address string, bodies [][]byte) (refused int64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	var busy atomic.Int64
	for _, body := range bodies {
		group.Go(func() error {
			_, _, err := b.client.post(ctx, address, body)
			var answered *statusError
			if errors.As(err, &answered) && answered.status == http.StatusServiceUnavailable {
				busy.Add(1)
				return nil
			}
			return err
		})
	}
	err = group.Wait()
	return busy.Load(), err
}
