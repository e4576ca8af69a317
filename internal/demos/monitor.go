package demos

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"granary/internal/platform/jobs"
)

// Queue is the depth of one app's queue.
type Queue struct {
	Name string
	// Waiting and Running count jobs.
	Waiting, Running int64
}

// Queues returns the queue of every installed app, in their order.
func (s *Service) Queues(ctx context.Context) ([]Queue, error) {
	depths, err := s.jobs.Stats(ctx)
	if err != nil {
		return nil, err
	}
	queues := make([]Queue, len(s.apps))
	for i, app := range s.apps {
		queues[i].Name = app.Queue
		for _, depth := range depths {
			if depth.Queue != app.Queue {
				continue
			}
			switch depth.State {
			case jobs.Running:
				queues[i].Running += depth.Count
			case jobs.Queued, jobs.Scheduled:
				queues[i].Waiting += depth.Count
			}
		}
	}
	return queues, nil
}

// sizesFor is how long the measured size of an app's data is believed.
const sizesFor = time.Minute

// sizes remembers what the apps' folders hold.
type sizes struct {
	mu    sync.Mutex
	known map[string]measured
}

type measured struct {
	bytes int64
	at    time.Time
}

// Size returns the bytes that an app's results and files occupy, as they were
// within the last minute: to add them up takes long.
func (s *Service) Size(ctx context.Context, app *App) (int64, error) {
	s.sizes.mu.Lock()
	defer s.sizes.mu.Unlock()
	if last, ok := s.sizes.known[app.Name]; ok && s.cfg.Now().Sub(last.at) < sizesFor {
		return last.bytes, nil
	}
	var published int64
	err := s.db.Reader().NewSelect().Model((*File)(nil)).ColumnExpr("coalesce(sum(size_bytes), 0)").
		Where("app = ?", app.Name).Scan(ctx, &published)
	if err != nil {
		return 0, fmt.Errorf("add up results: %w", err)
	}
	folder := filepath.Join(s.cfg.Folder, app.Folder)
	if app.Endpoints[0].Annotations { // what such an app leaves lies with the documents
		folder = filepath.Join(s.cfg.Folder, "shared", "documents")
	}
	size, err := folderSize(ctx, folder)
	if err != nil {
		return 0, err
	}
	if s.sizes.known == nil {
		s.sizes.known = map[string]measured{}
	}
	s.sizes.known[app.Name] = measured{published + size, s.cfg.Now()}
	return published + size, nil
}

// folderSize adds up the regular files of a folder; what vanishes meanwhile
// or may not be read does not count.
func folderSize(ctx context.Context, folder string) (int64, error) {
	var total int64
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
			return nil
		}
		if err != nil {
			return err
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return ctx.Err()
	})
	if err != nil {
		return 0, fmt.Errorf("measure folder: %w", err)
	}
	return total, nil
}
