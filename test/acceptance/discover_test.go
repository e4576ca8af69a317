package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"slices"
	"strings"
	"testing"
	"time"

	"granary/internal/demos/builtin/descriptor/descriptortest"
	"granary/internal/demos/builtin/regions/layout/layouttest"
	"granary/internal/demos/builtin/vectorization/trace/tracetest"
	"granary/test/front"
	"granary/test/harness"
)

// demoLab is a running server of the demos, set up by the .env of the original.
type demoLab struct {
	server *harness.Server
	api    front.API
}

// callbackGrace is how long the server keeps first callbacks back, and
// recordPause how long the demo front takes to save its record.
const (
	callbackGrace = "600ms"
	recordPause   = 200 * time.Millisecond
)

func newDemoLab(t *testing.T, store harness.Store, settings ...string) *demoLab {
	t.Helper()
	store.Write(t, ".env", []byte(`# the file of an existing installation
TARGET=dev
INSTALLED_APPS="regions,similarity,vectorization,dticlustering,watermarks,search"
API_PORT=0
API_DATA_FOLDER=
PROD_URL=
IIIF_SLEEP=0
REDIS_PASSWORD=
`))
	args := []string{"--set", "services=demos", "--set", "demos.callbacks.grace=" + callbackGrace, "--set", "web.rate_per_second=100000", "--set", "web.rate_burst=100000"}
	for _, setting := range settings {
		args = append(args, "--set", setting)
	}
	server := harness.Start(t, store, args...)
	return &demoLab{server: server, api: front.API{Base: server.URL}}
}

// demo returns a demo front on a machine of its own. Its address of the server
// ends with a slash, as its template says.
func (l *demoLab) demo(t *testing.T, generation int) *front.Demo {
	t.Helper()
	d := front.NewDemo(front.New(t), front.API{Base: l.api.Base + "/"}, generation)
	d.Pause = recordPause
	return d
}

func (l *demoLab) aikon(t *testing.T) *front.Aikon {
	t.Helper()
	return front.NewAikon(front.New(t), l.api)
}

// TestDemoFronts runs the sequences of the demos' front ends on each kind of
// store, against one server that they share.
func TestDemoFronts(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, store harness.Store) {
		t.Helper()
		l := newDemoLab(t, store)
		t.Run("sequences", func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, *demoLab){
				"pipeline":       testPipeline,
				"third":          testThirdGeneration,
				"aikon regions":  testAikonRegions,
				"aikon pairs":    testAikonSimilarity,
				"aikon vectors":  testAikonVectorization,
				"aikon deletes":  testAikonDeletes,
				"watermarks":     testWatermarks,
				"search":         testSearch,
				"clustering":     testClustering,
				"cancel":         testDemoCancel,
				"failure":        testDemoFailure,
				"monitor":        testMonitor,
				"wrong token":    testWrongToken,
				"older requests": testOlderRequests,
				"bad requests":   testBadStarts,
				"file answers":   testFileAnswers,
				"traversal":      testDemoTraversal,
				"hostile zips":   testHostileArchives,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, l)
				})
			}
		})
		if got := l.server.Command(t, "check"); !strings.HasPrefix(got, "all is sound") {
			t.Errorf("granary check = %q, want all is sound", got)
		}
	})
}

// page is a drawn page with figures and text.
func page(t *testing.T, name string, seed uint64) front.Picture {
	t.Helper()
	drawn, err := layouttest.Draw(seed, 900)
	if err != nil {
		t.Fatal(err)
	}
	return picture(t, name, drawn.Gray.Image())
}

// diagram is a drawing in ink.
func diagram(t *testing.T, name string, seed uint64) front.Picture {
	t.Helper()
	return picture(t, name, tracetest.Random(seed, 240, 240, 3).Render().Image())
}

// likeness is a picture, and a copy of it when turned is set.
func likeness(t *testing.T, name string, seed uint64, recompressed bool) front.Picture {
	t.Helper()
	drawn := descriptortest.Picture(seed)
	if recompressed {
		return picture(t, name, descriptortest.Recompress(drawn, 60))
	}
	return picture(t, name, drawn)
}

func picture(t *testing.T, name string, pixels image.Image) front.Picture {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, pixels, nil); err != nil {
		t.Fatal(err)
	}
	return front.Picture{Name: name, Data: out.Bytes(), Width: pixels.Bounds().Dx(), Height: pixels.Bounds().Dy()}
}

// document is an entry of a start request.
func document(kind, uid, src string) map[string]any {
	return map[string]any{"type": kind, "uid": uid, "src": src}
}

// runningLog is the log of a task that has no output yet.
type runningLog struct {
	Status   string   `json:"status"`
	ID       string   `json:"id"`
	Infos    []string `json:"infos"`
	Errors   []string `json:"errors"`
	Progress []struct {
		Current *int64 `json:"current"`
		Total   *int64 `json:"total"`
		Context string `json:"context"`
	} `json:"progress"`
}

// poll asks for a task's status until ok, as the page does, and holds every
// answer before it against the states that a page knows.
func poll(t *testing.T, api front.API, prefix, id, actor string, ok func(log json.RawMessage, state runningLog) bool) json.RawMessage {
	t.Helper()
	var last json.RawMessage
	harness.Eventually(t, "the status of "+id, func() bool {
		log, err := api.Status(t.Context(), prefix, id)
		if err != nil {
			t.Fatal(err)
		}
		var state runningLog
		if err := json.Unmarshal(log, &state); err != nil && string(log) != "null" {
			state = runningLog{} // an output of another shape
		}
		last = log
		switch state.Status {
		case "PENDING":
			if string(log) != `{"status":"PENDING","infos":["Task still running"]}` {
				t.Errorf("log of a waiting task = %s", log)
			}
		case "PROGRESS":
			if state.ID != id || len(state.Infos) > 10 || state.Infos == nil {
				t.Errorf("log of a running task = %s", log)
			}
			if len(state.Infos) > 0 && len(state.Infos) < 10 && state.Infos[0] != "Starting task "+actor {
				t.Errorf("first line of a running task = %q", state.Infos[0])
			}
			for _, bar := range state.Progress {
				if bar.Current == nil || bar.Context == "" {
					t.Errorf("bar of a running task is not whole: %s", log)
				}
			}
		}
		return ok(log, state)
	})
	return last
}

// finished ends poll at the task's output or its failure.
func finished(_ json.RawMessage, state runningLog) bool {
	return state.Status != "PENDING" && state.Status != "PROGRESS"
}

// told checks which callbacks a task had: STARTED, some of progress, the end.
func told(t *testing.T, f *front.Front, id string, parts int, end string) []*front.Callback {
	t.Helper()
	want := append([]string{"STARTED"}, slices.Repeat([]string{"PROGRESS"}, parts)...)
	if got := f.Events(id); !slices.Equal(got, append(want, end)) && !slices.Equal(got, append(want[1:], end)) {
		t.Errorf("callbacks of %s = %q, want STARTED, %d × PROGRESS, %s", id, got, parts, end)
	}
	return f.Callbacks(id)
}

// sameJSON compares two texts as JSON values.
func sameJSON(t *testing.T, a, b json.RawMessage) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Errorf("%v in %.200s", err, a)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Errorf("%v in %.200s", err, b)
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}
