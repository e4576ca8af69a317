// Package acceptance drives the built binary from outside, speaking only HTTP
// and the command line: the sequences of the unmodified front end, every error
// text that it may show, who may call what, limits, failing models, and the
// commands around them. Each runs on every kind of store that is at hand.
//
//	go test ./test/acceptance                                 SQLite and a folder
//	scripts/services run go test ./test/acceptance            and PostgreSQL with Azure Blob Storage
package acceptance

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"granary/test/harness"
)

func TestMain(m *testing.M) {
	remove, err := harness.Build(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const (
	// origin is where the front end's page comes from.
	origin = "http://localhost:3000"
	// devEmail receives archived pictures.
	devEmail = "dev@lab.example"
	// swin is the pipeline that the front end falls back on.
	swin = "Swin transformer"
	// fernetKey decrypts the world's pipeline file.
	fernetKey = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
	// poolSize is how many accounts a world has to give away.
	poolSize = 90
)

// world is a running server, set up as a deployment of the original is: by its
// variables, its pipeline file and accounts with known ids.
type world struct {
	server *harness.Server
	models *harness.Models
	facts  *factServer
	drawer *harness.Drawer
	page   *harness.Client // the front end's page
	users  []string
	given  atomic.Int32
}

func newWorld(t *testing.T, store harness.Store) *world {
	t.Helper()
	w := &world{models: harness.NewModels(t), facts: newFactServer(t), drawer: &harness.Drawer{}}
	store = store.With(
		"NACHET_ENV=local", "NACHET_FRONTEND_DEV_URL="+origin, "NACHET_DATA="+w.facts.URL, "DEV_USER_EMAIL="+devEmail,
		"NACHET_BLOB_PIPELINE_DECRYPTION_KEY="+fernetKey,
		"GRANARY_WEB_RATE_BURST=100000", "GRANARY_VISION_NACHET_TEST_PIPELINE=true",
	)
	var fixtures strings.Builder
	fixtures.WriteString("users:\n")
	fmt.Fprintf(&fixtures, "  - {id: %s, email: %s}\n", uuid.NewString(), devEmail)
	for i := range poolSize {
		id := uuid.NewString()
		w.users = append(w.users, id)
		fmt.Fprintf(&fixtures, "  - {id: %s, email: %s}\n", id, email(i))
	}
	store.Command(t, "fixtures", "load", store.Write(t, "fixtures.yaml", []byte(fixtures.String())))
	file := store.Write(t, "0.1.4.json", w.models.LegacyFile(t, swin, "world-key", fernet(t, fernetKey)))
	if got, want := store.Command(t, "pipeline", "import", file), "stored "+swin; got != want {
		t.Fatalf("granary pipeline import = %q, want %q", got, want)
	}
	w.server = harness.Start(t, store)
	w.page = harness.NewClient(w.server.URL, origin)
	return w
}

func email(i int) string { return fmt.Sprintf("user-%d@lab.example", i) }

// user gives away an account that no other test uses, as a visitor who has
// opened the page.
func (w *world) user(t *testing.T) *visitor {
	t.Helper()
	n := int(w.given.Add(1)) - 1
	if n >= len(w.users) {
		t.Fatalf("a world has only %d accounts; raise poolSize", len(w.users))
	}
	return &visitor{w: w, page: w.page, id: w.users[n], email: email(n)}
}

// sequences are what TestFrontEnd and TestTwoServers run, each with accounts of
// its own.
func sequences() map[string]func(*testing.T, *world) {
	return map[string]func(*testing.T, *world){
		"start":          testStart,
		"preflight":      testPreflight,
		"folders":        testFolders,
		"delete":         testDelete,
		"classify":       testClassify,
		"target folder":  testTargetFolder,
		"confirm":        testConfirm,
		"correct":        testCorrect,
		"reject":         testReject,
		"move":           testMove,
		"draw":           testDraw,
		"feedback edges": testFeedbackEdges,
		"batch":          testBatch,
		"seeds":          testSeeds,
		"metadata":       testMetadata,
		"model calls":    testModelCalls,
		"facts":          testFacts,
		"plain":          testPlain,
		"test pipeline":  testPipelineOfTest,
		"validation":     testValidation,
		"quoted errors":  testQuotedErrors,
		"broken models":  testBrokenModels,
		"retried models": testRetriedModels,
		"breaker":        testBreaker,
		"crowd":          testCrowd,
		"slow model":     testSlowModel,
		"bombs":          testBombs,
		"large bodies":   testLargeBodies,
		"hostile bodies": testHostileBodies,
		"hostile names":  testHostileNames,
	}
}

// run runs the sequences at the same time and then checks the store.
func (w *world) run(t *testing.T, tests map[string]func(*testing.T, *world)) {
	t.Helper()
	t.Run("sequences", func(t *testing.T) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, w)
			})
		}
	})
	if got := w.server.Command(t, "check"); !strings.HasPrefix(got, "all is sound") {
		t.Errorf("granary check = %q, want all is sound", got)
	}
}

// TestFrontEnd runs every sequence of the front end on each kind of store,
// against one server that they share.
func TestFrontEnd(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, store harness.Store) {
		t.Helper()
		newWorld(t, store).run(t, sequences())
	})
}

// TestTwoServers runs them against two servers side by side on the same
// stores, to which the requests go in turn.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, harness.Services(t))
	second := harness.Start(t, w.server.Store)
	w.page = w.page.Alternating(second.URL)
	tests := sequences()
	delete(tests, "breaker") // each server makes up its own mind about a model
	w.run(t, tests)
	if n := len(second.LogLines("\"route\":\"/inf\"")); n == 0 {
		t.Error("the second server classified nothing")
	}
}
