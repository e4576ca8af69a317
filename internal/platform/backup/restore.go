package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"granary/internal/platform/blob"
	"granary/internal/platform/blob/dir"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// Target is where a backup is put back. Both must be empty; a schema without
// rows is.
type Target struct {
	DB     *database.DB
	Bucket blob.Bucket
	// Sets are all migrations of this binary.
	Sets []database.Migrations
	// Discard names tables that the target's engine does not have and whose
	// rows may be left behind, such as the job queue of the other engine.
	Discard []string
}

// Restore puts a backup into an empty target: it verifies all of it, brings
// the schema to the backup's version, stores the objects, loads every row in
// one transaction and migrates to this binary's version. When it fails before
// that last step the target holds an empty schema, without even the rows that
// migrations bring, and no objects: restore again, or begin with a new one.
func Restore(ctx context.Context, folder string, target Target) (Manifest, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return Manifest{}, fmt.Errorf("open backup: %w", err)
	}
	m, err := verify(ctx, root, filepath.Join(folder, blobFolder))
	if err == nil {
		err = restore(ctx, root, filepath.Join(folder, blobFolder), m, target)
	}
	return m, errors.Join(err, root.Close())
}

func restore(ctx context.Context, root *os.Root, blobs string, m Manifest, target Target) error {
	if err := empty(ctx, target); err != nil {
		return err
	}
	if err := target.DB.MigrateTo(ctx, m.Schemas, target.Sets...); err != nil {
		return err
	}
	if err := place(ctx, root, blobs, m, target); err != nil {
		// Even when ctx has ended: or the next attempt finds the target in use
		// by rows that a migration brought.
		cleanup := context.WithoutCancel(ctx)
		return errors.Join(err, target.DB.InTx(cleanup, func(ctx context.Context, tx database.Tx) error {
			return clearTables(ctx, target.DB, tx)
		}))
	}
	return target.DB.Migrate(ctx, target.Sets...)
}

func place(ctx context.Context, root *os.Root, blobs string, m Manifest, target Target) error {
	tables, err := match(ctx, m, target)
	if err != nil {
		return err
	}
	stored, err := storeObjects(ctx, root, blobs, m, target.Bucket)
	if err == nil {
		err = target.DB.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
			return load(ctx, root, tables, target.DB, tx)
		})
	}
	if err != nil {
		return errors.Join(err, target.Bucket.Delete(context.WithoutCancel(ctx), stored...))
	}
	return nil
}

func empty(ctx context.Context, target Target) error {
	tables, err := describe(ctx, target.DB, target.DB.Reader())
	if err != nil {
		return err
	}
	for _, t := range tables {
		used, err := target.DB.Reader().NewSelect().Table(t.Name).Limit(1).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look into %s: %w", t.Name, err)
		}
		if used {
			return fault.New(fault.Conflict, "the target database is not empty: table %s has rows", t.Name)
		}
	}
	for _, err := range target.Bucket.List(ctx, "") {
		if err != nil {
			return fmt.Errorf("look into target blobs: %w", err)
		}
		return fault.New(fault.Conflict, "the target blob store is not empty")
	}
	return nil
}

// match finds a place for every dumped table and column.
func match(ctx context.Context, m Manifest, target Target) ([]Table, error) {
	there, err := describe(ctx, target.DB, target.DB.Reader())
	if err != nil {
		return nil, err
	}
	columns := map[string]map[string]Column{}
	for _, t := range there {
		columns[t.Name] = map[string]Column{}
		for _, c := range t.Columns {
			columns[t.Name][c.Name] = c
		}
	}
	discard := map[string]bool{}
	for _, name := range target.Discard {
		discard[name] = true
	}
	var tables []Table
	for _, t := range m.Tables {
		place, ok := columns[t.Name]
		if !ok {
			if t.Rows == 0 || discard[t.Name] {
				continue
			}
			return nil, fault.New(fault.Invalid, "the backup has rows of table %s, which the target does not have", t.Name)
		}
		for _, c := range t.Columns {
			if place[c.Name] != c {
				return nil, fault.New(fault.Invalid, "the target has no column %s.%s of kind %s", t.Name, c.Name, c.Kind)
			}
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func storeObjects(ctx context.Context, root *os.Root, blobs string, m Manifest, to blob.Bucket) ([]string, error) {
	from, err := dir.Open(blobs)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var stored []string
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(copiers)
	err = objects(groupCtx, root, m, func(o blob.Object) error {
		group.Go(func() error {
			mu.Lock()
			stored = append(stored, o.Key) // before: a failed Put may have stored it
			mu.Unlock()
			return copyObject(groupCtx, from, to, o)
		})
		return nil
	})
	return stored, errors.Join(group.Wait(), err, from.Close())
}
