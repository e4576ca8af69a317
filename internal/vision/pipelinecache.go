package vision

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
	"granary/internal/vision/pipeline"
)

// pipelineCache keeps opened pipelines until a newer revision is stored, so
// that a change needs no restart, on this server or another. Safe for
// concurrent use.
type pipelineCache struct {
	service *Service
	engines map[string]engine.Engine

	mu     sync.Mutex
	open   map[string]openPipeline
	closed bool
}

// openPipeline is a pipeline ready to run. Its holder calls release when done:
// a replaced one is closed when nobody holds it any more.
type openPipeline struct {
	id       string
	revision int64
	runner   *pipeline.Runner
	holders  *sync.WaitGroup
}

// hold counts the caller in. The cache's mu is held, so that nobody comes
// after retire has begun to wait.
func (o openPipeline) hold() openPipeline {
	o.holders.Add(1)
	return o
}

func (o openPipeline) release() { o.holders.Done() }

// get returns the opened pipeline of that name, which the caller releases, or
// ErrNoPipeline.
func (c *pipelineCache) get(ctx context.Context, name string) (openPipeline, error) {
	var row Pipeline
	err := c.service.db.Reader().NewSelect().Model(&row).Where("name = ? AND active", name).Scan(ctx)
	if err := found(err, ErrNoPipeline, "read pipeline"); err != nil {
		return openPipeline{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if current, ok := c.open[name]; ok && current.id == row.ID && current.revision >= row.Revision {
		return current.hold(), nil
	}
	if c.closed {
		return openPipeline{}, fault.New(fault.Unavailable, "the server is stopping")
	}
	definition, err := c.service.openDefinition(row)
	if err != nil {
		return openPipeline{}, err
	}
	runner, err := pipeline.Open(ctx, definition, c.engines)
	if err != nil {
		return openPipeline{}, fmt.Errorf("open pipeline %s: %w", name, err)
	}
	if old, ok := c.open[name]; ok {
		go c.retire(name, old)
	}
	c.open[name] = openPipeline{id: row.ID, revision: row.Revision, runner: runner, holders: &sync.WaitGroup{}}
	return c.open[name].hold(), nil
}

// retire closes a replaced pipeline once its last holder has released it.
func (c *pipelineCache) retire(name string, old openPipeline) {
	old.holders.Wait()
	if err := old.runner.Close(); err != nil {
		c.service.log.Warn("close replaced pipeline", "pipeline", name, "error", err)
	}
}

func (c *pipelineCache) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	var errs []error
	for _, p := range c.open {
		errs = append(errs, p.runner.Close())
	}
	clear(c.open)
	return errors.Join(errs...)
}
