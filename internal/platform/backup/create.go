package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"granary/internal/platform/blob"
	"granary/internal/platform/blob/dir"
	"granary/internal/platform/fault"
)

// copiers is how many objects are copied at once.
const copiers = 4

// Create writes a backup of a live installation into folder, which must not
// exist. The folder appears under that name only when all of it is synced;
// after an error nothing is left. Writers go on meanwhile.
func Create(ctx context.Context, source Source, folder string) (manifest Manifest, err error) {
	if _, err := os.Lstat(folder); !errors.Is(err, os.ErrNotExist) {
		return Manifest{}, fault.New(fault.Conflict, "backup folder %s exists already", filepath.Base(folder))
	}
	parent := filepath.Dir(folder)
	partial, err := os.MkdirTemp(parent, filepath.Base(folder)+".partial-*")
	if err != nil {
		return Manifest{}, fmt.Errorf("create backup folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(partial))
		}
	}()
	root, err := os.OpenRoot(partial)
	if err != nil {
		return Manifest{}, fmt.Errorf("open backup folder: %w", err)
	}
	manifest, err = fill(ctx, source, root, filepath.Join(partial, blobFolder))
	if err = errors.Join(err, root.Close()); err != nil {
		return Manifest{}, err
	}
	if err := os.Rename(partial, folder); err != nil {
		return Manifest{}, fmt.Errorf("name backup folder: %w", err)
	}
	return manifest, syncFolder(parent)
}

func fill(ctx context.Context, source Source, root *os.Root, blobs string) (Manifest, error) {
	now := source.Now
	if now == nil {
		now = time.Now
	}
	m := Manifest{Format: Format, CreatedAt: now().UTC(), Version: source.Version, Engine: engine(source.DB)}
	var err error
	if m.Schemas, err = schemas(ctx, source.DB, source.Sets); err != nil {
		return m, err
	}
	if err := root.Mkdir(tableFolder, 0o700); err != nil {
		return m, err
	}
	// Held before the snapshot: what it sees alive cannot be swept meanwhile.
	hold, err := source.Store.Hold(ctx, "backup")
	if err != nil {
		return m, err
	}
	err = source.DB.Snapshot(ctx, func(ctx context.Context, tx bun.IDB) error {
		tables, err := describe(ctx, source.DB, tx)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if t.Name == holds {
				continue
			}
			if err := dump(ctx, tx, root, &t); err != nil {
				return fmt.Errorf("copy table %s: %w", t.Name, err)
			}
			m.Tables = append(m.Tables, t)
		}
		return nil
	})
	if err == nil {
		err = copyObjects(ctx, source.Store.Bucket(), root, blobs, &m)
	}
	if err := errors.Join(err, hold.Release(ctx)); err != nil {
		return m, err
	}
	if err := writeManifest(root, m); err != nil {
		return m, fmt.Errorf("write manifest: %w", err)
	}
	return m, nil
}

// dump writes one table's rows and fills in what the manifest says of them.
func dump(ctx context.Context, tx bun.IDB, root *os.Root, t *Table) error {
	query := tx.NewSelect().Table(t.Name)
	for _, c := range t.Columns {
		if c.Kind == Native {
			query = query.ColumnExpr("CAST(? AS TEXT)", bun.Ident(c.Name))
		} else {
			query = query.ColumnExpr("?", bun.Ident(c.Name))
		}
	}
	if t.Name == ledger {
		query = query.Where("state = ?", blob.Live)
	}
	rows, err := query.Rows(ctx)
	if err != nil {
		return err
	}
	values, targets := make([]any, len(t.Columns)), make([]any, len(t.Columns))
	for i := range values {
		targets[i] = &values[i]
	}
	err = writeFile(root, t.file(), func(w io.Writer) error {
		digest := sha256.New()
		counted := &counter{Writer: io.MultiWriter(w, digest)}
		encoder := json.NewEncoder(counted)
		for rows.Next() {
			if err := rows.Scan(targets...); err != nil {
				return err
			}
			for i, c := range t.Columns {
				var err error
				if values[i], err = c.encode(values[i]); err != nil {
					return err
				}
			}
			if err := encoder.Encode(values); err != nil {
				return err
			}
			t.Rows++
		}
		t.Bytes, t.SHA256 = counted.n, hex.EncodeToString(digest.Sum(nil))
		return rows.Err()
	})
	return errors.Join(err, rows.Close())
}

// objects calls fn for each object that the dumped ledger records.
func objects(ctx context.Context, root *os.Root, m Manifest, fn func(blob.Object) error) error {
	t, ok := m.table(ledger)
	if !ok {
		return nil
	}
	key, digest, size, media := t.column("key"), t.column("sha256"), t.column("size"), t.column("media_type")
	if min(key, digest, size, media) < 0 {
		return &DamagedError{manifestFile, "lacks a column of " + ledger}
	}
	f, err := root.Open(t.file())
	if err != nil {
		return fmt.Errorf("read list of objects: %w", err)
	}
	err = eachRow(ctx, f, t, func(row []any) error {
		o := blob.Object{}
		var ok [4]bool
		o.Key, ok[0] = row[key].(string)
		o.SHA256, ok[1] = row[digest].(string)
		o.Size, ok[2] = row[size].(int64)
		o.MediaType, ok[3] = row[media].(string)
		if ok != [4]bool{true, true, true, true} {
			return &DamagedError{t.file(), "has an incomplete object"}
		}
		return fn(o)
	})
	return errors.Join(err, f.Close())
}

func copyObjects(ctx context.Context, from blob.Bucket, root *os.Root, folder string, m *Manifest) error {
	to, err := dir.Open(folder)
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(copiers)
	err = objects(groupCtx, root, *m, func(o blob.Object) error {
		m.Objects++
		m.ObjectBytes += o.Size
		group.Go(func() error { return copyObject(groupCtx, from, to, o) })
		return nil
	})
	// A copier's error is the cause when it ended the walk.
	return errors.Join(group.Wait(), err, to.Close())
}

// copyObject copies verified bytes: the digest is judged before the last of
// them is written, so a bad object is never completed.
func copyObject(ctx context.Context, from, to blob.Bucket, o blob.Object) error {
	body, _, err := from.Get(ctx, o.Key)
	if err != nil {
		return fmt.Errorf("copy object: %w", err)
	}
	_, err = to.Put(ctx, o.Key, o.MediaType, blob.Verify(body, o))
	if err := errors.Join(err, body.Close()); err != nil {
		return fmt.Errorf("copy object: %w", err)
	}
	return nil
}

func writeManifest(root *os.Root, m Manifest) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	sum := sha256.Sum256(data)
	for name, content := range map[string]string{manifestFile: string(data), digestFile: hex.EncodeToString(sum[:]) + "\n"} {
		if err := writeFile(root, name, func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		}); err != nil {
			return err
		}
	}
	for _, folder := range []string{tableFolder, "."} {
		f, err := root.Open(folder)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// writeFile creates and syncs one file through a buffer.
func writeFile(root *os.Root, name string, fn func(io.Writer) error) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	err = fn(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncFolder(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type counter struct {
	io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}
