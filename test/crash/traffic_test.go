package crash_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"granary/test/harness"
)

// worker is one client that does what the front end does, in random order.
type worker struct {
	*memory
	user string
	name string
	rng  *rand.Rand
	next int // makes names
}

// errBroken ends a worker's turn: the server is gone.
var errBroken = errors.New("the connection broke")

// post sends a request; broken is set when no answer came.
func (w *worker) post(ctx context.Context, t *testing.T, client *harness.Client, path string, body map[string]any, out any) error {
	t.Helper()
	answer, err := client.Try(ctx, t, http.MethodPost, path, body)
	if err != nil {
		return errBroken
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("%s = %d %s, want 200", path, answer.Status, answer.Short())
	}
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return fmt.Errorf("%s: %w in %s", path, err, answer.Short())
	}
	w.acknowledged++
	return nil
}

// work acts until the server is gone, or until ends after the request that is
// then under way. An answer other than 200 is an error of the test, unless the
// server was draining.
func (w *worker) work(until context.Context, t *testing.T, base string, draining func() bool) {
	client := harness.NewClient(base, "")
	for until.Err() == nil {
		w.mu.Lock()
		err := w.act(t.Context(), t, client)
		w.mu.Unlock()
		if errors.Is(err, errBroken) {
			return
		}
		if err != nil {
			if !draining() {
				t.Errorf("%s: %v", w.name, err)
			}
			return
		}
	}
}

func (w *worker) act(ctx context.Context, t *testing.T, client *harness.Client) error {
	t.Helper()
	f, b := w.any(w.rng, false), w.any(w.rng, true)
	switch dice := w.rng.IntN(100); {
	case f == nil || dice < 6:
		return w.createFolder(ctx, t, client)
	case b == nil || dice < 12:
		return w.openBatch(ctx, t, client)
	case dice < 16:
		return w.delete(ctx, t, client, f)
	case dice < 20:
		return w.delete(ctx, t, client, b)
	case dice < 45:
		return w.upload(ctx, t, client, b)
	case dice < 65:
		if p := f.unconfirmed(); p != nil {
			return w.confirm(ctx, t, client, p)
		}
	}
	return w.classify(ctx, t, client, f)
}

func (w *worker) fresh() string {
	w.next++
	return fmt.Sprintf("%s-%d", w.name, w.next)
}

func (w *worker) createFolder(ctx context.Context, t *testing.T, client *harness.Client) error {
	t.Helper()
	var ids []string
	name := w.fresh() // after a broken connection a new one: nobody waits for the old
	if err := w.post(ctx, t, client, "/create-dir", map[string]any{"container_name": w.user, "folder_name": name}, &ids); err != nil {
		return err
	}
	w.folders = append(w.folders, &folder{id: ids[0], fate: exists, pictures: map[string]*picture{}, uploads: map[string]bool{}})
	return nil
}

func (w *worker) openBatch(ctx context.Context, t *testing.T, client *harness.Client) error {
	t.Helper()
	var session struct {
		ID string `json:"session_id"`
	}
	body := map[string]any{"container_name": w.user, "nb_pictures": 1000, "folder_name": w.fresh()}
	if err := w.post(ctx, t, client, "/new-batch-import", body, &session); err != nil {
		return err
	}
	w.folders = append(w.folders, &folder{
		id: session.ID, batch: true, fate: exists, pictures: map[string]*picture{}, uploads: map[string]bool{},
	})
	return nil
}

func (w *worker) delete(ctx context.Context, t *testing.T, client *harness.Client, f *folder) error {
	t.Helper()
	f.deleting = true
	var done bool
	if err := w.post(ctx, t, client, "/delete-permanently", map[string]any{"container_name": w.user, "folder_uuid": f.id}, &done); err != nil {
		return err
	}
	f.fate, f.deleting = gone, false
	return nil
}

func (w *worker) upload(ctx context.Context, t *testing.T, client *harness.Client, f *folder) error {
	t.Helper()
	data := w.draw(t)
	f.uploads[digest(data)] = false
	var done []bool
	err := w.post(ctx, t, client, "/upload-picture", map[string]any{
		"container_name": w.user, "session_id": f.id, "seed_name": "Brassica napus", "image": harness.DataURL("image/png", data),
	}, &done)
	if err == nil {
		f.uploads[digest(data)] = true
	}
	return err
}

// inference is the part of an answer that is remembered.
type inference struct {
	ID        string `json:"inference_id"`
	PictureID string `json:"picture_id"`
	Boxes     []struct {
		ID       string `json:"box_id"`
		Verified bool   `json:"is_verified"`
	} `json:"boxes"`
}

func (w *worker) classify(ctx context.Context, t *testing.T, client *harness.Client, f *folder) error {
	t.Helper()
	data := w.draw(t)
	f.uploads[digest(data)] = false
	var found inference
	err := w.post(ctx, t, client, "/inf", map[string]any{
		"model_name": "test_pipeline", "container_name": w.user, "folder_name": f.id, "imageDims": []int{60, 50},
		"image": harness.DataURL("image/png", data),
	}, &found)
	if err != nil {
		return err
	}
	if len(found.Boxes) != 1 {
		return fmt.Errorf("/inf answered %d boxes, want 1", len(found.Boxes))
	}
	delete(f.uploads, digest(data))
	f.pictures[found.PictureID] = &picture{
		id: found.PictureID, inference: found.ID, box: found.Boxes[0].ID, digest: digest(data), confirmed: gone, fresh: true,
	}
	return nil
}

func (w *worker) confirm(ctx context.Context, t *testing.T, client *harness.Client, p *picture) error {
	t.Helper()
	p.confirmed, p.fresh = asked, true
	var after inference
	err := w.post(ctx, t, client, "/feedback-positive", map[string]any{
		"userId": w.user, "inferenceId": p.inference, "boxes": []any{map[string]any{"boxId": p.box}},
	}, &after)
	if err != nil {
		return err
	}
	p.confirmed = exists
	return nil
}

// draw returns a small picture of noise, which no other equals.
func (w *worker) draw(t *testing.T) []byte {
	t.Helper()
	canvas := image.NewNRGBA(image.Rect(0, 0, 60, 50))
	for i := range canvas.Pix {
		canvas.Pix[i] = byte(w.rng.Uint32())
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&out, canvas); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// crew is several workers of one account.
type crew struct {
	user    string
	workers []*worker
	running sync.WaitGroup
}

func hire(t *testing.T, store harness.Store, size int, seed uint64) *crew {
	t.Helper()
	c := &crew{user: store.Command(t, "user", "create", "--email", "crash@example.org")}
	for i := range size {
		c.workers = append(c.workers, &worker{
			memory: &memory{}, user: c.user, name: fmt.Sprintf("w%d", i), rng: rand.New(rand.NewPCG(seed, uint64(i))),
		})
	}
	return c
}

// prepare adds the pipeline with the fixed answer.
func prepare(t *testing.T, base string) {
	t.Helper()
	harness.NewClient(base, "").Get(t, "/test").OK(t, nil)
}

// release lets the workers act on the server at base until it dies or until
// ends.
func (c *crew) release(until context.Context, t *testing.T, base string, draining func() bool) {
	t.Helper()
	for _, w := range c.workers {
		c.running.Go(func() { w.work(until, t, base, draining) })
	}
}

func (c *crew) acknowledged() int {
	var sum int
	for _, w := range c.workers {
		sum += w.acknowledged
	}
	return sum
}
