package nachet_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"granary/internal/platform/blob"
	"granary/internal/platform/database/databasetest"
	"granary/internal/platform/identity"
	"granary/internal/platform/jobs"
	"granary/internal/platform/jobs/local"
	"granary/internal/platform/secrets"
	"granary/internal/vision"
	"granary/internal/vision/engine"
	"granary/internal/vision/engine/fixed"
	"granary/internal/vision/nachet"
)

const user = "3b49fc8a-f2e5-43e0-96c0-f8ff07f2b4a9"

// newDoor returns a door over a fresh service with one account.
func newDoor(tb testing.TB) *nachet.Door {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	ctx := context.Background()
	log := slog.New(slog.DiscardHandler)
	db := databasetest.Open(tb, identity.Migrations(), blob.Migrations(), local.Migrations(), vision.Migrations())
	bucket, err := blob.Open(ctx, blob.Config{URL: "file:" + filepath.Join(tb.TempDir(), "blobs")})
	must(err)
	blobs := blob.NewStore(db, bucket, blob.StoreConfig{})
	users := identity.New(db, identity.Config{Vouch: identity.VouchConfig{AllowUnverified: true}}, log)
	key, err := secrets.OpenKeyFile(filepath.Join(tb.TempDir(), "key"))
	must(err)
	service := vision.New(vision.Deps{
		DB: db, Blobs: blobs, Users: users, Sealer: key, Log: log,
		Engines: map[string]engine.Engine{fixed.Name: fixed.Engine{}},
	}, vision.Config{})
	tb.Cleanup(func() {
		must(service.Close())
		must(blobs.Close())
	})
	registry := jobs.NewRegistry()
	must(service.Register(registry))
	queue, err := local.New(db, registry, jobs.Config{})
	must(err)
	service.SetJobs(queue)
	_, err = service.CreateAccount(identity.With(ctx, identity.System()), identity.NewUser{ID: user, Email: "a@lab.example"})
	must(err)
	return nachet.New(service, users, func(context.Context) error { return nil }, nachet.Config{Local: true, TestPipeline: true})
}

// FuzzBodies sends arbitrary bodies to every operation: each is answered, as
// an array of one text unless it succeeds, and never as an internal error.
func FuzzBodies(f *testing.F) {
	door := newDoor(f)
	var paths []string
	handlers := map[string]http.Handler{}
	for _, route := range door.Routes() {
		if route.Path == "/test" {
			route.Handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/test", nil))
		}
		if route.Method == http.MethodPost {
			paths = append(paths, route.Path)
			handlers[route.Path] = route.Handler
		}
	}
	const gif = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
	for i, body := range []string{
		`{"container_name":"` + user + `"}`,
		`{"container_name":"` + user + `","folder_name":"a","folder_uuid":"b"}`,
		`{"container_name":"` + user + `","folder_name":"General","imageDims":[5,5],"model_name":"test_pipeline","image":"` + gif + `"}`,
		`{"image":"` + gif + `"}`,
		`{"container_name":"` + user + `","nb_pictures":3,"folder_name":"x"}`,
		`{"container_name":"` + user + `","session_id":"x","seed_name":"y","zoom_level":1,"nb_seeds":2,"image":"` + gif + `"}`,
		`{"userId":"` + user + `","inferenceId":"x","boxes":[{"boxId":"y"}]}`,
		`{"userId":"` + user + `","inferenceId":"x","boxes":[{"boxId":"","label":"s","classId":"","box":{"topX":1,"topY":1,"bottomX":2,"bottomY":2}}]}`,
		`{"email":"a@lab.example"}`, `[]`, `null`, `{"container_name":"\u0000"}`, `{"imageDims":[1e400]}`, strings.Repeat("[", 10000),
	} {
		f.Add(uint(i), []byte(body))
	}
	f.Fuzz(func(t *testing.T, which uint, body []byte) {
		path := paths[which%uint(len(paths))]
		request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(body)))
		recorder := httptest.NewRecorder()
		handlers[path].ServeHTTP(recorder, request)
		answer, err := io.ReadAll(recorder.Body)
		if err != nil {
			t.Fatal(err)
		}
		if recorder.Code == http.StatusOK {
			return
		}
		var texts []string
		if recorder.Code != http.StatusBadRequest || json.Unmarshal(answer, &texts) != nil || len(texts) != 1 {
			t.Fatalf("%s of %q = %d %s, want 400 and an array of one text", path, body, recorder.Code, answer)
		}
		if what := strings.TrimPrefix(texts[0], "Unhandled API error : Error "); what != texts[0] && !strings.Contains(what, " : ") && path != "/get-user-id" {
			t.Fatalf("%s of %q = %s: an error without a cause", path, body, answer)
		}
	})
}
