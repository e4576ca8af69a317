package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/fault"
)

const (
	checkBatch = 500
	// checkReaders is how many objects are read at once: enough to hide a cloud
	// storage's latency, few enough for one disk.
	checkReaders = 4
)

// Checked counts what Check looked at.
type Checked struct {
	// Live objects, whose bytes were all read, and the sum of their sizes.
	Objects int
	Bytes   int64
	// Pending and Doomed rows wait for their writer or the sweeper; that is no
	// problem.
	Pending, Doomed int
}

// Check reads every live object and compares size and digest, and looks for
// objects in the bucket without a row and for temporary files of dead writers.
// problem is called for each finding, by one goroutine at a time. It can run
// beside a live server. An error means that the check could not be finished.
func (s *Store) Check(ctx context.Context, problem func(key, what string)) (Checked, error) {
	var mu sync.Mutex
	c := &checker{Store: s, problem: func(key, what string) {
		mu.Lock()
		defer mu.Unlock()
		problem(key, what)
	}}
	// The bucket first: an object that is not in a row now and not later either
	// is an orphan. Rows come before their objects and go after them.
	if err := c.orphans(ctx); err != nil {
		return c.Checked, err
	}
	if err := c.leftovers(ctx); err != nil {
		return c.Checked, err
	}
	if err := c.objects(ctx); err != nil {
		return c.Checked, err
	}
	return c.Checked, c.unsettledRows(ctx)
}

type checker struct {
	*Store
	Checked
	problem func(key, what string)
}

func (c *checker) orphans(ctx context.Context) error {
	batch := make([]string, 0, checkBatch)
	look := func() error {
		unknown, err := c.unknown(ctx, batch)
		batch = batch[:0]
		for _, key := range unknown {
			// Only if it is still there: its row may have gone with it.
			if _, statErr := c.bucket.Stat(ctx, key); bucket.Missing(statErr) {
				continue
			}
			c.problem(key, "is in the bucket and in no row")
		}
		return err
	}
	for info, err := range c.bucket.List(ctx, "") {
		if err != nil {
			return fmt.Errorf("list bucket: %w", err)
		}
		if batch = append(batch, info.Key); len(batch) == checkBatch {
			if err := look(); err != nil {
				return err
			}
		}
	}
	return look()
}

// unknown returns those of keys that have no row.
func (c *checker) unknown(ctx context.Context, keys []string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var known []string
	if err := c.db.Reader().NewSelect().Model((*row)(nil)).Column("key").
		Where("key IN (?)", bun.List(keys)).Scan(ctx, &known); err != nil {
		return nil, fmt.Errorf("look up objects: %w", err)
	}
	has := make(map[string]struct{}, len(known))
	for _, key := range known {
		has[key] = struct{}{}
	}
	var unknown []string
	for _, key := range keys {
		if _, ok := has[key]; !ok {
			unknown = append(unknown, key)
		}
	}
	return unknown, nil
}

func (c *checker) leftovers(ctx context.Context) error {
	scratch, ok := c.bucket.(bucket.Scratch)
	if !ok {
		return nil
	}
	for name, err := range scratch.Leftovers(ctx, false) {
		if err != nil {
			return fmt.Errorf("look for leftovers: %w", err)
		}
		c.problem(name, "is a temporary file of a writer that died")
	}
	return nil
}

func (c *checker) objects(ctx context.Context) error {
	for after := ""; ; {
		var rows []row
		if err := c.db.Reader().NewSelect().Model(&rows).Where("state = ?", Live).
			Where("key > ?", after).Order("key").Limit(checkBatch).Scan(ctx); err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		after = rows[len(rows)-1].Key
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(checkReaders)
		for _, r := range rows {
			c.Objects++
			c.Bytes += r.Size
			group.Go(func() error { return c.object(ctx, r.Key) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
}

func (c *checker) object(ctx context.Context, key string) error {
	body, _, err := c.Get(ctx, key)
	if err == nil {
		_, err = io.Copy(io.Discard, body)
		err = errors.Join(err, body.Close())
	}
	var corrupt *CorruptError
	switch {
	case errors.As(err, &corrupt):
		c.problem(key, corrupt.Error())
	case fault.Is(err, fault.NotFound):
		// doomed since it was listed
	case err != nil:
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

func (c *checker) unsettledRows(ctx context.Context) error {
	for state, n := range map[State]*int{Pending: &c.Pending, Doomed: &c.Doomed} {
		count, err := c.unsettled(state).Model((*row)(nil)).Count(ctx)
		if err != nil {
			return fmt.Errorf("count %s objects: %w", state, err)
		}
		*n = int(count)
	}
	return nil
}
