package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"granary/internal/platform/database"
)

// account is who the bench works as.
const account = "bench@granary.example"

// deployment is a data folder with an account and the fake pipeline.
type deployment struct {
	program
	user string
}

// deploy makes a data folder below folder and fills it with rows for folders
// of pictures, whose bytes do not exist.
func deploy(ctx context.Context, binary, folder string, e *endpoint, folders, pictures int) (deployment, error) {
	data, err := os.MkdirTemp(folder, "data-")
	if err != nil {
		return deployment{}, err
	}
	d := deployment{program: program{binary: binary, data: data}}
	if d.user, err = d.run(ctx, "user", "create", "--email", account); err != nil {
		return d, err
	}
	file, err := e.pipelineFile(data)
	if err != nil {
		return d, err
	}
	if _, err := d.run(ctx, "pipeline", "import", file); err != nil {
		return d, err
	}
	return d, d.fill(ctx, folders, pictures)
}

// rows are the statements that fill a database: the sets, their pictures, and
// an inference for two pictures of three. They are SQLite's own, since the
// rows are made inside it: a hundred thousand take a second.
const (
	fillSets = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO vision_picture_sets (id, owner_id, name, kind, revision, created_at)
		SELECT printf('01990000-0000-7000-8000-%012x', i), ?, printf('trial-%04d', i), 'folder', 1,
			strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', '+' || i || ' seconds') || '+00:00' FROM n`
	fillPictures = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
		INSERT INTO vision_pictures (id, set_id, blob_key, sha256, media_type, width, height, size_bytes, batch, validated, uploaded_at)
		SELECT printf('01990001-%04x-7000-8000-%012x', s.rowid & 65535, abs(random()) & 281474976710655), s.id, 'vision/pictures/none', '', 'image/png', 640, 560, 1000000, 0, n.i % 3 = 0,
			strftime('%Y-%m-%d %H:%M:%f', '2026-02-01', '+' || n.i || ' seconds') || '+00:00'
		FROM vision_picture_sets AS s CROSS JOIN n WHERE s.kind = 'folder'`
	fillInferences = `INSERT INTO vision_inferences (id, picture_id, user_id, pipeline_name, models, file_name, width, height, verified, created_at, updated_at)
		SELECT 'i' || p.id, p.id, ?, 'Bench', '[]', 'default_filename', 640, 560, p.validated, p.uploaded_at, p.uploaded_at
		FROM vision_pictures AS p WHERE p.rowid % 3 <> 1`
)

func (d deployment) fill(ctx context.Context, folders, pictures int) (err error) {
	if folders == 0 {
		return nil
	}
	db, err := database.Open(ctx, database.Config{URL: "sqlite:" + filepath.Join(d.data, "granary.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if _, err := tx.ExecContext(ctx, fillSets, folders, d.user); err != nil {
			return fmt.Errorf("fill folders: %w", err)
		}
		if pictures == 0 {
			return nil
		}
		if _, err := tx.ExecContext(ctx, fillPictures, pictures); err != nil {
			return fmt.Errorf("fill pictures: %w", err)
		}
		if _, err := tx.ExecContext(ctx, fillInferences, d.user); err != nil {
			return fmt.Errorf("fill inferences: %w", err)
		}
		return nil
	})
}
