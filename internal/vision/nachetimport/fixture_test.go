package nachetimport_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"granary/internal/platform/blob"
	"granary/internal/platform/blob/blobtest"
	"granary/internal/platform/database"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/identity"
	"granary/internal/platform/secrets"
	"granary/internal/vision"
	"granary/internal/vision/nachetimport"
)

// legacySchema is the tables of the specification, section 7.1.
const legacySchema = `
CREATE TABLE users (id uuid PRIMARY KEY, email varchar(255) NOT NULL, registration_date timestamp DEFAULT now(), updated_at timestamp, default_set_id uuid);
CREATE TABLE picture_set (id uuid PRIMARY KEY, picture_set json NOT NULL, owner_id uuid NOT NULL REFERENCES users, upload_date date DEFAULT '2024-03-02', name text);
CREATE TABLE picture (id uuid PRIMARY KEY, picture json NOT NULL, picture_set_id uuid NOT NULL REFERENCES picture_set ON DELETE CASCADE,
	nb_obj int NOT NULL DEFAULT 0, verified bool NOT NULL DEFAULT false, upload_date timestamp DEFAULT '2024-03-03 10:00:00');
CREATE TABLE object_type (id serial PRIMARY KEY, name text);
CREATE TABLE seed (id uuid PRIMARY KEY, name text, object_type_id int DEFAULT 1);
CREATE TABLE picture_seed (id uuid PRIMARY KEY, picture_id uuid NOT NULL REFERENCES picture ON DELETE CASCADE, seed_id uuid NOT NULL REFERENCES seed, upload_date timestamp DEFAULT now());
CREATE TABLE task (id serial PRIMARY KEY, name text);
CREATE TABLE model (id uuid PRIMARY KEY, name text NOT NULL, endpoint_name text NOT NULL, task_id int NOT NULL REFERENCES task, active_version uuid, upload_date timestamp);
CREATE TABLE model_version (id uuid PRIMARY KEY, model_id uuid NOT NULL REFERENCES model, data json NOT NULL, version text NOT NULL, upload_date timestamp);
CREATE TABLE pipeline (id uuid PRIMARY KEY, name text NOT NULL, active bool, is_default bool, data json NOT NULL);
CREATE TABLE pipeline_model (id uuid PRIMARY KEY, pipeline_id uuid NOT NULL REFERENCES pipeline, model_id uuid NOT NULL REFERENCES model);
CREATE TABLE pipeline_default (id uuid PRIMARY KEY, pipeline_id uuid NOT NULL, user_id uuid NOT NULL, update_date timestamp);
CREATE TABLE inference (id uuid PRIMARY KEY, inference json NOT NULL, picture_id uuid NOT NULL REFERENCES picture ON DELETE CASCADE, user_id uuid NOT NULL REFERENCES users,
	pipeline_id uuid REFERENCES pipeline, feedback_user_id uuid, verified bool NOT NULL DEFAULT false, upload_date timestamp DEFAULT '2024-03-03 10:00:01', update_at timestamp);
CREATE TABLE object (id uuid PRIMARY KEY, box_metadata json NOT NULL, inference_id uuid NOT NULL REFERENCES inference ON DELETE CASCADE, type_id int NOT NULL DEFAULT 1,
	verified_id uuid, valid bool NOT NULL DEFAULT true, top_id uuid, manual_detection bool NOT NULL DEFAULT false, upload_date timestamp DEFAULT now(), update_at timestamp);
CREATE TABLE seed_obj (id uuid PRIMARY KEY, seed_id uuid NOT NULL REFERENCES seed, object_id uuid NOT NULL REFERENCES object ON DELETE CASCADE, score double precision NOT NULL);
INSERT INTO task (name) VALUES ('Object Detection'), ('Classification'), ('Segmentation');
INSERT INTO object_type (name) VALUES ('seed');
`

// legacy is an existing deployment, made for one test.
type legacy struct {
	t       *testing.T
	conn    *pgx.Conn
	client  *azblob.Client
	source  nachetimport.Source
	ids     map[string]string // by a short name that the test uses
	reverse map[string]string
}

