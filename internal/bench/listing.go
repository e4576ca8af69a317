package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// listing measures /get-directories of an account with many folders: when
// nothing changed since the last answer, when one folder did, and as the
// first answer of a server.
func (b *bench) listing(ctx context.Context) (Section, error) {
	section := Section{Title: "/get-directories, 1,000 folders × 100 pictures"}
	ask, err := json.Marshal(map[string]string{"container_name": b.large.user})
	if err != nil {
		return section, err
	}
	var cold []float64
	kinds := []string{"identity", "gzip", "zstd"}
	warm50, warm99, changed := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	bytesOf := map[string]float64{}
	for round := range b.rounds {
		err := b.withServer(ctx, b.large, func(s *server) error {
			_, took, err := b.client.drain(ctx, s.URL+"/get-directories", ask, "identity")
			if err != nil {
				return fmt.Errorf("list: %w", err)
			}
			cold = append(cold, took.Seconds()*1e3)
			for _, kind := range kinds {
				var times, after []float64
				for i := range b.requests {
					size, took, err := b.client.drain(ctx, s.URL+"/get-directories", ask, kind)
					if err != nil {
						return fmt.Errorf("list: %w", err)
					}
					bytesOf[kind] = float64(size) / 1e6
					times = append(times, took.Seconds()*1e3)
					if i%6 != 0 {
						continue
					}
					// A new folder changes the list as any act does.
					change, err := json.Marshal(map[string]string{
						"container_name": b.large.user, "folder_name": fmt.Sprintf("new-%s-%d-%d", kind, round, i),
					})
					if err != nil {
						return err
					}
					if _, _, err := b.client.post(ctx, s.URL+"/create-dir", change); err != nil {
						return fmt.Errorf("create folder: %w", err)
					}
					if _, took, err = b.client.drain(ctx, s.URL+"/get-directories", ask, kind); err != nil {
						return fmt.Errorf("list: %w", err)
					}
					after = append(after, took.Seconds()*1e3)
				}
				warm50[kind] = append(warm50[kind], quantile(times, 0.5))
				warm99[kind] = append(warm99[kind], quantile(times, 0.99))
				changed[kind] = append(changed[kind], quantile(after, 0.5))
			}
			return nil
		})
		if err != nil {
			return section, err
		}
	}
	for _, kind := range kinds {
		section.add("answer, "+kind, "MB", bytesOf[kind])
		section.add("warm p50, "+kind, "ms", warm50[kind]...)
		section.add("warm p99, "+kind, "ms", warm99[kind]...).atMost(50)
		section.add("after one change p50, "+kind, "ms", changed[kind]...)
	}
	section.add("cold: the first answer of a server", "ms", cold...)
	return section, nil
}

// withServer runs fn against a fresh server and stops it.
func (b *bench) withServer(ctx context.Context, d deployment, fn func(*server) error) error {
	s, err := d.start(ctx)
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.stop())
}
