package acceptance

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"granary/test/harness"
)

// waitingApp says where it runs and goes on until its gate is open.
const (
	waitingApp = `
name: waiting
prefixes: [/waiting]
attempts: 3
worker: {command: [sh, wait.sh], mode: plain, grace: 2s, environment: {GATE: %q}}
endpoints:
  - actor: wait
    documents: none
`
	waitingScript = `trap 'touch "$GATE.stopped"; exit 1' TERM
echo "waiting in $TMPDIR"
echo "the last line may be the result, so that it is kept back"
while [ ! -e "$GATE" ]; do sleep 0.1; done
printf '{"where": "%s"}\n' "$TMPDIR"
`
)

// TestWorkersRunTheJobsOfAServerWithoutSlots has three processes with a data
// folder each on one PostgreSQL and one blob store: what front ends ask the
// server for is done by two workers.
func TestWorkersRunTheJobsOfAServerWithoutSlots(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	one, two := l.worker(t), l.worker(t)

	t.Run("results, data sets, downloads and callbacks come from the server", l.servesWhatWorkersMade)
	t.Run("a cancellation reaches the worker", func(t *testing.T) {
		id := l.start(t, "/waiting", fields{})
		l.runsIn(t, id, one, two)
		l.server.Post(t, "/waiting/"+id+"/cancel", nil).OK(t, nil)
		harness.Eventually(t, "the worker's program was told to stop", func() bool {
			_, err := os.Stat(l.gate + ".stopped")
			return err == nil
		})
	})
	id := l.start(t, "/waiting", fields{})
	first := l.runsIn(t, id, one, two)
	second := one
	if first == one {
		second = two
	}
	t.Run("a killed worker's task is taken over", func(t *testing.T) {
		first.Kill(t)
		killed := time.Now()
		l.runsIn(t, id, second)
		t.Logf("taken over after %.1f s", time.Since(killed).Seconds())
	})
	t.Run("a worker that stops gives its task back", func(t *testing.T) {
		second.Stop(t)
		third := l.worker(t)
		l.runsIn(t, id, third)
		if err := os.WriteFile(l.gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var status struct {
			Log struct {
				Where string `json:"where"`
			} `json:"log"`
		}
		harness.Eventually(t, "the task ends", func() bool {
			l.server.Get(t, "/waiting/"+id+"/status").OK(t, &status)
			return status.Log.Where != ""
		})
		if !strings.HasPrefix(status.Log.Where, third.Folder+"/") {
			t.Errorf("the task ended in %s, want a folder of %s", status.Log.Where, third.Folder)
		}
		if got, want := l.events(t, id, "SUCCESS"), []string{"STARTED", "SUCCESS"}; !slices.Equal(got, want) {
			t.Errorf("callbacks of the task = %v, want %v", got, want)
		}
	})
}

// servesWhatWorkersMade asks a server that runs no job for all that a task of
// two documents leaves.
func (l *lab) servesWhatWorkersMade(t *testing.T) {
	id := l.start(t, "/similarity", fields{"documents": []fields{
		{"type": "zip", "uid": "first", "src": l.front.URL + "/first.zip"}, {"type": "zip", "uid": "second", "src": l.front.URL + "/second.zip"},
	}})
	if got, want := l.events(t, id, "SUCCESS"), "SUCCESS"; got[len(got)-1] != want {
		t.Errorf("callbacks = %v, want the last to be %s", got, want)
	}
	var status struct {
		Log struct {
			Dataset string `json:"dataset_url"`
			Results []struct {
				URL string `json:"result_url"`
			} `json:"results_url"`
		} `json:"log"`
	}
	l.server.Get(t, "/similarity/"+id+"/status").OK(t, &status)
	if len(status.Log.Results) == 0 {
		t.Fatal("the task has no results")
	}
	for _, result := range status.Log.Results {
		var scores struct {
			Pairs []any `json:"pairs"`
		}
		l.server.Get(t, strings.TrimPrefix(result.URL, l.server.Base)).OK(t, &scores)
		if len(scores.Pairs) == 0 {
			t.Errorf("%s has no pairs", result.URL)
		}
	}
	var set struct {
		Documents []struct {
			UID      string `json:"uid"`
			Download string `json:"download"`
		} `json:"documents"`
	}
	l.server.Get(t, strings.TrimPrefix(status.Log.Dataset, l.server.Base)).OK(t, &set)
	if len(set.Documents) != 2 {
		t.Fatalf("documents of the data set = %v, want two", set.Documents)
	}
	for _, document := range set.Documents {
		body := l.server.Get(t, strings.TrimPrefix(document.Download, l.server.Base)).OK(t, nil).Body
		archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
		if err != nil || len(archive.File) < 2 {
			t.Errorf("download of %s: %v, want an archive with its pictures", document.UID, err)
		}
	}
}

// TestWorkerRefusesWhatItCannotShare starts workers that would work beside
// the server instead of for it.
func TestWorkerRefusesWhatItCannotShare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a database in a file": {nil, "workers need PostgreSQL"},
		"no slots":             {[]string{"--slots", "0"}, "a worker needs at least 1"},
		"an unknown queue":     {[]string{"--queues", "similarty"}, `there is no queue "similarty"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := harness.Local(t).Try(t, append([]string{"worker"}, test.args...)...)
			if got.Code == 0 || !strings.Contains(got.Stderr, test.want) {
				t.Errorf("granary worker %v = %d %s, want an error with %q", test.args, got.Code, got.Stderr, test.want)
			}
		})
	}
	t.Run("another blob store", func(t *testing.T) {
		t.Parallel()
		store := harness.Services(t)
		server := harness.Start(t, store)
		l := &lab{store: store, server: harness.NewClient(server.URL, "")}
		l.front = l.newFront(t)
		l.events(t, l.start(t, "/similarity", fields{"documents": []fields{{"type": "zip", "src": l.front.URL + "/first.zip"}}}), "SUCCESS")
		got := l.elsewhere(t).With("GRANARY_BLOB_CONTAINER=other-"+uuid.NewString()).Try(t, "worker")
		if want := "is not in this blob store"; got.Code == 0 || !strings.Contains(got.Stderr, want) {
			t.Errorf("granary worker = %d %s, want an error with %q", got.Code, got.Stderr, want)
		}
	})
}

// lab is a server without slots, its stores and a front end.
type lab struct {
	store  harness.Store
	server *harness.Client
	front  *httptest.Server
	// gate is the file for which the waiting app waits.
	gate string

	mu    sync.Mutex
	heard map[string][]string // events by task
}

func newLab(t *testing.T) *lab {
	t.Helper()
	apps := t.TempDir()
	l := &lab{gate: filepath.Join(apps, "gate")}
	for name, text := range map[string]string{"app.yaml": fmt.Sprintf(waitingApp, l.gate), "wait.sh": waitingScript} {
		path := filepath.Join(apps, "waiting", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.store = harness.Services(t).With("GRANARY_DEMOS_APPS_FOLDER="+apps, "GRANARY_DEMOS_APPS=similarity,waiting", "GRANARY_JOBS_DRAIN_TIMEOUT=1s")
	l.server = harness.NewClient(harness.Start(t, l.store, "--slots", "0").URL, "")
	l.front = l.newFront(t)
	return l
}

// elsewhere is the lab's store as another machine has it: with a data folder
// of its own.
func (l *lab) elsewhere(t *testing.T) harness.Store {
	return harness.Store{Folder: t.TempDir(), Env: l.store.Env}
}

// worker starts a worker and waits until it takes jobs.
func (l *lab) worker(t *testing.T) *harness.Server {
	t.Helper()
	w := harness.Launch(t, l.elsewhere(t), "worker", "--slots", "1", "--listen", "127.0.0.1:0")
	harness.Eventually(t, "the worker is ready", func() bool { return strings.Contains(w.Log(), "granary worker is ready") })
	return w
}

// start starts a task and returns its id.
func (l *lab) start(t *testing.T, prefix string, body fields) string {
	t.Helper()
	body["notify_url"] = l.front.URL + "/notify"
	var answer struct {
		ID string `json:"tracking_id"`
	}
	l.server.Post(t, prefix+"/start", body).OK(t, &answer)
	return answer.ID
}

// runsIn waits until the waiting task says that it runs in a data folder of
// one of the workers, which it returns.
func (l *lab) runsIn(t *testing.T, id string, workers ...*harness.Server) (found *harness.Server) {
	t.Helper()
	harness.Eventually(t, "the task runs in one of the workers", func() bool {
		var status struct {
			Log struct {
				Infos []string `json:"infos"`
			} `json:"log"`
		}
		l.server.Get(t, "/waiting/"+id+"/status").OK(t, &status)
		for _, w := range workers {
			if slices.ContainsFunc(status.Log.Infos, func(line string) bool { return strings.HasPrefix(line, "waiting in "+w.Folder+"/") }) {
				found = w
			}
		}
		return found != nil
	})
	return found
}

// events returns the callbacks of a task once one of them has that name.
func (l *lab) events(t *testing.T, id, until string) (events []string) {
	t.Helper()
	harness.Eventually(t, "the front end hears "+until, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		events = slices.Clone(l.heard[id])
		return slices.Contains(events, until)
	})
	return events
}

// newFront serves archives of pictures and takes callbacks.
func (l *lab) newFront(t *testing.T) *httptest.Server {
	l.heard = map[string][]string{}
	drawer := &harness.Drawer{}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			pack := zip.NewWriter(w)
			for i := range 3 {
				entry, err := pack.Create(fmt.Sprintf("%d.jpg", i))
				if err == nil {
					_, err = entry.Write(drawer.Picture(t, "jpeg", 200, 150))
				}
				if err != nil {
					t.Errorf("write %s: %v", r.URL.Path, err)
				}
			}
			if err := pack.Close(); err != nil {
				t.Errorf("write %s: %v", r.URL.Path, err)
			}
			return
		}
		var call struct {
			Event string `json:"event"`
			Task  string `json:"tracking_id"`
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &call)
		}
		if err != nil {
			t.Errorf("callback %.200s: %v", body, err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.heard[call.Task] = append(l.heard[call.Task], call.Event)
	}))
	t.Cleanup(front.Close)
	return front
}

// TestWorkerTellsHowItIs reads a worker's own address.
func TestWorkerTellsHowItIs(t *testing.T) {
	t.Parallel()
	l := &lab{store: harness.Services(t)}
	w := l.worker(t)
	_, rest, _ := strings.Cut(w.Log(), "health    ")
	address, _, _ := strings.Cut(rest, "/readyz")
	client := harness.NewClient(address, "")
	client.Get(t, "/readyz").OK(t, nil)
	if got := string(client.Get(t, "/metrics").Body); !strings.Contains(got, "granary_build_info") {
		t.Errorf("/metrics lacks the build: %.300s", got)
	}
	if got := client.Get(t, "/similarity/monitor"); got.Status != http.StatusNotFound {
		t.Errorf("/similarity/monitor of a worker = %d, want 404", got.Status)
	}
	w.Signal(t, syscall.SIGTERM)
	if code := w.Wait(t); code != 0 {
		t.Errorf("the worker ended with %d, want 0", code)
	}
}