func newLegacy(t *testing.T) *legacy {
	t.Helper()
	connection := blobtest.Azurite(t)
	address := databasetest.PostgresURL(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	client, err := azblob.NewClientFromConnectionString(connection, nil)
	if err != nil {
		t.Fatalf("open account: %v", err)
	}
	// A name that works only when it is quoted.
	schema := "nachet_0.0.11_" + uuid.NewString()[:8]
	l := &legacy{t: t, conn: conn, client: client, ids: map[string]string{}, reverse: map[string]string{}}
	l.source = nachetimport.Source{
		DatabaseURL: "postgresql+psycopg2://" + strings.TrimPrefix(address, "postgres://"),
		Schema:      schema, ConnectionString: connection,
	}
	l.exec(`CREATE SCHEMA "` + schema + `"`)
	l.exec(`SET search_path TO "` + schema + `"`)
	l.exec(legacySchema)
	t.Cleanup(func() {
		if _, err := conn.Exec(context.Background(), `DROP SCHEMA "`+schema+`" CASCADE`); err != nil {
			t.Errorf("drop schema: %v", err)
		}
		if err := conn.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

func (l *legacy) exec(sql string, args ...any) {
	l.t.Helper()
	if _, err := l.conn.Exec(l.t.Context(), sql, args...); err != nil {
		l.t.Fatalf("%s: %v", sql, err)
	}
}

// id returns the id behind a short name, a new one at its first use.
func (l *legacy) id(name string) string {
	if name == "" {
		return ""
	}
	if l.ids[name] == "" {
		l.ids[name] = uuid.NewString()
		l.reverse[l.ids[name]] = name
	}
	return l.ids[name]
}

func (l *legacy) null(name string) any {
	if name == "" {
		return nil
	}
	return l.id(name)
}

func (l *legacy) user(name, email, home string) {
	l.t.Helper()
	l.exec(`INSERT INTO users (id, email, default_set_id) VALUES ($1, $2, $3)`, l.id(name), email, l.null(home))
	l.container(name)
}

func (l *legacy) container(user string) {
	l.t.Helper()
	name := "user-" + l.id(user)
	if _, err := l.client.CreateContainer(l.t.Context(), name, nil); err != nil {
		l.t.Fatalf("create container: %v", err)
	}
	l.t.Cleanup(func() {
		if _, err := l.client.DeleteContainer(context.Background(), name, nil); err != nil {
			l.t.Errorf("delete container: %v", err)
		}
	})
}

func (l *legacy) set(name, owner string, folder any, announced int) {
	l.t.Helper()
	l.exec(`INSERT INTO picture_set (id, picture_set, owner_id, name) VALUES ($1, $2, $3, $4)`, l.id(name),
		fmt.Sprintf(`{"image_data_picture_set":{"number_of_images":%d},"audit_trail":{}}`, announced), l.id(owner), folder)
}

func (l *legacy) picture(name, set, document string) {
	l.t.Helper()
	l.exec(`INSERT INTO picture (id, picture, picture_set_id) VALUES ($1, $2, $3)`, l.id(name), document, l.id(set))
}

// put stores a blob in a user's container.
func (l *legacy) put(user, folder, picture string, data []byte) {
	l.t.Helper()
	if _, err := l.client.UploadBuffer(l.t.Context(), "user-"+l.id(user), folder+"/"+l.id(picture), data, nil); err != nil {
		l.t.Fatalf("upload: %v", err)
	}
}

func (l *legacy) seed(name string, label any) {
	l.t.Helper()
	l.exec(`INSERT INTO seed (id, name) VALUES ($1, $2)`, l.id(name), label)
}

func (l *legacy) label(name, picture, seed string) {
	l.t.Helper()
	l.exec(`INSERT INTO picture_seed (id, picture_id, seed_id) VALUES ($1, $2, $3)`, l.id(name), l.id(picture), l.id(seed))
}

func (l *legacy) inference(name, picture, user, pipeline string, verified bool) {
	l.t.Helper()
	l.exec(`INSERT INTO inference (id, inference, picture_id, user_id, pipeline_id, verified) VALUES ($1, '{"filename":"leaf.png","totalBoxes":2}', $2, $3, $4, $5)`,
		l.id(name), l.id(picture), l.id(user), l.null(pipeline), verified)
}

// box adds a box with one guess for each seed, named box/seed, best first.
func (l *legacy) box(name, inference, metadata string, seeds ...string) {
	l.t.Helper()
	l.exec(`INSERT INTO object (id, box_metadata, inference_id) VALUES ($1, $2, $3)`, l.id(name), metadata, l.id(inference))
	for i, seed := range seeds {
		l.exec(`INSERT INTO seed_obj (id, seed_id, object_id, score) VALUES ($1, $2, $3, $4)`,
			l.id(name+"/"+seed), l.id(seed), l.id(name), 0.9-float64(i)/10)
	}
	if len(seeds) > 0 {
		l.exec(`UPDATE object SET top_id = $1 WHERE id = $2`, l.id(name+"/"+seeds[0]), l.id(name))
	}
}

func (l *legacy) verify(box, seed string) {
	l.t.Helper()
	l.exec(`UPDATE object SET verified_id = $1, update_at = '2024-03-04 12:00:00' WHERE id = $2`, l.id(box+"/"+seed), l.id(box))
}

func (l *legacy) pipeline(name, title string, active, isDefault bool, models ...string) {
	l.t.Helper()
	l.exec(`INSERT INTO pipeline (id, name, active, is_default, data) VALUES ($1, $2, $3, $4, '{"version":1,"created_by":"Avery"}')`,
		l.id(name), title, active, isDefault)
	for _, model := range models {
		l.exec(`INSERT INTO pipeline_model (id, pipeline_id, model_id) VALUES ($1, $2, $3)`, uuid.NewString(), l.id(name), l.id(model))
	}
}

func (l *legacy) model(name, title string, task int, data string) {
	l.t.Helper()
	l.exec(`INSERT INTO model (id, name, endpoint_name, task_id, active_version) VALUES ($1, $2, 'score', $3, $4)`,
		l.id(name), title, task, l.id(name+"/v1"))
	l.exec(`INSERT INTO model_version (id, model_id, data, version) VALUES ($1, $2, $3, '1')`, l.id(name+"/v1"), l.id(name), data)
}

const metadata = `{"box":{"topX":8,"topY":5,"bottomX":30,"bottomY":28},"color":"#005AFF","overlapping":true,"overlappingIndices":[2]}`

// pngOf returns a small picture; different shades are different files.
func pngOf(t *testing.T, shade uint8) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 48, 32))
	img.Set(1, 1, color.RGBA{shade, 1, 2, 255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatalf("encode: %v", err)
	}
	return b.Bytes()
}

// target is where an import goes.
type target struct {
	nachetimport.Target
	db    *database.DB
	blobs *blob.Store
}

func eachTarget(t *testing.T, fn func(t *testing.T, to target)) {
	t.Helper()
	sets := []database.Migrations{identity.Migrations(), blob.Migrations(), vision.Migrations()}
	databasetest.Each(t, sets, func(t *testing.T, db *database.DB) { fn(t, newTarget(t, db)) })
}

func newTarget(t *testing.T, db *database.DB) target {
	t.Helper()
	bucket, err := blob.Open(t.Context(), blob.Config{URL: "file:" + t.TempDir()})
	if err != nil {
		t.Fatalf("open bucket: %v", err)
	}
	store := blob.NewStore(db, bucket, blob.StoreConfig{})
	sealer, err := secrets.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatalf("open key: %v", err)
	}
	log := slog.New(slog.DiscardHandler)
	users := identity.New(db, identity.Config{}, log)
	service := vision.New(vision.Deps{DB: db, Blobs: store, Users: users, Sealer: sealer, Log: log}, vision.Config{})
	t.Cleanup(func() {
		if err := service.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := service.EnsureStandard(t.Context()); err != nil {
		t.Fatalf("EnsureStandard: %v", err)
	}
	return target{Target: nachetimport.Target{Vision: service, Users: users}, db: db, blobs: store}
}

func system(t *testing.T) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.System())
}

// check holds the target to its own invariants.
func (to target) check(t *testing.T) {
	t.Helper()
	problems, err := to.Vision.Check(t.Context())
	if err != nil || len(problems) > 0 {
		t.Errorf("Check = %q, %v, want nothing", problems, err)
	}
}

func databasetestOpen(t *testing.T) *database.DB {
	t.Helper()
	return databasetest.Open(t, identity.Migrations(), blob.Migrations(), vision.Migrations())
}

// ticker is a clock that advances by a minute at every look.
type ticker struct {
	mu sync.Mutex
	at time.Time
}

func newTicker() *ticker { return &ticker{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *ticker) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Minute)
	return c.at
}
