package crash_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"granary/test/harness"
)

// Guarantee: a backup is one point in time across rows and blobs, and a
// backup that was cut short is never taken for one.
func TestKillDuringBackup(t *testing.T) {
	t.Parallel()
	store := harness.Local(t)
	c := hire(t, store, 4, 11)
	server := start(t, store)
	prepare(t, server.URL)
	load(t, c, server.URL, 300*time.Millisecond)
	for range 4 {
		// The backup dies, the server goes on.
		cut := t.TempDir()
		backup := harness.Launch(t, store, "backup", filepath.Join(cut, "b"))
		<-time.After(rand.N(120 * time.Millisecond)) // the moment is what is tested
		backup.Kill(t)
		whole := filepath.Join(cut, "b", "manifest.json")
		if result := harness.Local(t).Try(t, "restore", filepath.Join(cut, "b")); result.Code == 0 && !exist(t, whole) {
			t.Errorf("a backup without a manifest was restored:\n%s", result.Stdout)
		}
		load(t, c, server.URL, 50*time.Millisecond)
		c.verify(t, server.URL, false)
	}
	// The server dies under the backup, which goes on from the stores.
	ctx, cancel := context.WithCancel(t.Context())
	c.release(ctx, t, server.URL, never)
	folder := filepath.Join(t.TempDir(), "b")
	backup := harness.Launch(t, store, "backup", folder)
	<-time.After(rand.N(80 * time.Millisecond)) // the moment is what is tested
	server.Kill(t)
	cancel()
	c.running.Wait()
	if code := backup.Wait(t); code != 0 {
		t.Errorf("the backup ended with %d, want 0:\n%s", code, backup.Log())
	}
	server = start(t, store)
	c.verify(t, server.URL, true)
	sound(t, store)

	// What was acknowledged before a backup began is in it.
	last := filepath.Join(t.TempDir(), "b")
	store.Command(t, "backup", last)
	for _, from := range []string{folder, last} {
		copied := harness.Local(t)
		copied.Command(t, "restore", from)
		sound(t, copied)
		if from != last {
			continue
		}
		second := start(t, copied)
		c.verify(t, second.URL, true)
	}
}

// load lets the crew work for a while.
func load(t *testing.T, c *crew, base string, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c.release(ctx, t, base, never)
	<-time.After(d)
	cancel()
	c.running.Wait()
}

// exist reports whether a file is there.
func exist(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	return err == nil
}
