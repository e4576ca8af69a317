package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/raster"
	"granary/internal/vision/engine"
	"granary/internal/vision/pipeline"
)

// BenchmarkFolderRequest is a whole /get-directories of an account with 100
// empty folders.
func BenchmarkFolderRequest(b *testing.B) {
	l := open(b)
	for i := range 100 {
		body, err := json.Marshal(map[string]string{"container_name": l.user, "folder_name": fmt.Sprintf("trial-%d", i)})
		if err != nil {
			b.Fatal(err)
		}
		l.post(b, "/create-dir", body)
	}
	ask, err := json.Marshal(map[string]string{"container_name": l.user})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l.post(b, "/get-directories", ask)
	}
}

// BenchmarkDecode passes a 640×560 PNG through the gate and decodes it.
func BenchmarkDecode(b *testing.B) {
	file := photograph(b, 640, 560)
	b.SetBytes(640 * 560)
	for b.Loop() {
		picture, err := raster.Gate{}.Open(file)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := picture.Image(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCrop cuts 150×150 pixels out of a decoded picture and encodes them
// as for a remote classifier.
func BenchmarkCrop(b *testing.B) {
	picture, err := raster.Gate{}.Open(photograph(b, 640, 560))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := picture.Image(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		crop, err := picture.Crop(image.Rect(100, 100, 250, 250))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := crop.File(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPostProcess turns 50 findings into boxes with colours and overlaps.
func BenchmarkPostProcess(b *testing.B) {
	findings := make([]pipeline.Finding, 50)
	for i := range findings {
		x, y := float64(i%10)/10, float64(i/10)/5
		findings[i] = pipeline.Finding{
			Box:   engine.Box{TopX: x, TopY: y, BottomX: x + 0.11, BottomY: y + 0.22},
			Label: fmt.Sprint("seed ", i%7), Score: 1 - float64(i)/100,
		}
	}
	for b.Loop() {
		if _, err := pipeline.PostProcess(findings, pipeline.Options{Width: 640, Height: 560}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBlobPut stores and publishes 600 KB: an intent, synced bytes, a
// commit. The disk decides.
func BenchmarkBlobPut(b *testing.B) {
	db := databasetest.Open(b, blob.Migrations())
	bucket, err := blob.Open(b.Context(), blob.Config{URL: "file:" + filepath.Join(b.TempDir(), "blobs")})
	if err != nil {
		b.Fatal(err)
	}
	store := blob.NewStore(db, bucket, blob.StoreConfig{})
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	data := bytes.Repeat([]byte("granary "), 75_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		object, err := store.Put(b.Context(), "bench/"+uuid.NewString(), "image/png", bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		if err := db.InTx(b.Context(), func(ctx context.Context, tx database.Tx) error {
			return store.Publish(ctx, tx, object)
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommit is a durable transaction of one row. The disk decides.
func BenchmarkCommit(b *testing.B) {
	db := databasetest.Open(b)
	if err := db.InTx(b.Context(), func(ctx context.Context, tx database.Tx) error {
		_, err := tx.ExecContext(ctx, "CREATE TABLE bench (id TEXT PRIMARY KEY)")
		return err
	}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := db.InTx(b.Context(), func(ctx context.Context, tx database.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO bench VALUES (?)", uuid.NewString())
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
