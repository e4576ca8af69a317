// Package blob keeps pictures, files and models: bytes in a bucket, and a
// ledger row for each in the database, so that an object exists exactly if the
// transaction that published it committed.
//
//	Put ─► row pending, committed ─► bytes, synced ─► Publish(tx) ─► live
//	         │ failure, crash                              │
//	         └► Discard, or Sweep when the writer is gone   └► Doom(tx) ─► Sweep removes bytes, then row
//
// It does not know what an object means, who may read it or how large it may
// be: that is decided by the service whose rows name the key.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"granary/internal/platform/blob/bucket"
	"granary/internal/platform/database"
	"granary/internal/platform/fault"
)

// Bucket is where the bytes are; see package bucket.
type Bucket = bucket.Bucket

// compensation bounds how long a failed Put or a Discard may go on cleaning up
// after its caller has left.
const compensation = 30 * time.Second

// StoreConfig has the store's settings; the zero value is complete.
type StoreConfig struct {
	// Lease is how long an object may stay pending when its writer cannot be
	// seen to be dead. Defaults to 1 h.
	Lease time.Duration
	// SweepEvery is the pause between two sweeps. Defaults to 1 min.
	SweepEvery time.Duration
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Logger gets what the background sweep did. Defaults to none.
	Logger *slog.Logger
}

// Store is the ledger over a bucket. Safe for concurrent use by any number of
// goroutines and servers. It must be closed.
type Store struct {
	db      *database.DB
	bucket  Bucket
	cfg     StoreConfig
	writers *writers

	mu      sync.Mutex
	cancel  context.CancelFunc
	stopped chan struct{}
}

// NewStore returns a store whose bytes lie in b. The store owns b from now on.
func NewStore(db *database.DB, b Bucket, cfg StoreConfig) *Store {
	if cfg.Lease <= 0 {
		cfg.Lease = time.Hour
	}
	if cfg.SweepEvery <= 0 {
		cfg.SweepEvery = time.Minute
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Store{db: db, bucket: b, cfg: cfg, writers: newWriters(db.Path())}
}

// Close stops the sweeper and closes the bucket.
func (s *Store) Close() error {
	s.Stop()
	return errors.Join(s.writers.Close(), s.bucket.Close())
}

// Bucket returns the bytes without the ledger, for backup and repair.
func (s *Store) Bucket() Bucket { return s.bucket }

func (s *Store) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// Put stores what r yields under a key that was never used before: first an
// intent row is committed, then the bytes are made durable. The object stays
// invisible until Publish. On an error, of r too, nothing is left behind.
// A key that exists is a fault.Conflict. r is streamed, never held whole.
func (s *Store) Put(ctx context.Context, key, mediaType string, r io.Reader) (Object, error) {
	if err := bucket.CheckKey(key); err != nil {
		return Object{}, err
	}
	writer, err := s.writers.own()
	if err != nil {
		return Object{}, fmt.Errorf("register as writer: %w", err)
	}
	intent := row{Key: key, MediaType: mediaType, State: Pending, Writer: writer, CreatedAt: s.now()}
	err = s.db.InGroup(ctx, func(ctx context.Context, tx database.Tx) error {
		_, err := tx.NewInsert().Model(&intent).Exec(ctx)
		return err
	})
	if database.IsUnique(err) {
		return Object{}, fault.New(fault.Conflict, "object %s exists already", key)
	}
	if err != nil {
		return Object{}, fmt.Errorf("record intent of %s: %w", key, err)
	}
	digest := sha256.New()
	n, err := s.bucket.Put(ctx, key, mediaType, io.TeeReader(r, digest))
	if err != nil {
		return Object{}, errors.Join(err, s.giveUp(ctx, key, s.late()))
	}
	intent.SHA256, intent.Size = hex.EncodeToString(digest.Sum(nil)), n
	return intent.object(), nil
}

// Publish makes what Put returned live inside the caller's transaction. When
// one of them was given up meanwhile, because its writer was thought dead,
// the error is fault.Unavailable and the caller must roll back.
func (s *Store) Publish(ctx context.Context, tx database.Tx, objects ...Object) error {
	for _, o := range objects {
		result, err := tx.NewUpdate().Model((*row)(nil)).
			Set("state = ?", Live).Set("sha256 = ?", o.SHA256).Set("size = ?", o.Size).
			Where("key = ?", o.Key).Where("state = ?", Pending).Exec(ctx)
		if err != nil {
			return fmt.Errorf("publish %s: %w", o.Key, err)
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(fault.New(fault.Unavailable, "the upload took too long; try again"), err)
		}
	}
	return nil
}

// doomBatch bounds how many keys one statement names.
const doomBatch = 500

// Doom makes objects invisible inside the caller's transaction; the sweeper
// removes them after it committed. Keys that do not exist or are doomed
// already are no error.
func (s *Store) Doom(ctx context.Context, tx database.Tx, keys ...string) error {
	for batch := range slices.Chunk(keys, doomBatch) {
		if _, err := tx.NewUpdate().Model((*row)(nil)).Set("state = ?", Doomed).
			Where("key IN (?)", bun.List(batch)).Exec(ctx); err != nil {
			return fmt.Errorf("doom %d objects: %w", len(batch), err)
		}
	}
	return nil
}

// Discard takes back a Put that will not be published. An object that is live
// after all, because a commit was thought failed and was not, stays. It goes
// on for up to 30 s after ctx has ended; when it fails the sweeper does it.
func (s *Store) Discard(ctx context.Context, key string) error { return s.giveUp(ctx, key, nil) }

// lateUpload is how long an upload that was cut off may take to land in a
// remote bucket.
const lateUpload = 10 * time.Minute

// late is until when the row of an upload that may still land is kept; nil
// where it cannot, in a bucket on this machine.
func (s *Store) late() *time.Time {
	if _, here := s.bucket.(bucket.Scratch); here {
		return nil
	}
	until := s.now().Add(lateUpload)
	return &until
}

// giveUp is Discard of an object whose row stays until keep.
func (s *Store) giveUp(ctx context.Context, key string, keep *time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), compensation)
	defer cancel()
	live := false
	err := s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		if _, err := tx.NewUpdate().Model((*row)(nil)).Set("state = ?", Doomed).Set("keep_until = ?", keep).
			Where("key = ?", key).Where("state = ?", Pending).Exec(ctx); err != nil {
			return err
		}
		var err error
		live, err = tx.NewSelect().Model((*row)(nil)).Where("key = ?", key).Where("state = ?", Live).Exists(ctx)
		return err
	})
	if err == nil && !live {
		// Also when there is no row: a sweeper that thought us dead may have
		// removed it before the bytes were complete.
		if err = s.bucket.Delete(ctx, key); err == nil {
			_, err = s.forget(ctx, key)
		}
	}
	if err != nil {
		return fmt.Errorf("discard %s: %w", key, err)
	}
	return nil
}

// forget removes the rows of doomed objects whose bytes are gone and will not
// come again, and returns how many they were.
func (s *Store) forget(ctx context.Context, keys ...string) (int, error) {
	var removed int64
	err := s.db.InTx(ctx, func(ctx context.Context, tx database.Tx) error {
		result, err := tx.NewDelete().Model((*row)(nil)).
			Where("key IN (?)", bun.List(keys)).Where("state = ?", Doomed).
			Where("keep_until IS NULL OR keep_until <= ?", s.now()).Exec(ctx)
		if err != nil {
			return err
		}
		removed, err = result.RowsAffected()
		return err
	})
	return int(removed), err
}
