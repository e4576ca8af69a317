package vision_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"granary/internal/platform/blob"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/identity"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/local"
	"granary/internal/platform/jobs/river"
	"granary/internal/platform/raster"
	"granary/internal/platform/secrets"
	"granary/internal/vision"
	"granary/internal/vision/engine"
	"granary/internal/vision/pipeline"
)

// fake is an engine whose answers a test sets.
type fake struct {
	mu      sync.Mutex
	boxes   []engine.Detection
	guesses []engine.Guess
	err     error
}

func (f *fake) Open(context.Context, engine.Spec) (engine.Model, error) { return f, nil }

func (f *fake) Detect(context.Context, *raster.Picture) ([]engine.Detection, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.boxes, f.err
}

func (f *fake) Classify(context.Context, *raster.Picture) ([]engine.Guess, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.guesses, f.err
}

func (f *fake) Close() error { return nil }

// answer sets what the next calls say.
func (f *fake) answer(err error, guesses []engine.Guess, boxes ...engine.Box) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.boxes, f.guesses, f.err = nil, guesses, err
	for _, b := range boxes {
		f.boxes = append(f.boxes, engine.Detection{Box: b, Label: "seed", Score: 0.9})
	}
}

// bundle is one service with two accounts on fresh stores.
type bundle struct {
	*vision.Service
	db           *database.DB
	blobs        *blob.Store
	users        *identity.Service
	jobs         jobs.Engine
	model        *fake
	clock        *clock
	owner, other context.Context //nolint:containedctx // a test's callers
	ownerID      string
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond) // so that no two acts share a time
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const archiveEmail = "archive@lab.example"

// each runs a test on SQLite and PostgreSQL.
func each(t *testing.T, fn func(t *testing.T, b *bundle)) {
	t.Helper()
	databasetest.Each(t, nil, func(t *testing.T, db *database.DB) {
		t.Helper()
		fn(t, setup(t, db))
	})
}

func setup(t *testing.T, db *database.DB) *bundle {
	t.Helper()
	ctx := t.Context()
	queue := local.Migrations()
	if db.Pool() != nil {
		must(t, river.Migrate(ctx, db))
		queue = river.Migrations()
	}
	must(t, db.Migrate(ctx, identity.Migrations(), blob.Migrations(), queue, vision.Migrations()))
	bucket, err := blob.Open(ctx, blob.Config{URL: "file:" + filepath.Join(t.TempDir(), "blobs")})
	must(t, err)
	b := &bundle{db: db, blobs: blob.NewStore(db, bucket, blob.StoreConfig{}), model: &fake{}, clock: &clock{now: time.Now()}}
	log := slog.New(slog.DiscardHandler)
	b.users = identity.New(db, identity.Config{}, log)
	key, err := secrets.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	must(t, err)
	b.Service = vision.New(vision.Deps{
		DB: db, Blobs: b.blobs, Users: b.users, Sealer: key, Log: log,
		Engines: map[string]engine.Engine{"fake": b.model},
	}, vision.Config{ArchiveEmail: archiveEmail, BatchMaxPictures: 100, RetrainAfter: 1000, Now: b.clock.Now})
	t.Cleanup(func() { must(t, errors.Join(b.Close(), b.blobs.Close())) })
	registry := jobs.NewRegistry()
	must(t, b.Register(registry))
	if db.Pool() == nil {
		b.jobs, err = local.New(db, registry, jobs.Config{Poll: 20 * time.Millisecond})
	} else {
		b.jobs, err = river.New(db, registry, jobs.Config{Poll: 20 * time.Millisecond})
	}
	must(t, err)
	b.SetJobs(b.jobs)
	must(t, b.SavePipelines(system(t), []pipeline.Definition{definition("fake")}, nil))
	owner := b.account(t, "owner@lab.example", identity.Member)
	b.owner, b.ownerID = identity.With(ctx, owner), owner.UserID
	b.other = identity.With(ctx, b.account(t, "other@lab.example", identity.Member))
	return b
}

func system(t *testing.T) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.System())
}

func definition(name string) pipeline.Definition {
	return pipeline.Definition{
		Name: name, Version: "1", Default: true,
		Models: []pipeline.Model{
			{Name: "detector", Version: "1", Engine: "fake", Task: engine.ObjectDetection, Endpoint: "http://model.example/score", APIKey: "canary-key"},
			{Name: "classifier", Version: "2", Engine: "fake", Task: engine.Classification},
		},
		Steps: []pipeline.Step{
			{Kind: pipeline.StepDetect, Model: "detector"},
			{Kind: pipeline.StepCrop},
			{Kind: pipeline.StepClassify, Model: "classifier", DropNumber: true},
		},
	}
}

func (b *bundle) account(t *testing.T, email string, role identity.Role) identity.Principal {
	t.Helper()
	user, err := b.CreateAccount(system(t), identity.NewUser{Email: email, Role: role})
	must(t, err)
	return user.Principal("body")
}

// classify stores one picture with the given boxes for the owner.
func (b *bundle) classify(t *testing.T, folder string, boxes ...engine.Box) vision.Inference {
	t.Helper()
	b.model.answer(nil, []engine.Guess{{Label: "13 Ambrosia trifida", Score: 0.75}, {Label: "12 Ambrosia artemisiifolia", Score: 0.2}}, boxes...)
	inference, err := b.Classify(b.owner, vision.Classification{
		Pipeline: "fake", Folder: folder, Data: picture(t, len(boxes)),
		Options: pipeline.Options{Width: 100, Height: 80},
	})
	must(t, err)
	return inference
}

// sound fails the test when an invariant is broken, in rows or bytes.
func (b *bundle) sound(t *testing.T) {
	t.Helper()
	broken, err := b.Check(t.Context())
	must(t, err)
	for _, x := range broken {
		t.Errorf("Check found %s: %s", x.What, x.Subject)
	}
	_, err = b.blobs.Sweep(t.Context())
	must(t, err)
	_, err = b.blobs.Check(t.Context(), func(key, what string) { t.Errorf("blob %s: %s", key, what) })
	must(t, err)
}

// pictures counts the pictures of an account over all its sets.
func (b *bundle) pictures(t *testing.T) int {
	t.Helper()
	listings, err := b.Listings(b.owner, b.ownerID)
	must(t, err)
	n := 0
	for _, l := range listings {
		n += len(l.Pictures)
	}
	return n
}

// picture returns a small PNG; different shades are different files.
func picture(t *testing.T, shade int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 100, 80))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	img.Set(3, 3, color.RGBA{uint8(shade), uint8(shade >> 8), 7, 255})
	var buffer bytes.Buffer
	must(t, png.Encode(&buffer, img))
	return buffer.Bytes()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError fails unless err is the wanted one.
func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

var left, right = engine.Box{TopX: 0.1, TopY: 0.1, BottomX: 0.4, BottomY: 0.4}, engine.Box{TopX: 0.5, TopY: 0.5, BottomX: 0.9, BottomY: 0.9}
